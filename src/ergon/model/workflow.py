"""The workflow: the definition that a file, the editor and Python all describe (S3, S4)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StrictBool, StrictFloat, StrictInt

from ergon.model.base import Condition, Definition, Duration, Id, TemplateText
from ergon.model.parameters import Parameter
from ergon.model.policies import CacheField, OnCrash, OnError, RetryField, RunSettings, Validation

RunOn = Literal["thread", "process", "dask"]
EdgeOn = Literal["success", "failure", "always"]


class Need(Definition):
    """An edge: this step comes after another (S19)."""

    step: Id
    """The step that comes first."""
    on: EdgeOn = "success"
    """What must have become of it."""
    when: Condition | None = None
    """A further condition on this edge."""
    label: str = ""
    """What the graph shows on the edge."""


def _need(value: object) -> object:
    return {"step": value} if isinstance(value, str) else value


class Branch(Definition):
    """A branch of `choose` (S28): the first whose `when` holds is taken."""

    when: Condition | None = None
    """The condition."""
    otherwise: Literal[True] | None = None
    """True on the last branch, which is taken when no other is."""
    label: str = ""
    """What the graph shows on the branch."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """The steps of the branch."""


class Step(Definition):
    """One node of a workflow: it calls an action, or is a block that holds steps."""

    id: Id
    """The name under `steps.` in templates; unique in its scope."""
    name: str = ""
    """What people see; may hold templates."""
    description: str = ""
    """What it is for."""
    uses: str | None = None
    """The action: `namespace.verb`, or `module:function`."""
    with_: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    """The action's inputs; templates may stand in every value."""
    needs: Annotated[
        tuple[Annotated[Need, BeforeValidator(_need)], ...],
        BeforeValidator(lambda v: [v] if isinstance(v, str) else v),
    ] = ()
    """Steps that come first: ids, or `{step, on, when, label}`."""
    when: Condition | None = None
    """The step is skipped unless this holds."""
    validate_: tuple[Validation, ...] = Field(default=(), alias="validate")
    """Rules for the step's `output`, checked after each attempt."""
    retry: RetryField | None = None
    """How failed attempts are repeated."""
    timeout: Duration | TemplateText | None = None
    """Time limit of one attempt (of a block: of the whole block)."""
    optional: StrictBool = False
    """Whether the run goes on when the step fails."""
    on_error: OnError | None = None
    """What stands in when the step fails."""
    cache: CacheField = None
    """Whether an earlier result may be used."""
    resources: dict[str, Annotated[StrictFloat, Field(gt=0)]] = Field(default_factory=dict)
    """What it takes of the workflow's resources while it runs."""
    run_on: RunOn | None = None
    """Where a Python action runs: in a thread, or in a process that can be killed."""
    on_crash: OnCrash = "retry"
    """What a resume does with an attempt that the process's death cut off."""
    enabled: StrictBool | TemplateText = True
    """A step that is not enabled is skipped."""
    tags: tuple[str, ...] = ()
    """Labels."""
    annotations: dict[str, JsonValue] = Field(default_factory=dict)
    """Anybody's data; it means nothing to a run."""

    for_each: JsonValue = None
    """A list (or mapping) whose items the block's steps run over."""
    as_: Id | None = Field(default=None, alias="as")
    """The item's name in templates; `item` if absent."""
    concurrency: Annotated[StrictInt, Field(ge=1)] | None = None
    """Items at once."""
    on_item_error: Literal["stop", "continue"] = "stop"
    """Whether a failed item fails the block."""
    while_: Condition | None = Field(default=None, alias="while")
    """Tested before each iteration."""
    until: Condition | None = None
    """Tested after each iteration."""
    max_iterations: Annotated[StrictInt, Field(ge=1)] | None = None
    """The most iterations that a loop may take."""
    every: Duration | None = None
    """Time from the start of one iteration to the start of the next."""
    choose: tuple[Branch, ...] = ()
    """Branches, of which the first that holds is taken."""
    parallel: tuple[Step, ...] = ()
    """Steps that run side by side."""
    wait_for: Literal["all", "any"] = "all"
    """Whether `parallel` needs all its steps, or the first success."""
    steps: tuple[Step, ...] = ()
    """The steps of a `for_each`, `while` or `until`."""
    output: JsonValue = None
    """What a block's output is, evaluated inside; without it, that of the step written last."""

    def item(self) -> Step:
        """Give the action that a `for_each` or loop with `uses` runs for each item."""
        kept = {
            name: getattr(self, name)
            for name in ("id", "name", "uses", "with_", *_ITEM_KEYS)
            if name in self.model_fields_set
        }
        return Step.model_construct(_fields_set=set(kept), **kept)

    @property
    def kind(self) -> StepKind:
        """Say what sort of step this is."""
        given = self.model_fields_set
        for field, kind in _KINDS:
            if field in given:
                return kind
        return "action"


StepKind = Literal["action", "for_each", "while", "choose", "parallel"]
_ITEM_KEYS = ("validate_", "retry", "timeout", "cache", "resources", "run_on", "on_crash")
_KINDS: tuple[tuple[str, StepKind], ...] = (
    ("for_each", "for_each"),
    ("while_", "while"),
    ("until", "while"),
    ("choose", "choose"),
    ("parallel", "parallel"),
)


class Defaults(Definition):
    """Step keys that every step inherits."""

    retry: RetryField | None = None
    timeout: Duration | TemplateText | None = None
    run_on: RunOn | None = None
    cache: CacheField = None


class Trigger(Definition):
    """What starts a run without a person (S7); kept and checked for form, not run by this version."""

    id: Id
    on: Literal["schedule", "file", "webhook", "event", "workflow", "activity", "manual"]
    with_: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    enabled: StrictBool = True
    when: Condition | None = None
    priority: Literal["immediate", "scheduled", "deferred"] | None = None


class Layout(Definition):
    """Where the graph editor draws things (S8); it means nothing to a run and keeps what it does not know."""

    model_config = ConfigDict(extra="allow")

    nodes: dict[str, JsonValue] = Field(default_factory=dict)
    notes: tuple[JsonValue, ...] = ()
    groups: JsonValue = None
    viewport: JsonValue = None


class Workflow(Definition):
    """A workflow's definition."""

    ergon: Literal[1] = 1
    """The version of the format."""
    name: Annotated[str, Field(min_length=1, max_length=200)]
    """The workflow's name."""
    title: str = ""
    """What people see as its name."""
    description: str = ""
    """What it is for."""
    version: str | StrictInt | StrictFloat = ""
    """The author's version of it."""
    author: str = ""
    """Who wrote it."""
    tags: tuple[str, ...] = ()
    """Labels."""
    type: str = ""
    """A sort of workflow, for people's own use."""
    enabled: StrictBool = True
    """Whether triggers may start it."""
    level: str | StrictInt = ""
    """A level, for people's own use."""
    annotations: dict[str, JsonValue] = Field(default_factory=dict)
    """Anybody's data; it means nothing to a run."""
    parameters: tuple[Parameter, ...] = ()
    """What the person who starts a run supplies."""
    variables: dict[Id, JsonValue] = Field(default_factory=dict)
    """Named values; they read parameters and other variables."""
    settings: RunSettings = Field(default_factory=RunSettings)
    """How its runs go."""
    defaults: Defaults = Field(default_factory=Defaults)
    """Keys that every step inherits."""
    triggers: tuple[Trigger, ...] = ()
    """What starts a run without a person."""
    resources: dict[str, JsonValue] = Field(default_factory=dict)
    """Capacities, like `{gpu: 1, api: 5/s}`, that steps ask for."""
    steps: tuple[Step, ...] = ()
    """The steps."""
    outputs: dict[Id, JsonValue] = Field(default_factory=dict)
    """The run's outputs, by name; what reads a step without an output is null."""
    layout: Layout = Field(default_factory=Layout)
    """Where the graph editor draws things."""

    def document(self) -> dict[str, Any]:  # Any: a JSON document
        """Give the definition as the JSON document that a file would hold, without defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


Branch.model_rebuild()
Step.model_rebuild()
Workflow.model_rebuild()
