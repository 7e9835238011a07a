"""Attempts: one try of one action, from its inputs to the stored form of its output."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor as Pool
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from ergon.engine.caching import CacheKey, Caching
from ergon.engine.context import RunContext, RunServices
from ergon.engine.editing import notebook_code
from ergon.engine.evaluator import Evaluator
from ergon.engine.failure import seconds_of
from ergon.engine.names import Names
from ergon.errors import ActionFailed, TemplateFailed, Timeout, ValidatorFailed
from ergon.model import events as e
from ergon.model.directives import Assign, Break, Child, Wait
from ergon.model.expressions import parse_expression, parse_template
from ergon.model.secrets import mask, reveal
from ergon.model.states import StepState
from ergon.ports import ActionHandler, Call, Catalog, Executor

_DIRECTIVES: Final = (Wait, Assign, Break, Child)
_INPUTS_INLINE: Final = 4096
_CHILD: Final = "workflow.run"
_LEFT_BEHIND: Final = (
    "The attempt was cancelled and told so, but a Python thread cannot be ended from outside: with "
    "`run_on: process` the step runs where it can."
)
_NO_NAMES: Final[Mapping[str, object]] = {}
_T = TypeVar("_T")


@dataclass(slots=True)
class Outcome:
    """How an attempt ended: with an output in stored form, a directive, or an error."""

    step: StepState
    attempt: int
    output: str | None = None
    directive: object = None
    assigns: Sequence[tuple[str, str]] = ()
    """Names and stored forms that `core.set` wrote."""
    inputs: str | None = None
    """Stored form of the resolved inputs, secrets masked; None where the definition has them as they are."""
    error: BaseException | None = None
    cancelled: str = ""
    """Why it was told to stop, if that is how it ended."""
    cached: bool = False
    key: CacheKey | None = None
    warnings: Sequence[str] = ()
    code: str | None = None
    """What stands for the action's code, when this run used it for the first time."""
    lines: int = 0
    """Lines that it logged and printed."""
    content: str = ""
    """What stands for the code that the inputs name: a notebook's cells."""


@dataclass(slots=True)
class _Live:
    task: asyncio.Task[None] | None
    reason: str = ""
    begun: bool = False
    """Whether its task has taken its first step: one that is cancelled before would end without a word."""


class Attempts:
    """The attempts of one run that are under way."""

    def __init__(
        self,
        *,
        run: str,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        catalog: Callable[[str], Catalog],
        executors: Mapping[str, Executor],
        evaluator: Evaluator,
        caching: Caching,
        services: RunServices,
        report: Callable[[Outcome, bool], None],
    ) -> None:
        """`report` is told how an attempt ended, and whether it was the last that was under way."""
        self._id = run
        self._loop = loop
        self._pool = pool
        self._catalog = catalog
        self._known: dict[tuple[str, str], ActionHandler] = {}
        self._executors = executors
        self._evaluator = evaluator
        self._values = evaluator.reader.values
        self._caching = caching
        self._services = services
        self._report = report
        self._live: dict[StepState, _Live] = {}

    def __len__(self) -> int:
        return len(self._live)

    def expect(self, step: StepState) -> None:
        """Note that an attempt begins once its start is on disk."""
        self._live[step] = _Live(None)

    def launch(self, step: StepState) -> None:
        """Begin an attempt whose start is on disk."""
        live = self._live[step]
        if live.reason:
            del self._live[step]
            self._report(Outcome(step, step.attempt, cancelled=live.reason), False)
            return
        live.task = self._loop.create_task(self._run(step, step.attempt))

    def cancel(self, step: StepState, reason: str) -> None:
        """Tell an attempt to stop; its outcome says so when it has ended."""
        live = self._live.get(step)
        if live is None or live.reason:
            return
        live.reason = reason
        if live.task is not None and live.begun:
            live.task.cancel()

    def running(self) -> list[StepState]:
        """Give the steps whose attempts are under way."""
        return list(self._live)

    def _end(self, outcome: Outcome) -> None:
        """Take an attempt out, as the last thing that its task does."""
        self._live.pop(outcome.step, None)
        self._report(outcome, not self._live)

    async def _run(self, step: StepState, number: int) -> None:
        outcome = Outcome(step, number)
        live = self._live[step]
        live.begun = True
        if live.reason:
            outcome.cancelled = live.reason
            self._end(outcome)
            return
        try:
            await self._attempt(step, outcome)
        except asyncio.CancelledError:
            outcome.cancelled = self._live[step].reason or "the engine stopped"
        except Exception as error:
            outcome.error = error
        except BaseException as error:  # SystemExit and its like end a step, never the engine
            outcome.error = error
        self._end(outcome)

    async def _attempt(self, step: StepState, outcome: Outcome) -> None:
        node = step.node
        handler = self._known.get((step.body.frame.folder, node.step.uses or ""))
        if handler is None:
            handler = await self._find(step.body.frame.folder, outcome)
        if node.name is not None:
            self._name(step)
        executor = self._executors[self._where(step, handler)]
        if step.attempt > 1 and not await executor.idle(self._id, step.path):
            raise ActionFailed("The thread of the attempt before still runs.", hint="Use `run_on: process`.")
        if node.inputs.is_static:
            inputs = _mapping(node.inputs.evaluate(_NO_NAMES))
        else:
            inputs = await self._inputs(step, outcome)
        if node.literals:
            inputs = {**inputs, **node.literals}
        if node.step.cache is not None:
            outcome.key = await self._caching.key(handler, node.step.cache, inputs, step)
            if outcome.key is not None and await self._hits(step, outcome.key, outcome):
                return
        if not node.inputs.is_static:
            # A child workflow is told the names of secrets, and never the secrets, which its journal would keep.
            opens = step.body.frame.graph.holds_secrets and node.step.uses != _CHILD
            inputs = await self._open(inputs, holds_secrets=opens)
        bound = handler.bind(inputs)
        if handler.path_inputs:
            await self._seen(step, bound, outcome)
        context = RunContext(self._services, step)
        timeout = self._timeout(step) if node.step.timeout is not None else None
        try:
            result = await executor.execute(Call(handler, bound, context, timeout))
        except (Timeout, asyncio.CancelledError) as error:
            if warning := await self._left_behind(executor, step, error):
                outcome.warnings = (warning,)
            raise
        finally:
            context.finish()
            outcome.lines = context.lines
        outcome.output = self._values.encode_inline(result, redactor=self._services.redactor())
        if outcome.output is None:
            await self._settle(result, outcome)
        if node.step.validate_:
            await self._validate(step, outcome)

    def _name(self, step: StepState) -> None:
        """Note what people see as the step's name (S16)."""
        name = self._evaluator.name(step)
        if name != step.name:
            self._services.record(step, e.STEP_NAMED, {"name": name}, None)

    async def _hits(self, step: StepState, key: CacheKey, outcome: Outcome) -> bool:
        """Take an earlier result, if there is one that passes the step's rules; gives whether."""
        outcome.output = await self._caching.find(key)
        if outcome.output is None:
            return False
        try:
            if step.node.step.validate_:
                await self._validate(step, outcome)
        except (ValidatorFailed, TemplateFailed):
            outcome.output = None
        outcome.cached = outcome.output is not None
        return outcome.cached

    async def _left_behind(self, executor: Executor, step: StepState, error: BaseException) -> str:
        """Say that an attempt still runs, if it does: a thread cannot be ended (S35)."""
        if isinstance(error, Timeout):
            return (
                f"The attempt was left behind at its limit of {error.seconds:g} s. {error.hint}" if error.hint else ""
            )
        try:
            async with asyncio.timeout(0):
                still_runs = not await executor.idle(self._id, step.path)
        except TimeoutError:
            still_runs = True
        return _LEFT_BEHIND if still_runs else ""

    def _where(self, step: StepState, handler: ActionHandler) -> str:
        return step.node.step.run_on or handler.runs_in

    async def _find(self, folder: str, outcome: Outcome) -> ActionHandler:
        """Find an action, off the loop: its module may have to be imported."""
        name = outcome.step.node.step.uses or ""

        def find() -> tuple[ActionHandler, str]:
            handler = self._catalog(folder).find(name)
            return handler, handler.code()

        handler, outcome.code = await self._off(find)
        self._known[folder, name] = handler
        return handler

    async def _seen(self, step: StepState, bound: Mapping[str, object], outcome: Outcome) -> None:
        """Note the code of the notebook that the inputs name (S51)."""
        path = bound.get("path")
        if isinstance(path, (str, Path)) and str(path).endswith(".ipynb"):
            file = self._services.resolve(step, path)
            outcome.content = await self._off(lambda: notebook_code(file))

    async def _inputs(self, step: StepState, outcome: Outcome) -> Mapping[str, object]:
        """Resolve the templates of a step's inputs, artifacts left as references."""
        source, around = step.node.inputs, step.body
        names = self._evaluator.names(around)
        if self._evaluator.reads_artifacts(source.references, around):
            inputs = _mapping(await self._off(lambda: source.evaluate(names)))
        else:
            inputs = _mapping(source.evaluate(names))
        redactor = self._services.redactor()
        masked = mask(inputs) if around.frame.graph.holds_secrets else inputs
        text = self._values.encode_inline(masked, redactor=redactor)
        if text is None or len(text) > _INPUTS_INLINE:
            text = await self._off(lambda: self._values.encode(masked, redactor=redactor, inline_limit=_INPUTS_INLINE))
        outcome.inputs = text
        return inputs

    async def _open(self, inputs: Mapping[str, object], *, holds_secrets: bool) -> Mapping[str, object]:
        """Replace artifact references by what they hold, and secret handles by the secrets."""
        if self._values.holds_artifacts(inputs):
            held = inputs
            inputs = _mapping(await self._off(lambda: self._values.decode_deep(held)))
        return _mapping(reveal(inputs, self._services.secret)) if holds_secrets else inputs

    def _timeout(self, step: StepState) -> float:
        value = step.node.step.timeout
        if isinstance(value, str):
            template = parse_template(value)
            assert template is not None
            return seconds_of("timeout", template.evaluate(self._evaluator.names(step.body)))
        return value or 0.0

    async def _settle(self, result: object, outcome: Outcome) -> None:
        """Store what `encode_inline` could not: a directive, something large, or a value with a codec."""
        if isinstance(result, _DIRECTIVES) or _assigns(result):
            await self._direct(result, outcome)
            return
        redactor = self._services.redactor()
        outcome.output = await self._off(lambda: self._values.encode(result, redactor=redactor))

    async def _direct(self, result: object, outcome: Outcome) -> None:
        redactor = self._services.redactor()
        if isinstance(result, Assign):
            result = (result,)
        if isinstance(result, (list, tuple)):
            assigns: Sequence[Assign] = result
            texts = await self._off(
                lambda: [(a.name, self._values.encode(a.value, redactor=redactor)) for a in assigns]
            )
            outcome.assigns = texts
            names = ",".join(f"{json.dumps(name)}:{text}" for name, text in texts)
            outcome.output = texts[0][1] if len(texts) == 1 else "{" + names + "}"
            return
        outcome.directive = result
        if isinstance(result, (Wait, Break)):
            value = result.output if isinstance(result, Wait) else result.value
            outcome.output = await self._off(lambda: self._values.encode(value, redactor=redactor))

    async def _validate(self, step: StepState, outcome: Outcome) -> None:
        """Check the output against the step's rules, in order (S32)."""
        if outcome.output is None or outcome.directive is not None:
            return
        text = outcome.output
        warnings = await self._off(lambda: self.check(step, text))
        outcome.warnings = warnings

    def check(self, step: StepState, text: str) -> list[str]:
        """Check a stored output against the rules; gives the warnings, raises `ValidatorFailed`."""
        output = self._values.decode_deep(self._values.decode(text))
        around = step.body
        names = self._evaluator.names(around, extra={"output": output})
        warnings: list[str] = []
        for rule in step.node.step.validate_:
            held = parse_expression(rule.that).evaluate(names) if isinstance(rule.that, str) else rule.that
            if held:
                continue
            message = _text(rule.message, names)
            if rule.severity == "error":
                raise ValidatorFailed(that=str(rule.that), message=message)
            warnings.append(message or f"The output does not hold: {rule.that}.")
        return warnings

    def _off(self, work: Callable[[], _T]) -> Awaitable[_T]:
        """Do something slow in a thread of the engine's own."""
        return self._loop.run_in_executor(self._pool, work)


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("a step's inputs are a mapping")
    return value


def _assigns(result: object) -> bool:
    return isinstance(result, (list, tuple)) and bool(result) and all(isinstance(a, Assign) for a in result)


def _text(message: str, names: Names) -> str:
    template = parse_template(message)
    return message if template is None else str(template.evaluate(names))
