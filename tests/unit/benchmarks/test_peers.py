"""The pure parts of the comparison with other engines: graphs, rows, ratios, pins."""

from pathlib import Path

import pytest
from benchmarks.peers.catalog import PEERS
from benchmarks.peers.driver import Task
from benchmarks.peers.failure import last_line
from benchmarks.peers.table import HEAD, Row
from benchmarks.shapes import needs


def row(*, seconds: float | None = None, ergon: float | None = None, reason: str = "") -> Row:
    return Row("peer", "1.2.3", "off", "chain", 1000, "off", seconds, ergon, reason)


def test_ratio_is_the_peers_time_over_ergons() -> None:
    assert row(seconds=3.0, ergon=1.5).ratio == 2.0


@pytest.mark.parametrize(("seconds", "ergon"), [(None, 1.0), (1.0, None), (None, None)])
def test_no_ratio_without_both_times(seconds: float | None, ergon: float | None) -> None:
    assert row(seconds=seconds, ergon=ergon).ratio is None


def test_a_measured_row_gives_microseconds_a_step_under_the_heads_columns() -> None:
    line = row(seconds=0.5, ergon=0.2).line()
    assert line.split() == ["peer", "1.2.3", "off", "chain", "1000", "500.0", "off", "200.0", "2.50"]
    assert len(line) == len(HEAD)


def test_a_row_that_was_not_measured_says_why_and_gives_no_numbers() -> None:
    assert row(reason="no network").line().endswith("1000  not measured: no network")


def test_a_row_of_fewer_steps_ends_with_its_note() -> None:
    fewer = Row("peer", "1", "off", "grid", 200, "off", 0.5, 0.2, note="not 1000: too slow")
    assert fewer.line().endswith(" 2.50  not 1000: too slow")


def test_the_last_line_of_a_complaint_is_its_reason() -> None:
    assert last_line("Traceback\n  File\nTypeError: no\n\n") == "TypeError: no"
    assert last_line("\n") == "it said nothing"


@pytest.mark.parametrize(("shape", "waves"), [("chain", 30), ("fan-out", 1), ("grid", 3)])
def test_waves_hold_every_step_once_after_those_that_it_needs(shape: str, waves: int) -> None:
    graph = [needs(shape, number) for number in range(30)]
    found = Task(graph, durable=False, folder=Path()).waves()
    assert len(found) == waves
    assert sorted(number for wave in found for number in wave) == list(range(30))
    place = {number: wave for wave, numbers in enumerate(found) for number in numbers}
    assert all(place[source] < place[number] for number in range(30) for source in graph[number])


def test_every_peer_is_pinned_and_has_a_driver() -> None:
    drivers = Path(__file__).parents[3] / "benchmarks" / "peers" / "drivers"
    assert {peer.name for peer in PEERS} == {path.stem for path in drivers.glob("[!_]*.py")}
    assert all(pin.count("==") == 1 for peer in PEERS for pin in peer.pins)
