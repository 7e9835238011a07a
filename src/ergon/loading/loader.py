"""The loader: a file's text becomes a workflow and diagnostics; nothing that it reads makes it raise (S10)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ergon.loading.composer import compose
from ergon.loading.faults import Stopped
from ergon.loading.labels import describe
from ergon.loading.migrations import FORMAT, check_format
from ergon.loading.nodes import MappingNode, Node, ScalarNode
from ergon.loading.positions import Positions
from ergon.loading.report import Report
from ergon.loading.rules.checks import check_rules
from ergon.loading.structure import Structure
from ergon.loading.text import check_json, decode, read_bytes
from ergon.model.diagnostics import Diagnostic
from ergon.model.workflow import Workflow
from ergon.ports import Catalog

_LARGE: Final = 100_000
_NOWHERE: Final = ScalarNode(None, "", 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read: its workflow, and what is wrong with it."""

    workflow: Workflow | None
    """None where a part of the text has no place in a workflow."""
    diagnostics: tuple[Diagnostic, ...]
    """Everything that was found, by place."""
    text: str
    file: str
    positions: Positions
    """Where the workflow's parts stand in the text."""

    @property
    def ok(self) -> bool:
        """Whether it can be run: no diagnostic is an error."""
        return all(found.severity != "error" for found in self.diagnostics)


def load_file(path: Path, *, catalog: Catalog | None = None) -> Loaded:
    """Read and check a workflow's file."""
    file = str(path)
    try:
        data = read_bytes(path)
        folder = path.resolve().parent
    except Stopped as stopped:
        return _stopped(stopped, "", Report(file))
    except (OSError, RuntimeError):  # a loop of links
        folder = path.absolute().parent
    return load_text(data, file=file, folder=folder, catalog=catalog)


def load_text(
    text: str | bytes, *, file: str = "", folder: Path | None = None, catalog: Catalog | None = None
) -> Loaded:
    """Read and check a workflow's text; `folder` is where its relative paths and modules start from.

    Without a catalog, actions are not looked up; functions (`module:function`) are, in their source.
    """
    report = Report(file)
    with _collection_paused(len(text)):
        return _load(text, report, folder, catalog)


def _load(text: str | bytes, report: Report, folder: Path | None, catalog: Catalog | None) -> Loaded:
    source = ""
    try:
        source = decode(text)
        composed = compose(source)
        for fault in composed.faults:
            report.add_fault(fault)
        if composed.root is None:
            if not composed.faults:
                report.add("E116", ())
            return _finish(None, report, source)
        if report.file.endswith(".json"):
            check_json(source)
    except Stopped as stopped:
        return _stopped(stopped, source, report)
    return _load_tree(composed.root, report, source, folder, catalog)


@contextmanager
def _collection_paused(size: int) -> Iterator[None]:
    """Keep the collector from walking over a large file's tree again and again, which takes half of the time."""
    pause = size > _LARGE and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def check_workflow(
    workflow: Workflow,
    *,
    file: str = "",
    folder: Path | None = None,
    catalog: Catalog | None = None,
    positions: Positions | None = None,
) -> tuple[Diagnostic, ...]:
    """Check a workflow that is there already, such as one made in Python."""
    report = Report(file, positions)
    check_rules(workflow, report, catalog=catalog, folder=folder)
    return report.diagnostics()


def _load_tree(root: Node, report: Report, source: str, folder: Path | None, catalog: Catalog | None) -> Loaded:
    report.positions = Positions(source, root)
    if not isinstance(root, MappingNode):
        if isinstance(root, ScalarNode) and root.value is None:
            report.add("E116", ())
        else:
            report.add("E120", (), found=describe(root))
        return _finish(None, report, source)
    if not check_format(root, report):
        return _finish(None, report, source)
    root.items["ergon"] = ScalarNode(FORMAT, "", root.line, root.column, root.start, root.start)
    root.keys.setdefault("ergon", (root.line, root.column))
    structure = Structure(root, report)
    report.positions = Positions(source, structure.tree)
    sound = not report.has_errors
    workflow = structure.build()
    if workflow is None:
        return _finish(None, report, source)
    sound = sound and not report.has_errors
    check_rules(workflow, report, catalog=catalog, folder=folder)
    return _finish(workflow if sound else None, report, source)


def _finish(workflow: Workflow | None, report: Report, source: str) -> Loaded:
    positions = report.positions or Positions(source, _NOWHERE)
    return Loaded(workflow, report.diagnostics(), source, report.file, positions)


def _stopped(stopped: Stopped, source: str, report: Report) -> Loaded:
    report.add_fault(stopped.fault)
    return _finish(None, report, source)
