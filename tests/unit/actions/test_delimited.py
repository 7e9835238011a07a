from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.actions.delimited import parse_delimited, print_delimited


def parse(text: str, *, header: bool = True, types: bool = True, delimiter: str = ",") -> list[object]:
    return list(parse_delimited(text, delimiter=delimiter, header=header, types=types))


def test_columns_of_numbers_become_numbers() -> None:
    assert parse("a,b,c\n1,1.5,x\n-2,3,y\n") == [{"a": 1, "b": 1.5, "c": "x"}, {"a": -2, "b": 3.0, "c": "y"}]


@pytest.mark.parametrize(
    "code",
    ["007", "+5", "1_000", "nan", "inf", "0x1f", " 1", "1 ", "1.", ".5", "1e", "1" * 19, "1e400", "٣", "--1", "-"],
)
def test_codes_are_not_numbers_and_keep_their_column_text(code: str) -> None:
    assert parse(f"a\n12\n{code}\n") == [{"a": "12"}, {"a": code}]


def test_empty_cells_are_null_and_hinder_no_column() -> None:
    assert parse("a,b\n1,\n,x\n") == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_without_types_everything_is_text() -> None:
    assert parse("a,b\n1,\n", types=False) == [{"a": "1", "b": ""}]


def test_without_a_header_rows_are_lists() -> None:
    assert parse("1;x\n2;y\n", header=False, delimiter=";") == [[1, "x"], [2, "y"]]


def test_quotes_line_ends_and_blank_lines() -> None:
    assert parse('a,b\r\n"x, ""y""","two\nlines"\r\n\r\n') == [{"a": 'x, "y"', "b": "two\nlines"}]


def test_missing_cells_at_the_end_are_null() -> None:
    assert parse("a,b,c\n1\n") == [{"a": 1, "b": None, "c": None}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells and the header 2"),
        ("a,a\n1,2\n", "two columns are named 'a'"),
        ("a,,b\n", "column 2 has no name"),
        ('a\n"x\n', "line 2: "),
        ("a\n" + "x" * 200_000, "line 2: field larger"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_rows_of_several_shapes_get_all_columns() -> None:
    assert print_delimited([{"a": 1}, {"b": True, "a": None}, {"c": [1, "é"]}], delimiter=",") == (
        'a,b,c\n1,,\n,true,\n,,"[1, ""é""]"\n'
    )


def test_lists_are_rows_without_a_header() -> None:
    assert print_delimited([[1, "x"], (2.5, float("nan"))], delimiter="\t") == "1\tx\n2.5\t\n"


@pytest.mark.parametrize("rows", [[1], ["ab"], [{"a": 1}, [1]]])
def test_what_is_no_row_is_refused(rows: list[object]) -> None:
    with pytest.raises(ValueError, match="row"):
        print_delimited(rows, delimiter=",")


CELL = st.none() | st.integers(-(10**15), 10**15) | st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"))
NAME = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1).filter(str.strip)


@given(st.lists(NAME, min_size=1, max_size=4, unique=True), st.data())
def test_what_is_written_reads_back(names: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELL)), min_size=1, max_size=5))
    text = print_delimited(rows, delimiter=",")
    plain = [{name: "" if row[name] is None else str(row[name]) for name in names} for row in rows]
    if len(names) > 1:  # a single empty cell is a blank line
        assert parse(text, types=False) == plain
