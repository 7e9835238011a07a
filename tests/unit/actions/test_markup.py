from __future__ import annotations

from ergon.actions.markup import html_table, html_to_text, markdown_table, markdown_to_html

ROWS: list[dict[str, object]] = [{"city": "<Oslo>", "high": 1.5}, {"city": "a|b\nc", "note": [1, "x"], "ok": True}]


def test_a_table_in_html_escapes_what_it_holds() -> None:
    text = html_table(ROWS)
    assert "<th>city</th><th>high</th><th>note</th><th>ok</th>" in text
    assert "<td>&lt;Oslo&gt;</td><td>1.5</td><td></td><td></td>" in text
    assert "<Oslo>" not in text


def test_a_table_in_markdown_keeps_its_columns() -> None:
    assert markdown_table(ROWS) == (
        "| city | high | note | ok |\n| --- | --- | --- | --- |\n"
        '| <Oslo> | 1.5 |  |  |\n| a\\|b c |  | [1, "x"] | true |\n'
    )


def test_markdown_becomes_html_and_never_raw_html() -> None:
    text = markdown_to_html("# Hi\n\n| a |\n|---|\n| 1 |\n\n<script>alert(1)</script> **b**")
    assert "<h1>Hi</h1>" in text
    assert "<td>1</td>" in text
    assert "<script>" not in text


def test_html_becomes_the_text_that_it_shows() -> None:
    page = "<html><head><title>T</title><style>p{}</style></head><body><h1>A &amp; b</h1><p>one\ntwo<br>three</p>"
    page += "<table><tr><td>x</td><td>y</td></tr></table><script>bad()</script></body></html>"
    assert html_to_text(page) == "A & b\none two\nthree\nx y\n"
    assert html_to_text("</script></style><p>seen") == "seen\n"
