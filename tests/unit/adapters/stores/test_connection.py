from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ergon.adapters.stores.connection import journal_note, network_of, set_journal

_MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 27 0:40 / /home rw,relatime shared:5 - nfs4 server:/export/home rw
32 31 0:41 / /home/ada/fast rw - xfs /dev/vdb rw
33 27 0:42 / /mnt/my\\040share rw - cifs //server/share rw
34 27 0:43 / /homely rw - ext4 /dev/vdc rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/runs.db", ""),
        ("/home/ada/.ergon/runs.db", "nfs4"),
        ("/home/ada/fast/runs.db", ""),
        ("/mnt/my share/runs.db", "cifs"),
        ("/homely/runs.db", ""),
    ],
)
def test_a_network_file_system_is_found_by_its_mount_s43(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(_MOUNTS)
    assert network_of(Path(path), mounts) == kind


def test_without_a_mount_table_nothing_is_known(tmp_path: Path) -> None:
    assert network_of(Path("/home"), tmp_path / "absent") == ""


@pytest.mark.parametrize(("network", "mode"), [("", "wal"), ("nfs4", "delete")])
def test_wal_is_chosen_but_on_a_network_s43(tmp_path: Path, network: str, mode: str) -> None:
    db = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    assert set_journal(db, network=network) == mode
    db.execute("CREATE TABLE t (x)")
    db.close()
    db = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    assert set_journal(db, network="nfs") == "delete"  # it was moved there
    db.close()


def test_a_store_says_why_it_does_without_wal_s43() -> None:
    path = Path("/home/runs.db")
    assert journal_note(path, "wal", "") == ""
    assert journal_note(path, "delete", "nfs4") == (
        "The store /home/runs.db uses a rollback journal, which is slower, "
        "because it lies on a network file system (nfs4)."
    )
    assert journal_note(path, "delete", "").endswith("because WAL cannot be had there.")
