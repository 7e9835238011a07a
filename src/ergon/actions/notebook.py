"""Notebooks as steps."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from ergon.actions.action import action
from ergon.actions.aside import aside
from ergon.errors import ActionFailed, CellFailed, InputInvalid, KernelDied, NotebookInvalid
from ergon.model.base import Duration
from ergon.ports import KERNEL_OUTPUTS, Context, Problem

if TYPE_CHECKING:
    from ergon.actions.kernel import Kernel
    from ergon.actions.notebooks.book import Notebook
    from ergon.actions.notebooks.cells import CellRun, Limits

_SCRATCH: Final = ".notebook-"


def _check(config: Mapping[str, object], templated: frozenset[str], folder: Path | None) -> Iterable[Problem]:
    from ergon.actions.notebooks.advice import advise

    return advise(config, templated=templated, folder=folder)


def _schema_for(schema: Mapping[str, object], config: Mapping[str, object], folder: Path) -> Mapping[str, object]:
    from ergon.actions.notebooks.advice import with_parameters

    return with_parameters(schema, config, folder=folder)


@action(
    "notebook.run",
    check=_check,
    schema_for=_schema_for,
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
    env: Mapping[str, str] | None = None,
    timeout: Duration | None = None,
    cell_timeout: Duration | None = None,
    start_timeout: Duration = 60.0,
    allow_errors: bool = False,
    report_mode: bool = False,
    *,
    ctx: Context,
) -> dict[str, object]:
    """Runs a notebook in a fresh kernel, with papermill's parameters.

    The parameters are put into a cell after the one that is tagged `parameters`, of a copy: the notebook
    itself is never changed. What the notebook hands out with `ergon.output(name=value)`, and the variables
    that a cell tagged `outputs` assigns, are the step's output, a mapping. The executed notebook is written
    while it runs, at most every 2 seconds, and when it has ended, also after an error. Parameters are what
    JSON can carry; dates and paths become text.

    Args:
        path: The notebook.
        parameters: Values for the notebook's parameters.
        output: Where the executed notebook goes, such as `out/{city}.ipynb` with parameters in braces; by
            default into the step's folder beside the run's artifacts.
        kernel: The kernel's name; by default the one that the notebook names.
        cwd: The folder that the notebook runs in; by default its own.
        env: Environment variables of the kernel, beside those of this process.
        timeout: The longest time that the whole notebook may take.
        cell_timeout: The longest time that one cell may take.
        start_timeout: The longest time that the kernel may take to start.
        allow_errors: Whether the notebook goes on after a cell that raises, and the step succeeds.
        report_mode: Whether code is hidden in the executed notebook, and what is tagged `remove-cell`,
            `remove-input` or `remove-output` is left out of it.
    """
    from ergon.actions.notebooks.cells import Limits

    source = ctx.path(path)
    plain = _plain_parameters(parameters or {})
    job = _Job(
        source=source,
        name=str(path),
        target=_target(ctx, output, source, plain),
        folder=_folder(ctx, cwd, source),
        parameters=plain,
        kernel=kernel,
        environment=env or {},
        limits=Limits(start=start_timeout, cell=cell_timeout, notebook=timeout),
        allow_errors=allow_errors,
        report_mode=report_mode,
        context=ctx,
    )
    return await aside(job.run, name=f"ergon-notebook-{ctx.step}")


@functools.cache
def _papermill() -> str:
    """Give the version of papermill whose metadata an executed notebook has."""
    return importlib.metadata.version("papermill")


def _target(context: Context, output: str | None, source: Path, parameters: Mapping[str, object]) -> Path:
    """Give where the executed notebook goes."""
    if not output:
        return context.output_folder() / source.name
    target = context.path(_filled(output, parameters), write=True)
    if target == source or (target.exists() and source.exists() and target.samefile(source)):
        reason = "it is the notebook itself, which is never changed"
        raise InputInvalid(action="notebook.run", field="output", reason=reason)
    return target


def _folder(context: Context, cwd: str | None, source: Path) -> Path:
    """Give the folder that the notebook runs in."""
    folder = context.path(cwd) if cwd else source.parent
    if not folder.is_dir():
        raise ActionFailed(f"There is no folder {cwd or folder} to run the notebook in.")
    return folder


def _filled(output: str, parameters: Mapping[str, object]) -> str:
    """Give an output's path with parameters in the place of their names in braces, as papermill does."""
    if "{" not in output and "}" not in output:
        return output
    now = {"current_datetime_local": datetime.now(), "current_datetime_utc": datetime.now(UTC)}
    try:
        return output.format(**{"pm": {"run_uuid": str(uuid.uuid4()), **now}, **parameters})
    except KeyError as error:
        reason, hint = f"there is no parameter {error}", f"Parameters are {', '.join(parameters) or 'none'}."
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        reason, hint = f"it cannot be filled in: {error}", "Write `{name}` for the value of a parameter."
    raise InputInvalid(action="notebook.run", field="output", reason=reason, hint=hint)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One run of a notebook."""

    source: Path
    name: str
    """How the workflow calls the notebook."""
    target: Path
    folder: Path
    parameters: dict[str, object]
    kernel: str
    environment: Mapping[str, str]
    limits: Limits
    allow_errors: bool
    report_mode: bool
    context: Context

    async def run(self) -> dict[str, object]:
        """Run it in the loop of this thread; gives what the notebook handed out."""
        from ergon.actions.kernel import Kernel
        from ergon.actions.notebooks.handover import handed_over, running_around

        around = running_around(os.environ.get(KERNEL_OUTPUTS, ""))
        if str(self.source) in around:
            raise NotebookInvalid(notebook=self.name, reason="it runs already, and this is one of its own cells")
        cells, kernel_name = self._prepared()
        with _scratch(self.context.output_folder()) as scratch:
            handover = scratch / "outputs"
            handover.mkdir()
            kernel = Kernel(kernel_name, self.folder, handover, self.environment, self.context.kernels)
            await self._execute(cells, kernel, [*around, str(self.source)])
            return handed_over(handover, self.context)

    def _prepared(self) -> tuple[CellRun, str]:
        """Read the notebook and put the parameters in; gives what runs it, and the kernel's name."""
        from ergon.actions.notebooks.book import read_book
        from ergon.actions.notebooks.cells import CellRun
        from ergon.actions.notebooks.choice import choose_kernel
        from ergon.actions.notebooks.injection import hide_sources, inject
        from ergon.actions.notebooks.parameters import fault_of_declared
        from ergon.actions.notebooks.record import note_run, without_markers
        from ergon.actions.notebooks.written import Written

        book = read_book(self.source, self.name)
        if fault := fault_of_declared(book):
            raise NotebookInvalid(notebook=self.name, reason=fault)
        without_markers(book)
        numbers = {cell["id"]: number for number, cell in enumerate(book["cells"], 1)}
        kernel = choose_kernel(book, self.kernel, self.name)
        if self.parameters:
            self._warn_of_strangers(book)
            inject(book, self.parameters, kernel, lambda warning: self.context.log(warning, "warning"))
        if self.report_mode:
            hide_sources(book)
        note_run(book, str(self.source), str(self.target), self.parameters, _papermill())
        cells = CellRun(
            book=book,
            name=self.name,
            numbers=numbers,
            context=self.context,
            written=Written(self.target, book, redacted=self.context.redacted, report=self.report_mode),
            limits=self.limits,
            is_python=kernel.language == "python",
            allow_errors=self.allow_errors,
        )
        return cells, kernel.name

    def _warn_of_strangers(self, book: Notebook) -> None:
        from ergon.actions.notebooks.book import PARAMETERS, tagged
        from ergon.actions.notebooks.parameters import strangers

        if tagged(book, PARAMETERS) < 0:
            return
        for name, meant in strangers(book, self.parameters).items():
            hint = f" Did you mean '{meant}'?" if meant else ""
            self.context.log(f"The parameters cell of {self.name} has no '{name}'.{hint}", "warning")

    async def _execute(self, cells: CellRun, kernel: Kernel, running: Sequence[str]) -> None:
        """Run the cells and write down what came of it, also after an error."""
        from ergon.actions.notebooks.conversation import KernelGone
        from ergon.actions.notebooks.handover import note_running

        cells.record.begin()
        async with kernel.running(self.context.process_started) as owned:
            note_running(owned.outputs, running)
            try:
                await cells.execute(owned)
            except KernelGone:
                number = cells.number(cells.at) if cells.at is not None else 0
                raise KernelDied(notebook=self.name, cell=number, reason=kernel.last_words()) from None
            except CellFailed as error:
                raise CellFailed(
                    notebook=error.notebook,
                    cell=error.cell,
                    line=error.line,
                    error=error.error,
                    output=str(self.target),
                ) from None
            finally:
                cells.record.end()
                cells.written.write()
        self.context.log(f"The executed notebook is {self.target}.")


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder for the time of the run; what a killed attempt left of its own is taken away."""
    for left in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH, ignore_cleanup_errors=True) as made:
        yield Path(made)


ACTIONS: Final = (run,)
