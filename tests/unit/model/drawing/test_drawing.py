"""A workflow's graph as SVG, Mermaid and Graphviz text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from ergon.model.drawing import dot, mermaid, svg
from ergon.model.drawing.outline import outline
from ergon.model.graph import Graph, compile_graph
from ergon.model.workflow import Workflow

NS = "{http://www.w3.org/2000/svg}"


def graph_of(*steps: dict[str, Any]) -> Graph:
    return compile_graph(Workflow.model_validate({"ergon": 1, "name": "a & b", "steps": list(steps)}))


def step(id: str, *needs: object, **more: object) -> dict[str, Any]:
    return {"id": id, "uses": "core.noop", "needs": list(needs), **more}


RICH = graph_of(
    step("a", name="First {{ parameters.x }} thing"),
    step("fetch", "a", on_error={"step": "spare"}),
    step("spare"),
    step("tell", {"step": "fetch", "on": "failure"}),
    step("read", **{"with": {"value": "{{ steps.fetch.output }}"}}),
    step("off", "read", enabled=False, optional=True),
    step("each", for_each="{{ steps.read.output }}"),
    {
        "id": "route",
        "needs": ["each"],
        "choose": [
            {"when": "steps.a.output > 1", "label": "high", "steps": [step("up"), step("more", "up")]},
            {"otherwise": True, "steps": [step("down")]},
        ],
    },
    {"id": "both", "parallel": [step("p"), {"id": "loop", "until": "true", "max_iterations": 2, "steps": [step("q")]}]},
    step("last", "route", {"step": "both", "label": "<b>&amp;\"'`[x]|"}),
)  # fmt: skip


# ---- what there is to draw -------------------------------------------------------------------------


def test_links_keep_the_strongest_reason() -> None:
    graph = graph_of(step("a"), step("b", "a", **{"with": {"value": "{{ steps.a.output }}"}}))
    (link,) = outline(graph).links
    assert (link.source, link.target, link.style) == ("a", "b", "data")


def test_a_link_says_when_it_is_followed() -> None:
    links = {(link.source, link.target): link for link in outline(RICH).links}
    assert (links["fetch", "tell"].style, links["fetch", "tell"].label) == ("failure", "on failure")
    assert (links["fetch", "spare"].style, links["fetch", "spare"].label) == ("failure", "stands in")
    assert links["a", "fetch"].style == "order"
    assert links["fetch", "read"].style == "data"


def test_a_block_that_only_waits_is_linked_unless_others_say_so() -> None:
    inner = step("x", **{"with": {"value": "{{ steps.a.output }}"}})
    (link,) = outline(graph_of(step("a"), {"id": "fan", "for_each": [1], "steps": [inner]})).links
    assert (link.source, link.target, link.style) == ("a", "fan", "wait")
    fan = {"id": "fan", "for_each": [1], "needs": ["b"], "steps": [inner]}
    links = outline(graph_of(step("a"), step("b", "a"), fan)).links
    assert {(link.source, link.target) for link in links} == {("a", "b"), ("b", "fan")}


def test_blocks_hold_their_branches() -> None:
    shapes = {shape.id: shape for shape in outline(RICH).shapes}
    assert [region.label for region in shapes["route"].regions] == ["high", "otherwise"]
    assert [shape.key for shape in shapes["route"].regions[0].shapes] == ["route.up", "route.more"]
    assert shapes["each"].repeated
    assert shapes["each"].regions == ()
    assert shapes["both"].regions[0].shapes[1].detail == "until true"


# ---- SVG -------------------------------------------------------------------------------------------


def texts(document: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(document).iter(f"{NS}text")]


def test_the_svg_is_well_formed_and_has_every_step() -> None:
    shown = texts(svg(RICH))
    assert {"First … thing", "fetch", "up", "q", "loop", "high", "otherwise"} <= set(shown)
    assert "<b>&amp;\"'`[x]|" in shown


def test_nothing_of_a_workflow_is_markup_in_the_svg() -> None:
    hostile = '</text><script>alert(1)</script>"&'
    document = svg(graph_of(step("a", name=hostile, description=hostile)))
    assert "<script" not in document
    assert ElementTree.fromstring(document).find(f".//{NS}script") is None


def test_boxes_do_not_overlap_and_lie_inside_the_picture() -> None:
    root = ElementTree.fromstring(svg(RICH))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    cards = [r for r in root.iter(f"{NS}rect") if r.attrib["height"] == "46.0" and r.attrib["stroke"] == "#b6c0cd"]
    assert len(cards) == 13
    found = [tuple(float(card.attrib[key]) for key in ("x", "y", "width", "height")) for card in cards]
    for x, y, w, h in found:
        assert 0 <= x <= width - w
        assert 0 <= y <= height - h
    for number, (x, y, w, h) in enumerate(found):
        for other_x, other_y, other_w, other_h in found[number + 1 :]:
            assert x + w < other_x or other_x + other_w < x or y + h < other_y or other_y + other_h < y


def test_lines_run_downward() -> None:
    for path in ElementTree.fromstring(svg(RICH)).iter(f"{NS}path"):
        if "marker-end" in path.attrib:
            ys = [float(y) for y in re.findall(r"[-\d.]+ ([-\d.]+)", path.attrib["d"])]
            assert ys == sorted(ys)


def test_ids_of_two_drawings_do_not_clash() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', svg(graph))) for graph in (RICH, graph_of(step("a")))]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("draw", [svg, mermaid, dot])
def test_an_empty_workflow_can_be_drawn(draw: Any) -> None:
    assert draw(graph_of())


def test_a_circle_is_drawn_all_the_same() -> None:
    assert set(texts(svg(graph_of(step("a", "b"), step("b", "a"))))) >= {"a", "b"}


def test_a_large_workflow_is_drawn_quickly() -> None:
    steps = [step(f"s{n}", *(f"s{m}" for m in {n // 2, n // 3, n - 7} if 0 <= m < n)) for n in range(500)]
    assert texts(svg(graph_of(*steps))).count("s499") == 1


# ---- text ------------------------------------------------------------------------------------------


def test_mermaid_nests_blocks_and_escapes_texts() -> None:
    text = mermaid(RICH)
    assert text.startswith("flowchart TD\n")
    assert text.count("subgraph ") == text.count("\n" + "  " * 1 + "end") + text.count("    end") == 5
    assert '["#lt;b#gt;#amp;amp;' not in text
    assert '-- "#lt;b#gt;#amp;amp;#quot;\'#96;#91;x#93;#124;" -->' in text
    assert re.search(r"s\d+ ==> s\d+", text)


def test_dot_nests_blocks_and_quotes_texts() -> None:
    text = dot(RICH)
    assert text.startswith("digraph workflow {")
    assert text.count("{") == text.count("}")
    assert 'subgraph "cluster_route_0"' in text
    assert 'lhead="cluster_route"' in text
    assert r'label="<b>&amp;\"' in text
