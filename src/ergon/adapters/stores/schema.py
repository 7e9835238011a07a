"""The schema of the database: its tables, its version, and the way from older ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

APPLICATION_ID: Final = 0x4572676F
"""`Ergo` in ASCII: tells our databases from those of other programs."""

_PLACES: Final = (
    # Runs that have a place among those of their workflow, or wait for one with a rank; `epoch` is the owner's.
    "CREATE TABLE places (run INTEGER PRIMARY KEY, workflow TEXT NOT NULL, epoch INTEGER NOT NULL, rank REAL)",
    "CREATE INDEX places_by_workflow ON places (workflow)",
)
_TABLES: Final = (
    # `n` stands for the run in all other tables, and for no other run when this one is gone. What follows
    # `epoch` is about its owner.
    """
    CREATE TABLE runs (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        workflow TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT 'queued',
        created_at REAL NOT NULL DEFAULT 0,
        definition TEXT NOT NULL DEFAULT '',
        file TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL DEFAULT '',
        started_at REAL,
        ended_at REAL,
        rested REAL NOT NULL DEFAULT 0,
        parent TEXT NOT NULL DEFAULT '',
        priority TEXT NOT NULL DEFAULT 'immediate',
        actor TEXT NOT NULL DEFAULT '',
        trigger TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        correlation TEXT NOT NULL DEFAULT '',
        epoch INTEGER NOT NULL,
        host TEXT NOT NULL,
        machine TEXT NOT NULL,
        pid INTEGER NOT NULL,
        beat REAL NOT NULL
    )
    """,
    "CREATE INDEX runs_by_workflow ON runs (workflow)",
    # The journal. `id` is n << 32 | seq; NULL stands for what is empty, and for the run's usual correlation.
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        type TEXT NOT NULL,
        step TEXT,
        attempt INTEGER NOT NULL,
        data TEXT,
        value TEXT,
        actor TEXT,
        correlation TEXT,
        causation INTEGER NOT NULL,
        version INTEGER NOT NULL
    )
    """,
    # `id` is that of the step's first event.
    """
    CREATE TABLE steps (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        started_at REAL,
        ended_at REAL,
        cached INTEGER NOT NULL,
        superseded INTEGER NOT NULL,
        error_type TEXT NOT NULL,
        succeeded_seq INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE waits (
        run INTEGER NOT NULL,
        path TEXT NOT NULL,
        why TEXT NOT NULL,
        due REAL,
        signal TEXT NOT NULL,
        PRIMARY KEY (run, path)
    ) WITHOUT ROWID
    """,
    # `event` is the id of the `step_succeeded` that holds the result.
    "CREATE TABLE cache (key TEXT NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (key, event)) WITHOUT ROWID",
    # What the events of a run name by hash: artifacts and definitions.
    """
    CREATE TABLE named (
        run INTEGER NOT NULL,
        kind TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (run, kind, sha256)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE definitions (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL)",
    """
    CREATE TABLE commands (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL,
        kind TEXT NOT NULL,
        data TEXT,
        value TEXT,
        actor TEXT NOT NULL,
        at REAL NOT NULL
    )
    """,
    *_PLACES,
    # What runs that were pruned leave behind; the statistics of those that are kept are in `runs`.
    """
    CREATE TABLE statistics (
        workflow TEXT PRIMARY KEY,
        executions INTEGER NOT NULL,
        succeeded INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        last_at REAL,
        last_status TEXT NOT NULL,
        timed INTEGER NOT NULL,
        total_s REAL,
        minimum_s REAL,
        maximum_s REAL
    ) WITHOUT ROWID
    """,
    # For people with a database shell.
    """
    CREATE VIEW journal AS
        SELECT r.id AS run, e.id & 4294967295 AS seq, datetime(e.at, 'unixepoch') AS at, e.type, e.step,
            e.attempt, e.data, e.value, coalesce(e.correlation, r.correlation) AS correlation
        FROM events e JOIN runs r ON r.n = e.id >> 32
    """,
)


@dataclass(frozen=True, slots=True)
class Schema:
    """The form of the database at one version."""

    version: int
    tables: Sequence[str]
    """Statements that make an empty database of this version."""
    migrations: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """By an older version: the statements that lead from it to the next."""

    def way_from(self, version: int) -> list[str] | None:
        """Give the statements that lead here from an older version; None if there is no way."""
        steps = range(version, self.version)
        if any(step not in self.migrations for step in steps):
            return None
        return [statement for step in steps for statement in self.migrations[step]]


_RESTED: Final = (
    "ALTER TABLE runs ADD COLUMN rested REAL NOT NULL DEFAULT 0",
    # What passed before each event by which a run that had begun went on.
    """
    UPDATE runs SET rested = coalesce((
        SELECT sum(max(0, e.at - before.at))
        FROM events e JOIN events before ON before.id = e.id - 1
        WHERE e.id BETWEEN n << 32 AND n << 32 | 4294967295
            AND e.type IN ('run_started', 'run_reopened', 'run_edited')
            AND e.id > (
                SELECT min(first.id) FROM events first
                WHERE first.id BETWEEN n << 32 AND n << 32 | 4294967295 AND first.type = 'run_started'
            )
    ), 0)
    """,
)

SCHEMA: Final = Schema(version=2, tables=_TABLES, migrations={1: (*_PLACES, *_RESTED)})
