"""file.read, write, append and convert."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas
import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, InputInvalid, PathRefused
from ergon.testing.context import FakeContext

Run = Callable[..., Any]
ROWS = [{"city": "Oslo", "high": 21.5}, {"city": "Bergen", "high": 18.0}]


def failure(run: Run, name: str, **inputs: object) -> str:
    with pytest.raises(ActionFailed) as caught:
        run(name, **inputs)
    text = str(caught.value)
    assert "\n" not in text
    return text


# ---- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("a.txt", "Hé\r\nllo", "Hé\r\nllo"),
        ("a.md", "# A", "# A"),
        ("a.html", "<p>", "<p>"),
        ("a.json", '{"a": [1, null]}', {"a": [1, None]}),
        ("a.yaml", "a: on", {"a": "on"}),
        ("a.yml", "- 1", [1]),
        ("a.csv", "a,b\n1,x\n", [{"a": 1, "b": "x"}]),
        ("a.tsv", "a\tb\n1\tx\n", [{"a": 1, "b": "x"}]),
        ("a.unknown", "plain", "plain"),
        ("A.JSON", "1", 1),
        ("noending", "plain", "plain"),
        ("empty.txt", "", ""),
    ],
)
def test_the_name_says_the_format(run: Run, tmp_path: Path, name: str, content: str, value: object) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert run("file.read", path=name) == value


def test_the_format_can_be_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.data").write_text('{"a": 1}')
    assert run("file.read", path="a.data", format="json") == {"a": 1}
    assert run("file.read", path="a.data", format="bytes") == b'{"a": 1}'


def test_a_byte_order_mark_is_no_text(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert run("file.read", path="a.csv") == [{"a": 1, "b": 2}]


def test_other_encodings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("blå".encode("latin-1"))
    (tmp_path / "b.json").write_bytes('{"a": "blå"}'.encode("utf-16"))
    assert run("file.read", path="a.txt", encoding="latin-1") == "blå"
    assert run("file.read", path="b.json", encoding="utf-16") == {"a": "blå"}
    assert "byte 0xe5 at offset 2" in failure(run, "file.read", path="a.txt")
    assert "latin-1" in failure(run, "file.read", path="b.json")
    assert "no text encoding 'klingon'" in failure(run, "file.read", path="a.txt", encoding="klingon")
    assert "no text encoding 'hex'" in failure(run, "file.read", path="a.txt", encoding="hex")


def test_csv_can_be_read_as_it_stands(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1;007\n")
    assert run("file.read", path="a.csv", header=False, types=False, delimiter=";") == [["1", "007"]]
    with pytest.raises(InputInvalid, match="delimiter"):
        run("file.read", path="a.csv", delimiter="ab")


def test_a_table_may_become_a_data_frame(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    frame = run("file.read", path="a.csv", result="dataframe")
    assert frame.to_dict("records") == [{"a": 1, "b": "x"}]
    (tmp_path / "a.json").write_text("{}")
    assert "data frame" in failure(run, "file.read", path="a.json", result="dataframe")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{a: 1}", "a.json is not sound JSON: line 1, column 2: "),
        ("a.json", "", "line 1, column 1"),
        ("a.json", "[" * 100_000, "nested too deep"),
        ("a.yaml", "a: [", "a.yaml is not sound YAML: line "),
        ("a.csv", "a\n1,2\n", "a.csv is not sound CSV: line 2 has 2 cells and the header 1."),
        ("a.parquet", "no", "a.parquet is not sound Parquet: "),
        ("a.txt", b"\xff\xfe\x00", "not utf-8 text: byte 0xff at offset 0"),
    ],
)
def test_what_is_not_sound_is_told(run: Run, tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert said in failure(run, "file.read", path=name)


def test_what_is_not_there_is_told_with_what_is_near(run: Run, tmp_path: Path) -> None:
    (tmp_path / "weather.csv").write_text("a\n1\n")
    assert failure(run, "file.read", path="wether.csv") == "There is no file wether.csv. Did you mean 'weather.csv'?"
    assert "There is no folder data either" in failure(run, "file.read", path="data/x.csv")
    assert failure(run, "file.read", path="zzz") == "There is no file zzz."


def test_what_is_no_file_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert failure(run, "file.read", path="folder") == "folder is a folder, not a file."
    assert failure(run, "file.read", path="pipe") == "pipe is a device or pipe, not a file."
    assert "x.txt" in failure(run, "file.read", path="pipe/x.txt")


def test_a_large_file_is_refused_before_it_is_read(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(2_000_001)
    assert "larger than 2 MB" in failure(run, "file.read", path="a.bin", max_mb=2)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.txt", "link", "sub/../../secret.txt", "linked/secret.txt"])
def test_nothing_outside_the_workspace_is_read_or_written(path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s3cret")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "sub").mkdir()
    (inside / "link").symlink_to(tmp_path / "secret.txt")
    (inside / "linked").symlink_to(tmp_path)
    context = FakeContext(inside)
    calls: list[tuple[str, dict[str, object]]] = [
        ("file.read", {"path": path}),
        ("file.write", {"path": path, "content": "x"}),
        ("file.append", {"path": path, "content": "x"}),
        ("file.exists", {"path": path}),
        ("file.list", {"path": path}),
        ("file.copy", {"source": path, "target": "copy"}),
        ("file.copy", {"source": "sub", "target": path, "recursive": True}),
        ("file.convert", {"source": path, "target": "a.md"}),
        ("file.convert", {"source": "a.md", "target": path}),
    ]
    for name, inputs in calls:
        made = ActionCatalog().find(name)
        with pytest.raises(PathRefused):
            made.call(context, made.bind(inputs))
    assert (tmp_path / "secret.txt").read_text() == "s3cret"


# ---- writing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "written"),
    [
        ("a.txt", "Hé", "Hé"),
        ("a.txt", 5, "5"),
        ("a.txt", True, "true"),
        ("a.json", {"é": [1, math.nan, math.inf, date(2024, 1, 31), (1,)]}, None),
        ("a.yaml", {"b": 1, "a": "on"}, "b: 1\na: 'on'\n"),
        ("a.csv", ROWS, "city,high\nOslo,21.5\nBergen,18.0\n"),
        ("a.tsv", [[1, "x"]], "1\tx\n"),
        ("a.csv", [], ""),
        ("a.md", ROWS[:1], "| city | high |\n| --- | --- |\n| Oslo | 21.5 |\n"),
        ("a.bin", b"\x00\xff", b"\x00\xff"),
        ("a.bin", "text", b"text"),
    ],
)
def test_content_is_written_as_its_format_says(
    run: Run, tmp_path: Path, name: str, content: object, written: Any
) -> None:
    output = run("file.write", path=name, content=content)
    data = (tmp_path / name).read_bytes()
    if written is None:
        assert json.loads(data) == {"é": [1, None, None, "2024-01-31", [1]]}
    else:
        assert data == (written if isinstance(written, bytes) else written.encode())
    assert output == {
        "path": str(tmp_path / name),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "created": True,
    }


def test_rows_written_as_html_are_a_page_with_a_table(run: Run, tmp_path: Path) -> None:
    run("file.write", path="cities.html", content=[{"a": "<b>"}])
    text = (tmp_path / "cities.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "<title>cities</title>" in text
    assert "<td>&lt;b&gt;</td>" in text


def test_a_data_frame_is_written_as_its_rows(run: Run, tmp_path: Path) -> None:
    frame = pandas.DataFrame({"a": [1, 2], "b": [1.5, None], "t": pandas.to_datetime(["2024-01-01", None])})
    for name in ("a.csv", "a.json", "a.yaml"):
        run("file.write", path=name, content=frame)
        assert run("file.read", path=name)[1] == {"a": 2, "b": None, "t": None}
    run("file.write", path="a.parquet", content=frame)
    assert run("file.read", path="a.parquet")[1] == {"a": 2, "b": None, "t": None}
    assert run("file.read", path="a.parquet", result="dataframe")["a"].tolist() == [1, 2]


def test_parquet_of_rows(run: Run) -> None:
    run("file.write", path="a.parquet", content=[{"a": 1}, {"a": None, "b": "x"}])
    assert run("file.read", path="a.parquet") == [{"a": 1, "b": None}, {"a": None, "b": "x"}]
    said = failure(run, "file.write", path="a.parquet", content=[{"a": 1}, {"a": "x"}])
    assert "column 'a' are not of one kind" in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", {"a": 1}, "it needs text, not a mapping; say `format: json`"),
        ("a.md", None, "it needs text, not null"),
        ("a.csv", "text", "must be rows"),
        ("a.csv", [1, 2], "row 0 is a int"),
        ("a.parquet", "text", "must be rows"),
        ("a.bin", [1], "it needs bytes or text, not a list"),
        ("a.yaml", object(), "YAML has no form"),
        ("a.json", object(), "cannot be written as JSON"),
    ],
)
def test_content_that_does_not_fit_is_told(run: Run, tmp_path: Path, name: str, content: object, said: str) -> None:
    assert said in failure(run, "file.write", path=name, content=content)
    assert list(tmp_path.iterdir()) == []


def test_content_that_holds_itself_is_told(run: Run) -> None:
    loop: list[object] = []
    loop.append(loop)
    for name in ("a.json", "a.yaml"):
        assert "holds itself" in failure(run, "file.write", path=name, content=loop)


def test_text_that_an_encoding_does_not_have_is_told(run: Run) -> None:
    run("file.write", path="a.txt", content="blå", encoding="latin-1")
    assert "'→', which latin-1 does not have" in failure(
        run, "file.write", path="a.txt", content="→", encoding="latin-1"
    )


def test_parents_are_made_and_replacing_is_whole(run: Run, tmp_path: Path) -> None:
    run("file.write", path="a/b/c.txt", content="one")
    file = tmp_path / "a/b/c.txt"
    file.chmod(0o640)
    assert run("file.write", path="a/b/c.txt", content="two")["created"] is False
    assert file.read_text() == "two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [each.name for each in file.parent.iterdir()] == ["c.txt"]


def test_new_files_have_the_usual_mode(run: Run, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        run("file.write", path="a.txt", content="x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_write_that_cannot_be_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    assert "folder is a folder" in failure(run, "file.write", path="folder", content="x")
    assert "file/x.txt cannot be made" in failure(run, "file.write", path="file/x.txt", content="x")
    assert "cannot be used" in failure(run, "file.write", path="x" * 300, content="x")
    with pytest.raises(InputInvalid):
        run("file.write", path="", content="x")


def test_overwriting_can_be_refused_but_not_to_a_second_attempt(run: Run, tmp_path: Path) -> None:
    run("file.write", path="a.txt", content="one", overwrite=False)
    run("file.write", path="a.txt", content="one", overwrite=False)
    other = FakeContext(tmp_path, step="other")
    made = ActionCatalog().find("file.write")
    with pytest.raises(ActionFailed, match="is there already"):
        made.call(other, made.bind({"path": "a.txt", "content": "two", "overwrite": False}))
    assert (tmp_path / "a.txt").read_text() == "one"


def test_undo_removes_only_what_the_step_made(run: Run, tmp_path: Path, context: FakeContext) -> None:
    """S30."""
    made = ActionCatalog().find("file.write")
    output = run("file.write", path="a.txt", content="one")
    made.undo(context, output)
    assert not (tmp_path / "a.txt").exists()
    made.undo(context, output)
    output = run("file.write", path="a.txt", content="one")
    (tmp_path / "a.txt").write_text("edited")
    with pytest.raises(ActionFailed, match="changed since"):
        made.undo(context, output)
    with pytest.raises(ActionFailed, match="cannot be brought back"):
        made.undo(context, run("file.write", path="a.txt", content="two"))
    assert (tmp_path / "a.txt").read_text() == "two"


# ---- appending -----------------------------------------------------------------------------------------------


def append(tmp_path: Path, journal: dict[str, object] | None = None, **inputs: object) -> Any:
    made = ActionCatalog().find("file.append")
    return made.call(FakeContext(tmp_path, journal=journal), made.bind(inputs))


def test_text_is_added_to_the_end(tmp_path: Path) -> None:
    append(tmp_path, path="log/a.txt", content="one\n")
    output = append(tmp_path, path="log/a.txt", content="twø\n")
    assert (tmp_path / "log/a.txt").read_text() == "one\ntwø\n"
    assert output == {"path": str(tmp_path / "log/a.txt"), "size": 9, "added": 5}


def test_rows_are_added_under_their_columns(tmp_path: Path) -> None:
    append(tmp_path, path="a.csv", content=ROWS[:1])
    append(tmp_path, path="a.csv", content=[{"high": 1, "city": "x"}, {"city": "y"}])
    assert (tmp_path / "a.csv").read_text() == "city,high\nOslo,21.5\nx,1\ny,\n"
    with pytest.raises(ActionFailed, match=r"no column 'low'\. It has: city, high"):
        append(tmp_path, path="a.csv", content=[{"low": 1}])


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.parquet", "a.png"])
def test_what_has_no_end_to_add_to_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ActionFailed, match="Nothing can be added"):
        append(tmp_path, path=name, content=[])


def test_a_second_attempt_adds_nothing_twice(tmp_path: Path) -> None:
    journal: dict[str, object] = {}
    append(tmp_path, journal, path="a.csv", content=ROWS)
    append(tmp_path, journal, path="a.csv", content=ROWS)
    assert (tmp_path / "a.csv").read_text() == "city,high\nOslo,21.5\nBergen,18.0\n"
    (tmp_path / "a.csv").write_text("city,high\n")
    with pytest.raises(ActionFailed, match="was changed"):
        append(tmp_path, journal, path="a.csv", content=ROWS)


# ---- converting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["b.json", "b.yaml", "b.csv", "b.tsv", "b.parquet"])
def test_data_converts_to_data(run: Run, target: str) -> None:
    run("file.write", path="a.csv", content=ROWS)
    run("file.convert", source="a.csv", target=target)
    assert run("file.read", path=target) == ROWS


def test_data_converts_to_tables(run: Run, tmp_path: Path) -> None:
    run("file.write", path="a.json", content=ROWS)
    run("file.convert", source="a.json", target="b.md")
    run("file.convert", source="a.json", target="b.html")
    assert (tmp_path / "b.md").read_text().startswith("| city | high |")
    assert "<td>Bergen</td>" in (tmp_path / "b.html").read_text()


def test_markup_and_encodings_convert(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Blå")
    run("file.convert", source="a.md", target="a.html")
    assert "<h1>Blå</h1>" in (tmp_path / "a.html").read_text()
    run("file.convert", source="a.html", target="a.txt", target_encoding="latin-1")
    assert (tmp_path / "a.txt").read_bytes() == "Blå\n".encode("latin-1")
    run("file.convert", source="a.txt", target="b.txt", source_encoding="latin-1")
    assert (tmp_path / "b.txt").read_text() == "Blå\n"


@pytest.mark.parametrize(
    ("source", "target"), [("a.txt", "b.json"), ("a.html", "b.md"), ("a.json", "b.txt"), ("a.md", "b.csv")]
)
def test_what_does_not_convert_is_told(run: Run, tmp_path: Path, source: str, target: str) -> None:
    (tmp_path / source).write_text("[1]")
    assert "cannot be" in failure(run, "file.convert", source=source, target=target)
    assert not (tmp_path / target).exists()


def test_a_value_that_is_no_table_does_not_become_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert "must be rows" in failure(run, "file.convert", source="a.json", target="b.csv")
