from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ergon.errors import ActionFailed, InputInvalid, PathRefused
from ergon.model.directives import Child

Run = Callable[..., Any]


def test_a_child_is_named_by_its_file(run: Run, tmp_path: Path) -> None:
    """S54."""
    (tmp_path / "child.ergon.yaml").write_text("ergon: 1")
    assert run("workflow.run", path="child.ergon.yaml", parameters={"n": 1}) == Child(
        path=tmp_path / "child.ergon.yaml", parameters={"n": 1}
    )
    assert run("workflow.run", path="child.ergon.yaml").parameters == {}


def test_a_child_must_be_a_file_of_the_workspace(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ActionFailed, match="There is no workflow file gone"):
        run("workflow.run", path="gone.ergon.yaml")
    with pytest.raises(PathRefused):
        run("workflow.run", path="/etc/passwd")
    with pytest.raises(InputInvalid):
        run("workflow.run", path="x", parameters=[1])
