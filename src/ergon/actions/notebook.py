"""Notebooks as steps."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from ergon.actions.action import action
from ergon.actions.aside import aside
from ergon.actions.writing import replacing, told
from ergon.errors import ActionFailed, CellFailed, InputInvalid
from ergon.model.base import Duration
from ergon.model.values import Artifact, decode_plain
from ergon.ports import Context

if TYPE_CHECKING:
    from ergon.actions.cells import CellRun

_SCRATCH: Final = ".notebook-"


@action(
    "notebook.run",
    example="""
    id: analyse
    uses: notebook.run
    with:
      path: analyse.ipynb
      parameters: {city: Oslo}
    """,
)
async def run(
    path: Path,
    parameters: Mapping[str, object] | None = None,
    output: Annotated[str, Field(min_length=1)] | None = None,
    kernel: str = "",
    cwd: str | None = None,
    cell_timeout: Duration | None = None,
    start_timeout: Duration = 60.0,
    *,
    ctx: Context,
) -> dict[str, object]:
    """Runs a notebook in a fresh kernel, with papermill's parameters.

    The parameters are put into a cell after the one that is tagged `parameters`, of a copy: the notebook
    itself is never changed. What the notebook hands out with `ergon.output(name=value)` is the step's
    output, a mapping. The executed notebook is written whole when it ends, also after an error. Parameters
    are what JSON can carry; dates and paths become text.

    Args:
        path: The notebook.
        parameters: Values for the notebook's parameters.
        output: Where the executed notebook goes; by default into the step's folder beside the run's artifacts.
        kernel: The kernel's name; by default the one that the notebook names.
        cwd: The folder that the notebook runs in; by default its own.
        cell_timeout: The longest time that one cell may take.
        start_timeout: The longest time that the kernel may take to start.
    """
    source = ctx.path(path)
    target = ctx.path(output, write=True) if output else ctx.output_folder() / source.name
    folder = ctx.path(cwd) if cwd else source.parent
    if not folder.is_dir():
        raise ActionFailed(f"There is no folder {cwd} to run the notebook in.")
    if target == source or (target.exists() and source.exists() and target.samefile(source)):
        reason = "it is the notebook itself, which is never changed"
        raise InputInvalid(action="notebook.run", field="output", reason=reason)
    job = _Job(source, str(path), target, folder, _plain_parameters(parameters or {}), kernel, ctx)
    return await aside(lambda: job.run(cell_timeout, start_timeout), name=f"ergon-notebook-{ctx.step}")


def _plain_parameters(parameters: Mapping[str, object]) -> dict[str, object]:
    for name in parameters:
        if not name.isidentifier():
            reason = "it is not a name that a notebook can use"
            raise InputInvalid(action="notebook.run", field=f"parameters.{name}", reason=reason)
    return {name: _plain(value, f"parameters.{name}") for name, value in parameters.items()}


def _plain(value: object, place: str) -> object:
    """Give what papermill writes into a cell; dates and paths are text there."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, PurePath | date | time):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(member, f"{place}[{index}]") for index, member in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(member, f"{place}.{key}") for key, member in value.items()}
    kind = type(value).__name__
    raise InputInvalid(
        action="notebook.run",
        field=place,
        reason=f"a {kind} cannot be written into a cell",
        hint="Write it to a file and give the file's path.",
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """One run of a notebook."""

    source: Path
    name: str
    """How the workflow calls the notebook."""
    target: Path
    folder: Path
    parameters: dict[str, object]
    kernel: str
    context: Context

    async def run(self, cell_timeout: float | None, start_timeout: float) -> dict[str, object]:
        """Run it in the loop of this thread; gives what the notebook handed out."""
        from ergon.actions.cells import CellRun
        from ergon.actions.kernel import Kernel

        with _scratch(self.context.output_folder()) as scratch:
            notebook, numbers, kernel_name = self._prepare(scratch)
            handover = scratch / "outputs"
            handover.mkdir()
            kernel = Kernel(kernel_name, self.folder, handover, self.context.kernels)
            cells = CellRun(notebook, self.name, numbers, self.context, cell_timeout, start_timeout)
            await self._execute(cells, kernel)
            return _handed_over(handover, self.context)

    def _prepare(self, scratch: Path) -> tuple[Any, dict[int, int], str]:
        """Read a copy of the notebook and put the parameters in."""
        from papermill.execute import prepare_notebook_metadata, remove_error_markers
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook

        from ergon.actions.kernel import kernel_for

        copy = scratch / "source.ipynb"
        copy.write_text(json.dumps(_read(self.source, self.name)), encoding="utf-8")
        notebook = remove_error_markers(load_notebook_node(str(copy)))
        numbers = {id(cell): number for number, cell in enumerate(notebook.cells, 1)}
        kernel, language = kernel_for(notebook, self.kernel)
        if self.parameters:
            self._warn_of_unknown(notebook, kernel, language)
            notebook = parameterize_notebook(notebook, self.parameters, kernel_name=kernel, language=language)
        prepare_notebook_metadata(notebook, str(self.source), str(self.target))
        return notebook, numbers, kernel

    def _warn_of_unknown(self, notebook: Any, kernel: str, language: str) -> None:
        from papermill.inspection import _infer_parameters

        known = {each.name for each in _infer_parameters(notebook, name=kernel, language=language)}
        for name in self.parameters:
            if name not in known:
                self.context.log(f"The parameters cell of {self.name} has no '{name}'.", "warning")

    async def _execute(self, cells: CellRun, kernel: Any) -> None:
        """Run the cells and write down what came of it, also after an error."""
        try:
            await cells.execute(kernel)
        except CellFailed as error:
            raise CellFailed(
                notebook=error.notebook,
                cell=error.cell,
                line=error.line,
                error=error.error,
                output=str(self.target),
            ) from None
        finally:
            self._write(cells.notebook)
        self.context.log(f"The executed notebook is {self.target}.")

    def _write(self, notebook: Any) -> None:
        import nbformat

        writes: Any = nbformat.writes
        with told(self.target), replacing(self.target) as sink:
            sink.write(writes(notebook).encode())


def _read(file: Path, name: str) -> dict[str, Any]:
    """Read a notebook's JSON, with ids where its format wants them; raises `ActionFailed`."""
    with told(name):
        text = file.read_bytes()
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ActionFailed(f"{name} is not a notebook: it is not JSON.") from None
    version = found.get("nbformat") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(version, int):
        raise ActionFailed(f"{name} is not a notebook: it does not say its `nbformat`.")
    if version > 4:
        raise ActionFailed(f"{name} has the notebook format {version}, which is newer than 4.")
    if version == 4 and not _has_cells(found):
        raise ActionFailed(f"{name} is not a notebook: its cells are not as they should be.")
    if version == 4 and found.get("nbformat_minor", 0) >= 5:
        _give_ids(found["cells"])
    return found


def _has_cells(found: Mapping[str, Any]) -> bool:
    cells = found.get("cells")
    return (
        isinstance(found.get("metadata"), dict)
        and isinstance(cells, list)
        and all(isinstance(cell, dict) and "cell_type" in cell and "source" in cell for cell in cells)
    )


def _give_ids(cells: list[dict[str, Any]]) -> None:
    seen: set[object] = set()
    for cell in cells:
        if not cell.get("id") or cell["id"] in seen:
            cell["id"] = uuid.uuid4().hex[:8]
        seen.add(cell["id"])


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder for the time of the run; what a killed attempt left of its own is taken away."""
    for left in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH, ignore_cleanup_errors=True) as made:
        yield Path(made)


# ---- what the notebook hands out ---------------------------------------------------------------------------


def _handed_over(folder: Path, context: Context) -> dict[str, object]:
    """Give the values that the notebook handed out, by name; what JSON cannot carry is kept as artifacts."""
    values: dict[str, object] = {}
    for file in sorted(folder.glob("*.json")):
        handed = decode_plain(file.read_text("utf-8"))
        assert isinstance(handed, dict)
        values |= {name: _kept(value, folder, context) for name, value in handed.items()}
    return values


def _kept(value: object, folder: Path, context: Context) -> object:
    """Give a value with the bytes that it refers to kept by the run."""
    if isinstance(value, Artifact):
        return context.artifact(folder / value.sha256, type=value.type, name=value.name)
    if isinstance(value, dict):
        return {key: _kept(member, folder, context) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_kept(member, folder, context) for member in value)
    return value


ACTIONS: Final = (run,)
