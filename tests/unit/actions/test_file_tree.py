"""file.copy, move, delete, list and exists."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, PathRefused
from ergon.testing.context import FakeContext

Run = Callable[..., Any]


def attempt(tmp_path: Path, name: str, journal: dict[str, object] | None = None, **inputs: Any) -> Any:
    """Call an action as a step of its own, or as a further attempt of the one that shares the journal."""
    made = ActionCatalog().find(name)
    return made.call(FakeContext(tmp_path, journal=journal), made.bind(inputs))


def failure(tmp_path: Path, name: str, **inputs: Any) -> str:
    with pytest.raises(ActionFailed) as caught:
        attempt(tmp_path, name, **inputs)
    return str(caught.value)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "sub/deep").mkdir(parents=True)
    (tmp_path / "sub/b.csv").write_text("b")
    (tmp_path / "sub/deep/c.csv").write_text("cc")
    (tmp_path / "sub/.hidden").write_text("h")
    return tmp_path


# ---- copy ----------------------------------------------------------------------------------------------------


def test_a_file_is_copied(tree: Path) -> None:
    (tree / "a.txt").chmod(0o750)
    output = attempt(tree, "file.copy", source="a.txt", target="new/b.txt")
    assert (tree / "new/b.txt").read_text() == "a"
    assert (tree / "new/b.txt").stat().st_mode & 0o777 == 0o750
    assert (output["path"], output["size"], output["created"]) == (str(tree / "new/b.txt"), 1, True)


def test_a_target_that_ends_with_a_slash_is_a_folder(tree: Path) -> None:
    attempt(tree, "file.copy", source="a.txt", target="sub/")
    assert (tree / "sub/a.txt").read_text() == "a"
    assert "Write 'sub/'" in failure(tree, "file.copy", source="a.txt", target="sub")


def test_a_folder_is_copied_when_that_is_said_and_twice_the_same(tree: Path) -> None:
    assert "recursive: true" in failure(tree, "file.copy", source="sub", target="new")
    for _ in range(2):
        attempt(tree, "file.copy", source="sub", target="new", recursive=True)
        assert sorted(str(p.relative_to(tree / "new")) for p in (tree / "new").rglob("*")) == [
            ".hidden", "b.csv", "deep", "deep/c.csv",
        ]  # fmt: skip


def test_links_are_copied_as_links(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("s3cret")
    (tree / "sub/link").symlink_to(secret)
    attempt(tree, "file.copy", source="sub", target="new", recursive=True)
    assert (tree / "new/link").is_symlink()


def test_what_cannot_be_copied_is_told(tree: Path) -> None:
    assert "There is no file gone" in failure(tree, "file.copy", source="gone", target="x")
    assert "onto itself" in failure(tree, "file.copy", source="a.txt", target="./a.txt")
    assert "into itself" in failure(tree, "file.copy", source="sub", target="sub/deep/x", recursive=True)
    assert "is there already" in failure(tree, "file.copy", source="a.txt", target="sub/b.csv", overwrite=False)


def test_undo_of_a_copy_removes_it(tree: Path, context: FakeContext) -> None:
    """S30."""
    output = attempt(tree, "file.copy", source="a.txt", target="b.txt")
    ActionCatalog().find("file.copy").undo(context, output)
    assert not (tree / "b.txt").exists()


def test_undo_of_a_copied_folder_says_that_it_stays(tree: Path, context: FakeContext) -> None:
    output = attempt(tree, "file.copy", source="sub", target="new", recursive=True)
    with pytest.raises(ActionFailed, match="folder"):
        ActionCatalog().find("file.copy").undo(context, output)
    assert (tree / "new").is_dir()


# ---- move ----------------------------------------------------------------------------------------------------


def test_a_file_and_a_folder_are_moved(tree: Path) -> None:
    output = attempt(tree, "file.move", source="a.txt", target="new/b.txt")
    assert not (tree / "a.txt").exists()
    assert (tree / "new/b.txt").read_text() == "a"
    assert output == {"path": str(tree / "new/b.txt"), "source": str(tree / "a.txt"), "created": True}
    attempt(tree, "file.move", source="sub", target="new/")
    assert (tree / "new/sub/deep/c.csv").read_text() == "cc"


def test_a_move_that_was_cut_off_after_it_was_done_is_done(tree: Path) -> None:
    """S42: a step that was running runs again."""
    journal: dict[str, object] = {}
    first = attempt(tree, "file.move", journal, source="a.txt", target="b.txt")
    assert attempt(tree, "file.move", journal, source="a.txt", target="b.txt") == first
    (tree / "b.txt").write_text("somebody else's")
    with pytest.raises(ActionFailed, match=r"There is no file a\.txt"):
        attempt(tree, "file.move", journal, source="a.txt", target="b.txt")


def test_a_link_itself_is_moved(tree: Path) -> None:
    (tree / "link").symlink_to("a.txt")
    attempt(tree, "file.move", source="link", target="other")
    assert (tree / "other").is_symlink()
    assert (tree / "a.txt").exists()


def test_what_cannot_be_moved_is_told(tree: Path) -> None:
    (tree / ".ergon").mkdir()
    assert "There is no file gone" in failure(tree, "file.move", source="gone", target="x")
    assert "Write 'sub/'" in failure(tree, "file.move", source="a.txt", target="sub")
    assert "into itself" in failure(tree, "file.move", source="sub", target="sub/deep/x")
    assert "is there already" in failure(tree, "file.move", source="a.txt", target="sub/b.csv", overwrite=False)
    for home in (".", ".ergon", "sub/.."):
        assert "it stays" in failure(tree, "file.move", source=home, target="x/y")
    with pytest.raises(PathRefused):
        attempt(tree, "file.move", source="a.txt", target="../x")


def test_undo_of_a_move_moves_back(tree: Path, context: FakeContext) -> None:
    """S30."""
    made = ActionCatalog().find("file.move")
    made.undo(context, attempt(tree, "file.move", source="a.txt", target="new/b.txt"))
    assert (tree / "a.txt").read_text() == "a"
    replaced = attempt(tree, "file.move", source="a.txt", target="sub/b.csv")
    with pytest.raises(ActionFailed, match="cannot be brought back"):
        made.undo(context, replaced)


# ---- delete --------------------------------------------------------------------------------------------------


def test_files_are_deleted_and_folders_when_that_is_said(tree: Path) -> None:
    assert attempt(tree, "file.delete", path="a.txt") == {"path": str(tree / "a.txt"), "deleted": True}
    assert not (tree / "a.txt").exists()
    assert "recursive: true" in failure(tree, "file.delete", path="sub")
    attempt(tree, "file.delete", path="sub", recursive=True)
    assert not (tree / "sub").exists()


def test_what_is_gone_already_fails_unless_that_is_all_right(tree: Path) -> None:
    assert "There is no file gone. Say `missing_ok: true`" in failure(tree, "file.delete", path="gone")
    assert attempt(tree, "file.delete", path="gone", missing_ok=True)["deleted"] is False
    journal: dict[str, object] = {}
    attempt(tree, "file.delete", journal, path="a.txt")
    assert attempt(tree, "file.delete", journal, path="a.txt")["deleted"] is True


def test_a_link_is_deleted_and_never_what_it_points_at(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").write_text("kept")
    (tree / "link").symlink_to(outside)
    (tree / "broken").symlink_to("nowhere")
    attempt(tree, "file.delete", path="link", recursive=True)
    attempt(tree, "file.delete", path="broken")
    assert not os.path.lexists(tree / "link")
    assert not os.path.lexists(tree / "broken")
    assert (outside / "kept").exists()
    with pytest.raises(PathRefused):
        attempt(tree, "file.delete", path=f"../{outside.name}/kept")


@pytest.mark.parametrize("path", [".", "", "./", "sub/..", ".ergon", "../"])
def test_what_the_run_lives_in_is_never_deleted(tree: Path, path: str) -> None:
    (tree / ".ergon").mkdir()
    made = ActionCatalog().find("file.delete")
    with pytest.raises(Exception, match=r"it stays|outside|at least 1"):
        made.call(FakeContext(tree), made.bind({"path": path, "recursive": True}))
    assert (tree / "a.txt").exists()
    assert (tree / ".ergon").exists()


# ---- list, exists --------------------------------------------------------------------------------------------


def names(tree: Path, **inputs: Any) -> list[str]:
    return [str(Path(each["path"]).relative_to(tree)) for each in attempt(tree, "file.list", **inputs)]


def test_files_are_listed_in_order(tree: Path) -> None:
    assert names(tree) == ["a.txt"]
    assert names(tree, path="sub") == ["sub/b.csv"]
    assert names(tree, pattern="**/*.csv") == ["sub/b.csv", "sub/deep/c.csv"]
    assert names(tree, path="sub", hidden=True) == ["sub/.hidden", "sub/b.csv"]
    assert names(tree, pattern="*", kind="folder") == ["sub"]
    assert names(tree, pattern="*", kind="any") == ["a.txt", "sub"]


def test_what_is_listed_is_described(tree: Path) -> None:
    (found,) = attempt(tree, "file.list", path="sub/deep")
    assert {**found, "modified": 0} == {
        "path": str(tree / "sub/deep/c.csv"), "name": "c.csv", "kind": "file", "size": 2, "modified": 0,
    }  # fmt: skip


def test_links_out_of_the_workspace_are_not_listed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.txt").write_text("x")
    (tree / "out").symlink_to(outside)
    (tree / "link.txt").symlink_to(outside / "x.txt")
    (tree / "broken.txt").symlink_to("nowhere")
    assert names(tree, pattern="*", kind="any") == ["a.txt", "sub"]
    assert names(tree, pattern="*/*.txt") == []


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "a/../../*", ""])
def test_a_pattern_stays_inside_its_folder(tree: Path, pattern: str) -> None:
    assert "inside the folder" in failure(tree, "file.list", pattern=pattern)
    assert ActionCatalog().find("file.list").check({"pattern": pattern}, templated=frozenset())


def test_what_is_no_folder_cannot_be_listed(tree: Path) -> None:
    assert failure(tree, "file.list", path="a.txt") == "a.txt is a file, not a folder."
    assert failure(tree, "file.list", path="gone") == "gone is not there."


def test_exists_says_what_is_there(tree: Path) -> None:
    asked = [
        attempt(tree, "file.exists", path=path, kind=kind)
        for path in ("a.txt", "sub", "gone")
        for kind in ("any", "file", "folder")
    ]
    assert asked == [True, True, False, True, False, True, False, False, False]
