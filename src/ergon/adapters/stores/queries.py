"""Queries: what the tables say, each read in one statement, so that no view holds a transaction open."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

from ergon.adapters.stores.lease import Claimed
from ergon.adapters.stores.projection import ENDED
from ergon.adapters.stores.rows import SEQ_BITS, SEQ_MASK, decode_data, decode_event, files_of
from ergon.errors import RunNotFound
from ergon.model.events import Event
from ergon.model.records import CacheRecord, Command, RunRecord, Statistics, StepRecord, WaitRecord

_RUN: Final = f"""
    SELECT id, workflow, status, created_at, definition, file, reason, started_at, ended_at, rested, parent, priority,
        actor, trigger, tags, epoch,
        coalesce((SELECT max(e.id) FROM events e WHERE e.id BETWEEN n << 32 AND n << 32 | {SEQ_MASK}), 0),
        n, epoch, host, machine, pid, beat
    FROM runs
"""
_RUN_FIELDS: Final = 17
_MATCHES: Final = 6
_ENDED: Final = ", ".join(f"'{status}'" for status in sorted(ENDED))


class Found(NamedTuple):
    """A run as the tables have it, and what they say about its owner."""

    record: RunRecord
    claimed: Claimed


def _found(row: Sequence[Any]) -> Found:
    facts = list(row[:_RUN_FIELDS])
    facts[14] = tuple(json.loads(facts[14]))
    facts[16] &= SEQ_MASK
    return Found(RunRecord(*facts), Claimed(*row[_RUN_FIELDS:]))


def run(db: sqlite3.Connection, reference: str) -> Found:
    """Give a run by id, unique prefix, or `last`."""
    if reference == "last":
        rows = db.execute(f"{_RUN} ORDER BY n DESC LIMIT 1").fetchall()
    else:
        bounds = (reference, reference + chr(0x10FFFF), _MATCHES)
        rows = db.execute(f"{_RUN} WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", bounds).fetchall()
    matches = [row[0] for row in rows]
    if not reference or not matches:
        raise RunNotFound(reference=reference)
    if len(matches) > 1 and reference not in matches:
        raise RunNotFound(reference=reference, matches=matches)
    return _found(rows[0])


def runs(db: sqlite3.Connection, *, statuses: Sequence[str], workflow: str, limit: int | None) -> list[Found]:
    """List runs, newest first; with one of some statuses in the tables, if any are given."""
    terms, values = [], list[object]()
    if statuses:
        terms.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    if workflow:
        terms.append("workflow = ?")
        values.append(workflow)
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    query = f"{_RUN} {where} ORDER BY n DESC LIMIT ?"
    return [_found(row) for row in db.execute(query, (*values, -1 if limit is None else limit)).fetchall()]


def events(db: sqlite3.Connection, run: str, *, after: int, limit: int | None) -> list[Event]:
    """Give a run's events numbered above `after`."""
    query = """
        SELECT r.correlation, e.id, e.at, e.type, e.step, e.attempt, e.data, e.value, e.actor, e.correlation,
            e.causation, e.version
        FROM runs r JOIN events e ON e.id > r.n << 32 | ? AND e.id <= r.n << 32 | ?
        WHERE r.id = ? ORDER BY e.id LIMIT ?
    """
    values = (max(0, min(after, SEQ_MASK)), SEQ_MASK, run, -1 if limit is None else limit)
    return [decode_event(run, row[0], row[1:]) for row in db.execute(query, values).fetchall()]


def definition(db: sqlite3.Connection, sha256: str) -> str:
    """Give a definition's text; raises KeyError."""
    row = db.execute("SELECT text FROM definitions WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        raise KeyError(sha256)
    return str(row[0])


def steps(db: sqlite3.Connection, run: str) -> list[StepRecord]:
    """Give a run's steps in the order of their first event."""
    query = """
        SELECT s.path, s.status, s.attempts, s.started_at, s.ended_at, s.cached, s.superseded, s.error_type,
            s.succeeded_seq
        FROM runs r JOIN steps s ON s.id BETWEEN r.n << 32 AND r.n << 32 | ?
        WHERE r.id = ? ORDER BY s.id
    """
    return [
        StepRecord(run, path, status, attempts, started, ended, bool(cached), bool(superseded), error, seq)
        for path, status, attempts, started, ended, cached, superseded, error, seq in db.execute(
            query, (SEQ_MASK, run)
        ).fetchall()
    ]


def waits(db: sqlite3.Connection, run: str) -> list[WaitRecord]:
    """Give open waits, of one run or of all."""
    query = """
        SELECT r.id, w.path, w.why, w.due, w.signal FROM waits w JOIN runs r ON r.n = w.run
        WHERE ? IN ('', r.id) ORDER BY w.run, w.path
    """
    return [WaitRecord(*row) for row in db.execute(query, (run,)).fetchall()]


def cached(db: sqlite3.Connection, key: str) -> CacheRecord | None:
    """Give the newest result under a cache key."""
    query = f"""
        SELECT r.id, e.step, e.at, e.value, e.data
        FROM cache c JOIN events e ON e.id = c.event JOIN runs r ON r.n = e.id >> {SEQ_BITS}
        WHERE c.key = ? ORDER BY e.at DESC, e.id DESC LIMIT 1
    """
    row = db.execute(query, (key,)).fetchone()
    if row is None:
        return None
    run, path, at, value, data = row
    return CacheRecord(key, run, path or "", at, value or "null", files_of(decode_data(data)))


def latest_output(db: sqlite3.Connection, workflow: str, path: str, *, before: str) -> tuple[str, str | None] | None:
    """Give (run, stored form or None) of the newest output of a step over the runs of a workflow before one."""
    query = f"""
        SELECT r.id, e.value
        FROM runs r
        JOIN steps s ON s.id BETWEEN r.n << 32 AND r.n << 32 | {SEQ_MASK}
        JOIN events e ON e.id = r.n << 32 | s.succeeded_seq
        WHERE r.workflow = :workflow AND s.path = :path AND s.succeeded_seq > 0 AND NOT s.superseded
            AND (:before = '' OR r.n < (SELECT n FROM runs WHERE id = :before))
        ORDER BY r.n DESC LIMIT 1
    """
    row = db.execute(query, {"workflow": workflow, "path": path, "before": before}).fetchone()
    return None if row is None else (row[0], row[1])


def commands(db: sqlite3.Connection, run: str) -> list[Command]:
    """Give the commands that were not carried out, of one run or of all."""
    query = "SELECT kind, run, number, data, value, actor, at FROM commands WHERE ? IN ('', run) ORDER BY number"
    return [
        Command(kind, run, number, decode_data(data), value, actor, at)
        for kind, run, number, data, value, actor, at in db.execute(query, (run,)).fetchall()
    ]


def artifacts_named(db: sqlite3.Connection) -> set[str]:
    """Give the hashes of all artifacts that events name."""
    query = "SELECT DISTINCT sha256 FROM named WHERE kind = 'artifact'"
    return {sha256 for (sha256,) in db.execute(query).fetchall()}


def statistics(db: sqlite3.Connection, workflow: str) -> Statistics:
    """Say how the runs of a workflow went, those that were pruned included."""
    query = f"""
        WITH ended AS (
            SELECT 1 AS executions, status = 'succeeded' AS succeeded, status = 'failed' AS failed,
                ended_at AS last_at, status AS last_status, started_at IS NOT NULL AS timed,
                ended_at - started_at - rested AS total_s, ended_at - started_at - rested AS minimum_s,
                ended_at - started_at - rested AS maximum_s
            FROM runs WHERE workflow = :workflow AND status IN ({_ENDED})
            UNION ALL
            SELECT executions, succeeded, failed, last_at, last_status, timed, total_s, minimum_s, maximum_s
            FROM statistics WHERE workflow = :workflow
        )
        SELECT sum(executions), sum(succeeded), sum(failed), max(last_at),
            (SELECT last_status FROM ended ORDER BY last_at DESC LIMIT 1),
            sum(timed), sum(total_s), min(minimum_s), max(maximum_s)
        FROM ended
    """
    row = db.execute(query, {"workflow": workflow}).fetchone()
    executions, succeeded, failed, last_at, last_status, timed, total, minimum, maximum = row
    mean = total / timed if timed else None
    status = cast(str, last_status or "")
    return Statistics(workflow, executions or 0, succeeded or 0, failed or 0, last_at, status, mean, minimum, maximum)
