"""Policies of steps and runs: retry, failure, caching, limits (S30 to S35, S52, S54)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, StrictFloat, StrictInt

from ergon.model.base import Condition, Definition, Duration, Id, TemplateText

Backoff = Literal["fixed", "linear", "exponential"]
OnFailure = Literal["stop", "finish", "pause", "rollback"]
OnCrash = Literal["retry", "fail", "ask"]
Overlap = Literal["queue", "skip", "cancel", "allow"]
Durability = Literal["full", "process", "off"]


class Retry(Definition):
    """How often an attempt is repeated, and how long it waits in between (S33)."""

    attempts: Annotated[StrictInt, Field(ge=1, le=1000)] | TemplateText = 1
    """Attempts in all, the first included."""
    delay: Duration | TemplateText = 0.0
    """Wait before the second attempt."""
    backoff: Backoff = "fixed"
    """How the wait grows: not at all, by `delay` each time, or doubled each time."""
    max_delay: Duration | TemplateText | None = None
    """The longest wait."""
    jitter: Annotated[StrictFloat, Field(ge=0, le=1)] | TemplateText = 0.0
    """The share of the wait that is random: 0.2 gives 80 to 100 % of it."""
    on: tuple[str, ...] = ()
    """Error types that are retried; none named means all."""

    @property
    def templated(self) -> tuple[object, ...]:
        """Give the values that may be templates (S16)."""
        return self.attempts, self.delay, self.max_delay, self.jitter


class Validation(Definition):
    """A rule that a step's output must keep (S32)."""

    that: Condition
    """An expression over `output` that must be true."""
    message: str = ""
    """What to say when it is not."""
    severity: Literal["error", "warning"] = "error"
    """Whether the attempt fails, or the run only notes it."""


class OnError(Definition):
    """What stands in for a step that failed (S31): a value, or another step."""

    continue_: JsonValue = Field(default=None, alias="continue")
    """The output that the step then has; it counts as succeeded."""
    step: Id | None = None
    """The step whose output stands in."""

    @property
    def continues(self) -> bool:
        """Whether a value was given (null is one)."""
        return "continue_" in self.model_fields_set


class Cache(Definition):
    """When a result may be taken from an earlier run (S52)."""

    ttl: Duration | None = None
    """How long a result counts; for ever if absent."""
    key: JsonValue = None
    """A further part of the key."""
    version: str | StrictInt | None = None
    """Change it to forget earlier results."""


def _retry(value: object) -> object:
    return {"attempts": value} if isinstance(value, (int, str)) and not isinstance(value, bool) else value


def _cache(value: object) -> object:
    if value is True:
        return {}
    return None if value is False else value


RetryField = Annotated[Retry, BeforeValidator(_retry)]
CacheField = Annotated[Cache | None, BeforeValidator(_cache)]


class RunSettings(Definition):
    """Settings that a workflow gives its runs."""

    concurrency: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = None
    """Actions that run at once in a run; 8 if absent."""
    timeout: Duration | None = None
    """Time limit of a run."""
    on_failure: OnFailure = "stop"
    """What an unhandled failure does to the rest of the run (S30)."""
    durability: Durability | None = None
    """What survives: power loss (`full`), the process (`process`), nothing (`off`)."""
    max_runs: Annotated[StrictInt, Field(ge=1)] | None = None
    """Runs of this workflow at once, in all processes that share a home."""
    overlap: Overlap = "queue"
    """What a start does when `max_runs` is reached."""
    env: tuple[str, ...] = ()
    """Environment variables that templates may read as `env.NAME`."""
    resources: dict[str, JsonValue] = Field(default_factory=dict)
    """Capacities, like `{gpu: 1, api: 5/s}`."""
    kernel: dict[str, JsonValue] | None = None
    """How notebook kernels are started; not supported yet."""
    budget: dict[str, JsonValue] | None = None
    """Budgets of tokens, money, time and energy; not supported yet."""
