"""What every artifact store must do (S42, S46, S49)."""

from __future__ import annotations

import abc
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ergon.errors import ArtifactDamaged
from ergon.ports import ArtifactStore

_ABSENT = "0" * 64


class ArtifactsContract(abc.ABC):
    """Subclass as `TestMine` and give the fixture `artifacts`: an empty store."""

    @pytest.fixture
    @abc.abstractmethod
    def artifacts(self, tmp_path: Path) -> ArtifactStore:
        """Give an empty store."""

    def test_it_knows_its_address(self, artifacts: ArtifactStore) -> None:
        assert ":" in artifacts.url

    @pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff" * 100_000])
    def test_bytes_come_back_by_their_sha256(self, artifacts: ArtifactStore, data: bytes) -> None:
        sha256 = artifacts.put(data)
        assert sha256 == hashlib.sha256(data).hexdigest()
        assert artifacts.get(sha256) == data
        assert artifacts.has(sha256)

    def test_the_same_bytes_are_kept_once(self, artifacts: ArtifactStore) -> None:
        assert artifacts.put(b"twice") == artifacts.put(b"twice")
        assert len(artifacts.hashes()) == 1

    def test_a_file_is_kept_as_its_bytes_would_be(self, artifacts: ArtifactStore, tmp_path: Path) -> None:
        source = tmp_path / "source.bin"
        source.write_bytes(b"ab" * 700_000)
        sha256, size = artifacts.put_file(source)
        assert (sha256, size) == (artifacts.put(b"ab" * 700_000), 1_400_000)
        source.unlink()
        assert artifacts.get(sha256) == b"ab" * 700_000

    def test_a_file_that_is_not_there_is_said_so(self, artifacts: ArtifactStore, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            artifacts.put_file(tmp_path / "absent")

    def test_a_path_if_there_is_one_holds_the_bytes(self, artifacts: ArtifactStore) -> None:
        path = artifacts.path(artifacts.put(b"in a file"))
        assert path is None or path.read_bytes() == b"in a file"
        assert artifacts.path(_ABSENT) is None

    def test_what_is_not_there_is_damage(self, artifacts: ArtifactStore) -> None:
        assert not artifacts.has(_ABSENT)
        with pytest.raises(ArtifactDamaged, match=_ABSENT[:12]):
            artifacts.get(_ABSENT)

    def test_s49_removed_bytes_are_gone_and_counted_once(self, artifacts: ArtifactStore) -> None:
        sha256, other = artifacts.put(b"12345"), artifacts.put(b"stays")
        assert artifacts.remove(sha256) == 5
        assert artifacts.remove(sha256) == 0
        assert not artifacts.has(sha256)
        assert artifacts.hashes() == {other}

    def test_s49_bytes_that_were_just_put_again_are_not_removed_as_old(self, artifacts: ArtifactStore) -> None:
        sha256 = artifacts.put(b"in use")
        artifacts.put(b"in use")
        assert artifacts.remove(sha256, older=3600) == 0
        assert artifacts.get(sha256) == b"in use"

    def test_removed_bytes_can_be_put_again(self, artifacts: ArtifactStore) -> None:
        artifacts.remove(artifacts.put(b"again"))
        assert artifacts.get(artifacts.put(b"again")) == b"again"

    def test_threads_may_put_the_same_and_other_bytes_at_once(self, artifacts: ArtifactStore) -> None:
        contents = [bytes([number % 7]) * 5000 for number in range(42)]
        with ThreadPoolExecutor(8) as pool:
            hashes = list(pool.map(artifacts.put, contents))
        assert artifacts.hashes() == set(hashes)
        assert [artifacts.get(sha256) for sha256 in hashes] == contents

    def test_nothing_is_swept_that_is_in_use(self, artifacts: ArtifactStore) -> None:
        sha256 = artifacts.put(b"kept")
        assert artifacts.sweep() == 0
        assert artifacts.has(sha256)
