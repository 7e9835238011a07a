"""A reference interpreter: what rules C to E say becomes of a workflow, told as plainly as they are.

It is recursive and knows no time: a step is settled when somebody asks for it, after all that it follows from. So it
answers only for workflows in which the outcome does not depend on who is first: where a failure stops a body, or a
race is run, the steps of that body must follow one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ergon.errors import ErgonError
from ergon.model.expressions import Reference, parse_expression, parse_value

Step = Mapping[str, Any]
FOR_EVER: Final = 99
"""So many attempts of `property.play` fail that no retry gets beyond them."""
_FACTS: Final = ("status", "error", "attempts", "failed")


class StepFailed(Exception):  # noqa: N818  # it is named like the errors of the tree
    """A step, or one attempt, failed with an error of a type."""

    def __init__(self, type: str) -> None:
        super().__init__(type)
        self.type = type


@dataclass
class Settled:
    """What became of one instance of a step."""

    status: str
    output: list[object] = field(default_factory=list)
    """The output, if it has one."""
    error: str = ""
    attempts: int = 0
    failed: list[int] = field(default_factory=list)
    """Numbers of the items that failed."""
    inside: list[Scope] = field(default_factory=list)
    tolerated: bool = False

    @property
    def value(self) -> object:
        """The output, or null where there is none."""
        return self.output[0] if self.output else None

    def view(self) -> dict[str, object]:
        """Give what a template reads."""
        error = {"type": self.error} if self.error else None
        facts = {"status": self.status, "attempts": self.attempts, "error": error, "failed": self.failed}
        return facts | ({"output": self.value} if self.output else {})


@dataclass
class End:
    """How a run ends."""

    status: str
    outputs: object
    steps: dict[str, Settled]


def interpret(document: Mapping[str, Any]) -> End:
    """Say how a run of a workflow ends."""
    run: dict[str, Settled] = {}
    stops = document.get("settings", {}).get("on_failure", "stop") == "stop"
    root = Scope(run, document["steps"], stops=stops)
    root.settle_all()
    if root.failure():
        return End("failed", None, run)
    view = {id: {"output": settled.value} for id, settled in root.done.items()}
    outputs = parse_value(document.get("outputs", {})).evaluate({"steps": view})
    return End("partial" if _tolerated(root) else "succeeded", outputs, run)


def _tolerated(scope: Scope) -> bool:
    """S22, S26: whether anything failed that the run went on from. Who loses a race that is won did not fail it."""
    for id, settled in scope.done.items():
        if scope.winner and id != scope.winner:
            continue
        if settled.tolerated or (settled.status == "failed" and scope.steps[id].get("optional")):
            return True
        if settled.status == "succeeded" and any(_tolerated(inner) for inner in settled.inside):
            return True
    return False


class Scope:
    """One opening of a body: the steps of a workflow, of an item, an iteration, a branch, or side by side."""

    def __init__(
        self,
        run: dict[str, Settled],
        steps: list[Step],
        *,
        stops: bool,
        path: str = "",
        outer: Scope | None = None,
        names: Mapping[str, object] | None = None,
        race: bool = False,
        loop: bool = False,
    ) -> None:
        self.run, self.path, self.outer, self.stops, self.race, self.loop = run, path, outer, stops, race, loop
        self.steps = {step["id"]: step for step in steps}
        self.names: dict[str, object] = {**(outer.names if outer else {}), **(names or {})}
        self.serves = {s["on_error"]["step"]: s["id"] for s in steps if "step" in s.get("on_error", {})}
        """Which step each stand-in serves."""
        self.done: dict[str, Settled] = {}
        self.called: dict[str, Settled] = {}
        """Failed steps that wait for their stand-in."""
        self.stopped = ""
        self.late: set[str] = set()
        """Steps that ran although the race was won: what does not was told so before they ended."""
        self.winner = ""
        self.broken = False

    # ---- names (S17, S24) ----------------------------------------------------------------------------------------

    def around(self, step_id: str) -> Scope:
        """Give the scope, this or an outer one, that has a step."""
        scope = self
        while step_id not in scope.steps:
            assert scope.outer is not None, step_id
            scope = scope.outer
        return scope

    def settled(self, step_id: str) -> Settled:
        """Give what becomes of a step that can be seen from here."""
        scope = self.around(step_id)
        return scope.called.get(step_id) or scope.settle(step_id)

    def evaluate(self, value: object, **more: object) -> Any:  # Any: a template's value
        """Give the value of a template."""
        try:
            return parse_value(value).evaluate({**self.names, "steps": _Steps(self), **more})
        except ErgonError as error:
            raise StepFailed(type(error).__name__) from error

    def holds(self, condition: bool | str, **more: object) -> bool:
        """Say whether a bare condition holds."""
        if isinstance(condition, bool):
            return condition
        try:
            return bool(parse_expression(condition).evaluate({**self.names, "steps": _Steps(self), **more}))
        except ErgonError as error:
            raise StepFailed(type(error).__name__) from error

    # ---- steps ---------------------------------------------------------------------------------------------------

    def settle_all(self) -> None:
        """Settle every step."""
        for step_id in self.steps:
            self.settle(step_id)

    def settle(self, step_id: str) -> Settled:
        """Settle a step, after all that it follows from."""
        if step_id in self.done:
            return self.done[step_id]
        step = self.steps[step_id]
        for source, _, _ in edges(step):
            self.settled(source)
        if step_id in self.serves:
            self.settled(self.serves[step_id])
        if step_id in self.done:  # the one that it stands in for called it
            return self.done[step_id]
        settled = self._judge(step)
        on_error = step.get("on_error", {})
        if settled.status == "failed" and "continue" in on_error:
            settled.status, settled.output = "succeeded", [on_error["continue"]]
        elif settled.status == "failed" and "step" in on_error:
            settled = self._stood_in(step_id, settled, on_error["step"])
        self._record(step, settled)
        if "step" in on_error:
            self.settle(on_error["step"])  # it knows now that it is not needed
        return settled

    def _stood_in(self, step_id: str, failed: Settled, stand_in: str) -> Settled:
        """S31: the failed step waits for its stand-in, and then succeeds with that one's output, or fails."""
        self.called[step_id] = failed
        instead = self.settle(stand_in)
        del self.called[step_id]
        if instead.status == "succeeded":
            failed.status, failed.output = "succeeded", list(instead.output)
        return failed

    def _record(self, step: Step, settled: Settled) -> None:
        self.done[step["id"]] = self.run[self._path(step)] = settled
        if self.race:
            if settled.status == "succeeded" and not self.winner:
                self.winner, self.stopped = step["id"], "race"
        elif settled.status == "failed" and not step.get("optional") and self.stops:
            self.stopped = self.stopped or "failure"

    def _path(self, step: Step) -> str:
        return f"{self.path}.{step['id']}" if self.path else str(step["id"])

    def _judge(self, step: Step) -> Settled:
        """S19 to S23, S30: whether a step starts, and what comes of it if it does."""
        spared = not self.stopped or self._spared(step["id"])
        refusing = [source for source, kind, on in edges(step) if not self._satisfied(source, kind, on, step)]
        known = [s for s in refusing if self.settled(s).status != "cancelled" and s not in self.late]
        if self.stopped == "race" and spared and not known:
            self.late.add(step["id"])
        if refusing:
            return Settled("skipped" if spared or known else "cancelled")
        if not spared:
            return Settled("cancelled")
        if step["id"] in self.serves and self.serves[step["id"]] not in self.called:
            return Settled("skipped")
        try:
            conditions = [step.get("when", True), *(n.get("when", True) for n in _needs(step))]
            if not self.evaluate(step.get("enabled", True)) or not all(self.holds(c) for c in conditions):
                return Settled("skipped")
        except StepFailed as failure:
            return Settled("failed", error=failure.type)
        return self._start(step)

    def _satisfied(self, source: str, kind: str, on: str, step: Step) -> bool:
        """S20 to S23: whether a settled source satisfies an edge."""
        settled, optional = self.settled(source), self.around(source).steps[source].get("optional", False)
        if kind == "wait" or on == "always":
            return True
        if kind == "data":
            return settled.status == "succeeded"
        if on == "failure":
            return settled.status == "failed"
        return settled.status in ("succeeded", "skipped") or (settled.status == "failed" and optional)

    def _spared(self, step_id: str) -> bool:
        """S30, S29: whether a step runs in a body that stops: it waits for what has ended, or follows from one."""
        spared_by = ("always",) if self.stopped == "race" else ("failure", "always")
        own = [(source, kind, on) for source, kind, on in edges(self.steps[step_id]) if source in self.steps]
        if any(kind == "order" and on in spared_by for _, kind, on in own):
            return True
        served = self.serves.get(step_id)
        if served is not None and self._spared(served):
            return True
        if self.stopped == "race":
            return False
        followed = [source for source in sources(self.steps[step_id]) if source in self.steps]
        return any(self.settled(s).status in ("succeeded", "failed") and self._spared(s) for s in followed)

    def _start(self, step: Step) -> Settled:
        settled = Settled("failed")
        try:
            if "for_each" in step:
                self._for_each(step, settled)
            elif "while" in step or "until" in step:
                self._repeat(step, settled)
            elif "choose" in step:
                self._choose(step, settled)
            elif "parallel" in step:
                self._parallel(step, settled)
            else:
                return self.attempt(step)
            if settled.status == "succeeded" and "uses" not in step:
                self.validate(step, settled.value)
        except StepFailed as failure:
            settled.status, settled.output, settled.error = "failed", [], failure.type
            settled.tolerated = False  # S26: failed items make a run partial where the block succeeds, in spite of them
        return settled

    # ---- actions (S32, S33) --------------------------------------------------------------------------------------

    def attempt(self, step: Step) -> Settled:
        """Run an action until an attempt succeeds or none is left."""
        settled = Settled("failed")
        for number in range(1, step.get("retry", 1) + 1):
            settled.attempts = number
            try:
                output = self._act(step["uses"], self.evaluate(step.get("with", {})), number)
                self.validate(step, output)
            except StepFailed as failure:
                settled.error = failure.type
            else:
                settled.status, settled.error, settled.output = "succeeded", "", [output]
                break
        return settled

    def _act(self, uses: str, inputs: Mapping[str, Any], attempt: int) -> object:
        if uses == "core.break":
            scope = self
            while not scope.loop:
                assert scope.outer is not None
                scope = scope.outer
            scope.broken = True
        if attempt <= inputs.get("fails", 0):
            raise StepFailed("ActionFailed")
        return inputs.get("value")

    def validate(self, step: Step, output: object) -> None:
        """Check an output by the step's rules."""
        for rule in step.get("validate", []):
            if not self.holds(rule["that"], output=output) and rule.get("severity", "error") == "error":
                raise StepFailed("ValidatorFailed")

    # ---- blocks (S25 to S29) -------------------------------------------------------------------------------------

    def failure(self) -> str:
        """Give the error of a body that failed, all of whose steps have ended."""
        if self.winner:
            return ""
        for step_id, settled in self.done.items():
            if settled.status == "failed" and (self.race or not self.steps[step_id].get("optional")):
                return settled.error
        return ""

    def _open(self, step: Step, steps: list[Step], path: str, **keys: Any) -> Scope:
        return Scope(self.run, steps, path=path, outer=self, stops=self.stops, **keys)

    def _run(self, step: Step, scope: Scope) -> Settled:
        """Run a body; gives its status, error and output."""
        if "uses" in step:
            item = {key: step[key] for key in ("id", "uses", "with", "retry", "validate") if key in step}
            leaf = scope.leaf(item)
            self.run[scope.path] = leaf
            return leaf
        scope.settle_all()
        if error := scope.failure():
            return Settled("failed", error=error)
        try:
            if "output" in step:
                return Settled("succeeded", [scope.evaluate(step["output"])])
        except StepFailed as failure:
            return Settled("failed", error=failure.type)
        return Settled("succeeded", [scope.done[list(scope.steps)[-1]].value])

    def leaf(self, item: Step) -> Settled:
        """Run the one action of a block that has `uses`."""
        for source, kind, on in edges(item):
            if not self._satisfied(source, kind, on, item):
                return Settled("skipped")
        return self.attempt(item)

    def _for_each(self, step: Step, settled: Settled) -> None:
        items = self.evaluate(step["for_each"])
        if isinstance(items, Mapping):
            items = [{"key": key, "value": value} for key, value in items.items()]
        if not isinstance(items, (list, tuple)):
            raise StepFailed("InputInvalid")
        outputs: list[object] = []
        for index, item in enumerate(items):
            names = {step.get("as", "item"): item, "loop": {"index": index, "last": index == len(items) - 1}}
            scope = self._open(step, step.get("steps", []), f"{self._path(step)}[{index}]", names=names)
            settled.inside.append(scope)
            one = self._run(step, scope)
            outputs.append(one.value)
            if one.status == "failed":
                settled.failed.append(index)
                if step.get("on_item_error", "stop") == "stop":
                    raise StepFailed(one.error)
        settled.status, settled.output, settled.tolerated = "succeeded", [outputs], bool(settled.failed)

    def _repeat(self, step: Step, settled: Settled) -> None:
        last: object = None
        index = 0
        while True:
            names = {"loop": {"index": index, "last": last}}
            if not self.holds(step.get("while", True), **names):
                break
            if index >= step["max_iterations"]:
                raise StepFailed("LoopLimit")
            path = f"{self._path(step)}[{index}]"
            scope = self._open(step, step.get("steps", []), path, names=names, loop=True)
            settled.inside.append(scope)
            one = self._run(step, scope)
            if one.status == "failed":
                raise StepFailed(one.error)
            last, index = one.value, index + 1
            if scope.broken or ("until" in step and scope.holds(step["until"])):
                break
        settled.status, settled.output = "succeeded", [last]

    def _choose(self, step: Step, settled: Settled) -> None:
        holds = (b.get("otherwise") or self.holds(b["when"]) for b in step["choose"])
        taken = next((number for number, held in enumerate(holds) if held), None)
        for number, branch in enumerate(step["choose"]):
            if number != taken:
                for child in branch["steps"]:
                    self.run[f"{self._path(step)}.{child['id']}"] = Settled("skipped")
        settled.status = "skipped"
        if taken is not None:
            self._once(step, step["choose"][taken]["steps"], settled)

    def _parallel(self, step: Step, settled: Settled) -> None:
        race = step.get("wait_for") == "any"
        scope = self._once(step, step["parallel"], settled, race=race)
        if race and not scope.winner:
            settled.status, settled.output = "skipped", []
        elif race:
            settled.output = list(scope.done[scope.winner].output)
        elif "output" not in step:
            settled.output = [{step_id: scope.done[step_id].value for step_id in scope.steps}]

    def _once(self, step: Step, steps: list[Step], settled: Settled, *, race: bool = False) -> Scope:
        """Run the body of a block that has one."""
        scope = self._open(step, steps, self._path(step), race=race)
        settled.inside.append(scope)
        one = self._run(step, scope)
        if one.status == "failed":
            raise StepFailed(one.error)
        settled.status, settled.output = "succeeded", list(one.output)
        return scope


class _Steps(Mapping[str, object]):
    """`steps`, as a template reads it: whoever is read is settled first."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getitem__(self, step_id: str) -> object:
        return self._scope.settled(step_id).view()

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope.steps)

    def __len__(self) -> int:
        return len(self._scope.steps)


# ---- edges (S19, S20) --------------------------------------------------------------------------------------------


def _needs(step: Step) -> list[Mapping[str, Any]]:
    return [need if isinstance(need, Mapping) else {"step": need} for need in step.get("needs", [])]


def edges(step: Step) -> list[tuple[str, str, str]]:
    """Give a step's own edges: source, kind (order, data, wait) and what it waits for."""
    found = [(str(need["step"]), "order", str(need.get("on", "success"))) for need in _needs(step)]
    for reference in _references(step):
        if reference.root == "steps":
            source = str(reference.path[0])
            if len(reference.path) > 1 and reference.path[1] in _FACTS:
                found.append((source, "order", "always"))
            else:
                found.append((source, "wait", "always") if reference.lenient else (source, "data", "success"))
    return found


def sources(step: Step) -> list[str]:
    """Give all that a step waits for: by its own edges, and for the steps inside it (S24)."""
    inside = [*step.get("steps", []), *step.get("parallel", [])]
    inside += [child for branch in step.get("choose", []) for child in branch["steps"]]
    if "uses" in step and ("for_each" in step or "while" in step):
        inside.append({key: step[key] for key in ("uses", "with") if key in step})
    return [source for source, _, _ in edges(step)] + [each for child in inside for each in sources(child)]


def _references(step: Step) -> Iterator[Reference]:
    """Give what a step's own keys read; what a block evaluates inside is none of them."""
    is_block = any(key in step for key in ("for_each", "while", "until"))
    values = [step.get("enabled"), step.get("for_each"), None if is_block else step.get("with")]
    for value in values:
        yield from parse_value(value).references
    conditions = [step.get("when"), step.get("while"), *(need.get("when") for need in _needs(step))]
    conditions += [branch.get("when") for branch in step.get("choose", [])]
    conditions += [rule["that"] for rule in step.get("validate", [])]
    for condition in conditions:
        if isinstance(condition, str):
            yield from parse_expression(condition).references
