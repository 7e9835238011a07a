"""notebook.run with secrets, in a real kernel (S48)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
import pytest

from ergon.testing.runs import Bench

nbformat: Any = untyped_nbformat
v4: Any = untyped_nbformat.v4
SECRET = "s3cr3t-of-the-notebook"


def book(file: Path, last: str) -> None:
    cells = [v4.new_code_cell("token = ''", metadata={"tags": ["parameters"]}), v4.new_code_cell("print(token)\ntoken")]
    cells.append(v4.new_code_cell(last))
    spec = {"name": "python3", "display_name": "Python"}
    nbformat.write(v4.new_notebook(metadata={"kernelspec": spec}, cells=cells), file)


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ("from ergon.notebook.output import output\noutput(token=token, raw=token.encode() * 9)", "succeeded"),
        ("raise ValueError('not ' + token)", "failed"),
    ],
)
def test_s48_nothing_that_a_notebook_leaves_holds_a_secret(tmp_path: Path, last: str, status: str) -> None:
    book(tmp_path / "book.ipynb", last)
    given = {"path": "book.ipynb", "parameters": {"token": "{{ secrets.TOKEN }}"}}
    with Bench(tmp_path, secrets={"TOKEN": SECRET}) as bench:
        run = bench.run([{"id": "book", "uses": "notebook.run", "with": given}])
        assert run.status == status
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    executed = [file for file in files if file.suffix == ".ipynb" and file.parent != tmp_path]
    assert len(executed) == 1
    assert "***" in executed[0].read_text("utf-8")
    nbformat.validate(nbformat.read(executed[0], as_version=4))
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []
    assert list(tmp_path.rglob(".notebook-*")) == []
