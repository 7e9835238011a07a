"""What only artifacts in a folder do: survive, be shared, be damaged."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ergon.adapters.artifacts.folder import FolderArtifacts
from ergon.errors import ArtifactDamaged, StoreError, StoreFull, StoreReadOnly


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts((tmp_path / "artifacts").as_uri())


def the_file(artifacts: FolderArtifacts, sha256: str) -> Path:
    path = artifacts.path(sha256)
    assert path is not None
    return path


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_file_is_named_by_its_hash_in_a_folder_of_the_first_two_digits(artifacts: FolderArtifacts) -> None:
    sha256 = artifacts.put(b"x")
    assert the_file(artifacts, sha256) == artifacts.root / sha256[:2] / sha256[2:]


def test_nobody_else_can_read_what_is_kept(artifacts: FolderArtifacts) -> None:
    path = the_file(artifacts, artifacts.put(b"x"))
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, artifacts.root)]
    assert modes == [0o600, 0o700, 0o700]


def test_s42_bytes_and_their_folder_are_synced_before_put_returns(
    artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S42: temporary file, fsync, rename, fsync of the folder, in this order."""
    done: list[str] = []

    def sync(descriptor: int) -> None:
        found = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append(f"sync {found.name if found.is_dir() else 'file'}")
        os.fsync(descriptor)

    replace = os.replace

    def rename(old: Path, new: Path) -> None:
        done.append("rename")
        replace(old, new)

    monkeypatch.setattr("ergon.adapters.artifacts.folder._sync", sync)
    monkeypatch.setattr("ergon.adapters.artifacts.folder.os.replace", rename)
    sha256 = artifacts.put(b"x")
    made = [f"sync {artifacts.root.parent.name}", "sync file", "sync artifacts", "rename", f"sync {sha256[:2]}"]
    assert done == made
    done.clear()
    artifacts.put(b"x")
    assert done == [f"sync {sha256[:2]}"]
    done.clear()
    FolderArtifacts(artifacts.url).put(b"x")  # another process, perhaps before the first one came to its syncs
    assert done == ["sync artifacts", f"sync {sha256[:2]}"]


def test_damaged_bytes_are_never_given(artifacts: FolderArtifacts) -> None:
    sha256 = artifacts.put(b"content")
    the_file(artifacts, sha256).write_bytes(b"c0ntent")
    with pytest.raises(ArtifactDamaged, match="does not have its content"):
        artifacts.get(sha256)


@pytest.mark.parametrize("damage", [b"c0ntent", b"", b"content and more"])
def test_damaged_bytes_are_replaced_when_they_are_put_again(artifacts: FolderArtifacts, damage: bytes) -> None:
    sha256 = artifacts.put(b"content")
    the_file(artifacts, sha256).write_bytes(damage)
    assert artifacts.put(b"content") == sha256
    assert artifacts.get(sha256) == b"content"


def test_what_cannot_be_read_is_damage(artifacts: FolderArtifacts) -> None:
    sha256 = artifacts.put(b"content")
    path = the_file(artifacts, sha256)
    path.unlink()
    path.mkdir()
    with pytest.raises(ArtifactDamaged, match="cannot be read"):
        artifacts.get(sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "ABC", "0" * 63, "0" * 64 + "\n"])
def test_only_a_hash_names_a_file(artifacts: FolderArtifacts, name: str) -> None:
    with pytest.raises(ArtifactDamaged, match="is no sha256"):
        artifacts.get(name)


def test_other_files_in_the_folder_are_no_artifacts(artifacts: FolderArtifacts) -> None:
    sha256 = artifacts.put(b"x")
    (artifacts.root / "README").write_text("hello")
    (artifacts.root / sha256[:2] / "note").write_text("hello")
    assert artifacts.hashes() == {sha256}


def test_s49_what_a_killed_writer_left_is_swept_when_it_is_old(artifacts: FolderArtifacts) -> None:
    kept = artifacts.put(b"kept")
    old, new = artifacts.root / ".arriving-1-a", artifacts.root / ".arriving-2-b"
    old.write_bytes(b"12345")
    new.write_bytes(b"12345")
    age(old, 2 * 3600)
    assert artifacts.hashes() == {kept}
    assert artifacts.sweep() == 5
    assert (old.exists(), new.exists()) == (False, True)


def test_s49_a_killed_removal_is_taken_back(artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = artifacts.put(b"content")
    path = the_file(artifacts, sha256)
    path.rename(path.with_name(f".leaving-{path.name}"))
    assert artifacts.sweep() == 0
    assert not artifacts.has(sha256)  # its remover may still live
    later = time.time() + 2 * 3600
    monkeypatch.setattr("ergon.adapters.artifacts.folder.time.time", lambda: later)
    artifacts.sweep()
    assert artifacts.get(sha256) == b"content"


def test_s49_old_bytes_that_are_put_while_they_are_removed_stay(
    artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S49: a run that lives may put bytes, which no event names yet, at any instant of a pruning."""
    sha256 = artifacts.put(b"content")
    age(the_file(artifacts, sha256), 7200)
    replace = os.replace

    def rename(old: Path, new: Path) -> None:
        if ".leaving-" in str(new):
            artifacts.put(b"content")
        replace(old, new)

    monkeypatch.setattr("ergon.adapters.artifacts.folder.os.replace", rename)
    assert artifacts.remove(sha256, older=3600) == 0
    assert artifacts.get(sha256) == b"content"


def test_s49_old_bytes_are_removed(artifacts: FolderArtifacts) -> None:
    sha256 = artifacts.put(b"content")
    age(the_file(artifacts, sha256), 7200)
    assert artifacts.remove(sha256, older=3600) == 7
    assert list(artifacts.root.rglob("*")) == [artifacts.root / sha256[:2]]


def test_a_file_that_changes_while_it_is_copied_is_kept_as_it_was_copied(
    artifacts: FolderArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"before")
    settle = artifacts._settle_existing

    def change(sha256: str, size: int) -> bool:
        source.write_bytes(b"after it")
        return settle(sha256, size)

    monkeypatch.setattr(artifacts, "_settle_existing", change)
    sha256, size = artifacts.put_file(source)
    assert (artifacts.get(sha256), size) == (b"after it", 8)


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.ENOSPC, StoreFull, "has no room for 7 bytes"),
        (errno.EROFS, StoreReadOnly, "may not be written"),
        (errno.EIO, StoreError, "cannot be written"),
    ],
)
def test_a_disk_that_refuses_is_one_sentence_and_leaves_nothing(
    artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch, number: int, error: type[StoreError], words: str
) -> None:
    def refuse(descriptor: int) -> None:
        if not os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("ergon.adapters.artifacts.folder._sync", refuse)
    with pytest.raises(error, match=words):
        artifacts.put(b"content")
    assert list(artifacts.root.iterdir()) == []


_WRITER = """
import sys
from ergon.adapters.artifacts.folder import FolderArtifacts
artifacts = FolderArtifacts(sys.argv[1])
sys.stdin.readline()
for number in range(25):
    artifacts.put(b"%d" % number * 2000)
"""


def test_processes_may_put_the_same_bytes_at_once(artifacts: FolderArtifacts) -> None:
    command = [sys.executable, "-c", _WRITER, artifacts.url]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(3)]
    for writer in writers:
        writer.communicate(b"go\n", timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sorted(map(artifacts.get, artifacts.hashes())) == sorted(b"%d" % n * 2000 for n in range(25))
    assert not list(artifacts.root.glob(".arriving-*"))


@pytest.mark.parametrize("url", ["file://elsewhere/a", "s3://bucket/a", "/a/folder", "file:"])
def test_only_a_folder_of_this_machine_will_do(url: str) -> None:
    with pytest.raises(StoreError, match="is no folder on this machine"):
        FolderArtifacts(url)
