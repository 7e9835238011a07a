"""Retention: forgets ended runs, and keeps what they add to the statistics (S49)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from ergon.adapters.stores.projection import ENDED
from ergon.adapters.stores.rows import SEQ_BITS, SEQ_MASK

TOGETHER: Final = 20
"""Runs that one transaction forgets, so that those of live runs need not wait long."""
_PAGES: Final = 2000
_ENDED: Final = ", ".join(f"'{status}'" for status in sorted(ENDED))
_REMEMBER: Final = """
    INSERT INTO statistics
    SELECT workflow, 1, status = 'succeeded', status = 'failed', ended_at, status, started_at IS NOT NULL,
        ended_at - started_at - rested, ended_at - started_at - rested, ended_at - started_at - rested
    FROM runs WHERE n = ?
    ON CONFLICT (workflow) DO UPDATE SET
        executions = executions + 1,
        succeeded = succeeded + excluded.succeeded,
        failed = failed + excluded.failed,
        last_status = CASE WHEN excluded.last_at >= last_at THEN excluded.last_status ELSE last_status END,
        last_at = max(last_at, excluded.last_at),
        timed = timed + excluded.timed,
        total_s = coalesce(total_s + excluded.total_s, total_s, excluded.total_s),
        minimum_s = coalesce(min(minimum_s, excluded.minimum_s), minimum_s, excluded.minimum_s),
        maximum_s = coalesce(max(maximum_s, excluded.maximum_s), maximum_s, excluded.maximum_s)
"""
_FORGET: Final = (
    f"DELETE FROM events WHERE id BETWEEN :n << {SEQ_BITS} AND :n << {SEQ_BITS} | {SEQ_MASK}",
    f"DELETE FROM steps WHERE id BETWEEN :n << {SEQ_BITS} AND :n << {SEQ_BITS} | {SEQ_MASK}",
    "DELETE FROM waits WHERE run = :n",
    "DELETE FROM places WHERE run = :n",
    "DELETE FROM named WHERE run = :n",
    "DELETE FROM commands WHERE run = (SELECT id FROM runs WHERE n = :n)",
    "DELETE FROM runs WHERE n = :n",
)


def forgettable(db: sqlite3.Connection, *, before: float | None, keep: int) -> list[tuple[int, str]]:
    """Give (number, id) of the runs that ended before a time, without the newest `keep` of each workflow."""
    query = f"""
        SELECT n, id FROM (
            SELECT n, id, ended_at, row_number() OVER (PARTITION BY workflow ORDER BY n DESC) AS place
            FROM runs WHERE status IN ({_ENDED})
        )
        WHERE place > ? AND (? IS NULL OR ended_at < ?) ORDER BY n
    """
    return db.execute(query, (max(0, keep), before, before)).fetchall()


def forget(
    db: sqlite3.Connection, runs: Sequence[tuple[int, str]], *, owned: Callable[[sqlite3.Connection, str], bool]
) -> int:
    """Forget runs, in a transaction, unless they were taken up again since; gives how many were."""
    forgotten = 0
    for number, run in runs:
        query = f"SELECT 1 FROM runs WHERE n = ? AND id = ? AND status IN ({_ENDED})"
        if owned(db, run) or db.execute(query, (number, run)).fetchone() is None:
            continue
        db.execute(_REMEMBER, (number,))
        for statement in _FORGET:
            db.execute(statement, {"n": number})
        forgotten += 1
    return forgotten


def sweep(db: sqlite3.Connection) -> None:
    """Forget, in a transaction, definitions and cached results of runs that are gone."""
    db.execute(f"DELETE FROM cache WHERE event >> {SEQ_BITS} NOT IN (SELECT n FROM runs)")
    db.execute("DELETE FROM definitions WHERE sha256 NOT IN (SELECT sha256 FROM named WHERE kind = 'definition')")


def shrink(db: sqlite3.Connection) -> int:
    """Give some free pages back to the file system, in a transaction; gives how many bytes those were."""
    (page,) = db.execute("PRAGMA page_size").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
    (left,) = db.execute("PRAGMA freelist_count").fetchone()
    return int((free - left) * page)
