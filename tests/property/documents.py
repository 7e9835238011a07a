"""Random workflows whose outcome does not depend on timing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st
from tests.property.reference import FOR_EVER

Step = dict[str, Any]
DEPTH: Final = 3
STEPS: Final = 12
_VALUES: Final[Sequence[object]] = (0, 1, 2, "a", "ö", None, True, [1, 2], {"k": 1})
_LISTS: Final[Sequence[object]] = ([], [1], [1, 2], ["x", "x"], [0, 1, 2], {"k": 1, "l": 2})


@dataclass(frozen=True)
class Seen:
    """A step that others may refer to."""

    id: str
    kind: str


@dataclass(frozen=True)
class Place:
    """Where a step is written: what it sees, and how deep it stands."""

    depth: int = 0
    around: tuple[Seen, ...] = ()
    """Steps of enclosing bodies."""
    before: tuple[Seen, ...] = ()
    """Steps of the same body that it may follow from."""
    items: tuple[str, ...] = ()
    """Names of the items of enclosing blocks."""
    loop: str = ""
    """The kind of the nearest loop."""
    breakable: bool = False
    chain: bool = False
    """Whether the steps of a body follow one another."""
    race: bool = False


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Write a workflow."""
    stops = draw(st.integers(0, 3)) == 0
    writer = _Writer(draw, stops=stops)
    steps, seen = writer.body(Place(chain=stops))
    outputs = {each.id: f"{{{{ steps.{each.id}.output }}}}" for each in seen if writer.chance(3)}
    settings: dict[str, object] = {} if stops else {"on_failure": "finish"}
    if writer.chance(4):
        settings["concurrency"] = draw(st.integers(1, 3))
    return {"settings": settings, "steps": steps, "outputs": outputs}


class _Writer:
    def __init__(self, draw: st.DrawFn, *, stops: bool) -> None:
        self._draw = draw
        self._stops = stops
        self._left = draw(st.sampled_from((3, 5, 8, STEPS)))
        self._number = 0

    def chance(self, of: int) -> bool:
        """Say yes once in so many times."""
        return self._draw(st.integers(1, of)) == of

    def pick(self, choices: Sequence[Any]) -> Any:  # Any: one of the choices
        """Take one of some choices."""
        return self._draw(st.sampled_from(choices))

    def _id(self, prefix: str = "s") -> str:
        self._number += 1
        return f"{prefix}{self._number}"

    # ---- bodies ------------------------------------------------------------------------------------------------

    def body(self, place: Place, *, most: int = STEPS) -> tuple[list[Step], tuple[Seen, ...]]:
        """Write steps that start together, in any order of the text; gives them, and what can be seen of them."""
        steps: list[Step] = []
        previous = ""
        for _ in range(most):
            if steps and (self._left <= 0 or self.chance(4 if place.depth else 9)):
                break
            step = self._step(place)
            if place.chain and previous:
                step["needs"] = [{"step": previous, "on": self.pick(("success", "success", "failure", "always"))}]
            previous = step["id"]
            steps.append(step)
            if not place.race and self.chance(6):
                steps.append(self._stand_in(step, place))
            place = replace(place, before=(*place.before, *self._new(steps, place)))
        order = self._draw(st.randoms(use_true_random=False))
        if self.chance(2):
            random.Random(order.random()).shuffle(steps)
        return steps, place.before

    def _new(self, steps: list[Step], place: Place) -> list[Seen]:
        known = {each.id for each in place.before}
        return [Seen(step["id"], _kind(step)) for step in steps if step["id"] not in known]

    def _stand_in(self, step: Step, place: Place) -> Step:
        step["on_error"] = {"step": self._id("t")}
        stand_in = self._action(step["on_error"]["step"], place)
        if self.chance(2):
            stand_in["with"]["value"] = f"{{{{ steps.{step['id']}.error.type }}}}"
        return stand_in

    def _inside(self, place: Place, **changes: Any) -> Place:
        around = (*place.around, *place.before)
        return replace(place, depth=place.depth + 1, around=around, before=(), chain=self._stops, race=False, **changes)

    # ---- steps -------------------------------------------------------------------------------------------------

    def _step(self, place: Place) -> Step:
        self._left -= 1
        step_id = self._id()
        kinds = ["action", "action", "action", "leaf"]
        if place.depth < DEPTH and self._left > 0:
            kinds += ["for_each", "while", "until", "choose", "parallel", "race"]
        if place.breakable:
            kinds.append("break")
        write = {
            "action": self._action,
            "leaf": self._leaf,
            "for_each": self._for_each,
            "while": self._while,
            "until": self._until,
            "choose": self._choose,
            "parallel": self._parallel,
            "race": self._race,
            "break": self._break,
        }[self.pick(kinds)]
        step = write(step_id, place)
        self._edges(step, place)
        self._policies(step, place)
        return step

    def _edges(self, step: Step, place: Place) -> None:
        needs: list[object] = []
        for source in () if place.chain else self._some((*place.before, *place.around[-2:])):
            need: dict[str, object] = {"step": source.id, "on": self.pick(("success", "success", "failure", "always"))}
            if self.chance(6):
                need["when"] = self._condition(place)
            needs.append(source.id if need == {"step": source.id, "on": "success"} else need)
        if needs:
            step["needs"] = needs
        if self.chance(5):
            step["when"] = self._condition(place)
        if self.chance(10):
            step["enabled"] = self.pick((False, "{{ 1 > 2 }}", "{{ 1 < 2 }}"))

    def _policies(self, step: Step, place: Place) -> None:
        if self.chance(6):
            step["optional"] = True
        if self.chance(8):
            step["on_error"] = {"continue": self.pick(_VALUES)}
        if step.get("uses") != "core.break" and self.chance(6):
            that = self.pick((True, False, "output != 1", "output is not none", "output == [1, 2]"))
            step["validate"] = [{"that": that, "severity": self.pick(("error", "error", "warning"))}]

    def _action(self, step_id: str, place: Place) -> Step:
        step: Step = {"id": step_id, "uses": "property.play", "with": {"value": self._value(place)}}
        attempts = self.pick((1, 1, 2, 3))
        if attempts > 1:
            step["retry"] = attempts
        fails = self.pick((0, 0, 0, FOR_EVER, attempts - 1))
        if place.items and self.chance(4):
            fails = f"{{{{ {FOR_EVER} if {self.pick(place.items)} == {self.pick((1, 2))} else 0 }}}}"
        if fails:
            step["with"]["fails"] = fails
        return step

    def _break(self, step_id: str, place: Place) -> Step:
        return {"id": step_id, "uses": "core.break"}

    # ---- blocks ------------------------------------------------------------------------------------------------

    def _for_each(self, step_id: str, place: Place) -> Step:
        name = self._id("i")
        step: Step = {"id": step_id, "for_each": self._list(place), "as": name}
        self._item_policy(step)
        step["steps"], seen = self.body(self._inside(place, items=(*place.items, name), loop="for_each"), most=4)
        return self._with_output(step, seen)

    def _item_policy(self, step: Step) -> None:
        if self.chance(2):
            step["on_item_error"] = "continue"
        if "on_item_error" not in step or self.chance(4):
            step["concurrency"] = 1

    def _leaf(self, step_id: str, place: Place) -> Step:
        if self.chance(2):
            name = self._id("i")
            step: Step = {"id": step_id, "for_each": self._list(place), "as": name}
            self._item_policy(step)
            inside = replace(self._inside(place), items=(*place.items, name), loop="for_each")
        else:
            step = {"id": step_id, "while": f"loop.index < {self.pick((0, 1, 2, 3))}", "max_iterations": 2}
            inside = replace(self._inside(place), loop="while")
        return {**self._action(step_id, inside), **step}

    def _while(self, step_id: str, place: Place) -> Step:
        step: Step = {"id": step_id, "while": f"loop.index < {self.pick((0, 1, 2, 3))}"}
        return self._loop(step, place)

    def _until(self, step_id: str, place: Place) -> Step:
        step = self._loop({"id": step_id}, place)
        inner = self.pick(step["steps"])["id"]
        tests = (
            f"loop.index >= {self.pick((0, 1, 2))}",
            f"steps.{inner}.output == 1",
            f"steps.{inner}.status == 'succeeded'",
        )
        step["until"] = self.pick(tests)
        return step

    def _loop(self, step: Step, place: Place) -> Step:
        step["max_iterations"] = self.pick((1, 2, 3))
        inside = self._inside(place, loop="while", breakable=True)
        step["steps"], seen = self.body(inside, most=3)
        return self._with_output(step, seen)

    def _choose(self, step_id: str, place: Place) -> Step:
        branches: list[Step] = []
        for _ in range(self.pick((1, 2, 3))):
            steps, _ = self.body(self._inside(place), most=2)
            branches.append({"when": self._condition(place), "steps": steps})
        if self.chance(2):
            branches[-1] = {"otherwise": True, "steps": branches[-1]["steps"]}
        return {"id": step_id, "choose": branches}

    def _parallel(self, step_id: str, place: Place) -> Step:
        steps, seen = self.body(self._inside(place), most=4)
        return self._with_output({"id": step_id, "parallel": steps}, seen)

    def _race(self, step_id: str, place: Place) -> Step:
        steps, _ = self.body(replace(self._inside(place), chain=True, race=True), most=3)
        return {"id": step_id, "wait_for": "any", "parallel": steps}

    def _with_output(self, step: Step, seen: tuple[Seen, ...]) -> Step:
        if self.chance(4):
            source = self.pick(seen).id
            step["output"] = self.pick((f"{{{{ steps.{source}.output }}}}", f"{{{{ steps.{source}.status }}}}"))
        return step

    # ---- values ------------------------------------------------------------------------------------------------

    def _some(self, seen: tuple[Seen, ...]) -> list[Seen]:
        if not seen or self.chance(2):
            return []
        return [seen[index] for index in sorted(self._draw(st.sets(st.integers(0, len(seen) - 1), max_size=2)))]

    def _value(self, place: Place) -> object:
        """Write a value, or a template that reads what can be seen."""
        found: list[object] = [self.pick(_VALUES)]
        found += [f"{{{{ {name} }}}}" for name in place.items]
        if place.loop:
            found += ["{{ loop.index }}", "{{ loop.last }}"]
        for each in (*place.before, *place.around):
            output = f"steps.{each.id}.output"
            found += [
                f"{{{{ {output} }}}}",
                f"{{{{ {output} | default('none') }}}}",
                f"{{{{ steps.{each.id}.status }}}}",
            ]
            found += [[f"{{{{ {output} }}}}"], f"{{{{ {output} is defined }}}}"]
            if each.kind == "for_each":
                found.append(f"{{{{ steps.{each.id}.failed }}}}")
            if each.kind == "action":
                found.append(f"{{{{ steps.{each.id}.error.type if steps.{each.id}.error else 'fine' }}}}")
        return self.pick(found)

    def _list(self, place: Place) -> object:
        seen = (*place.before, *place.around)
        if seen and self.chance(3):
            source = self.pick(seen).id
            return self.pick((f"{{{{ steps.{source}.output }}}}", [1, f"{{{{ steps.{source}.output }}}}"]))
        return self.pick(_LISTS)

    def _condition(self, place: Place) -> object:
        found: list[object] = [True, False, "1 < 2"]
        found += [f"{name} == 1" for name in place.items]
        if place.loop:
            found.append("loop.index < 1")
        for each in (*place.before, *place.around):
            found += [f"steps.{each.id}.output == 1", f"steps.{each.id}.status == 'failed'"]
            found += [f"steps.{each.id}.output is defined", f"steps.{each.id}.status != 'succeeded'"]
        return self.pick(found)


def _kind(step: Step) -> str:
    for kind in ("for_each", "while", "until", "choose", "parallel"):
        if kind in step:
            return kind
    return "action"
