"""Structure: a document becomes a `Workflow`; what does not fit is reported in the file's own words and left out.

What remains is checked further, so that one fault hides no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from ergon.loading.labels import child, describe, key_label, label
from ergon.loading.nodes import MappingNode, Node, ScalarNode, SequenceNode, plain
from ergon.loading.positions import Path
from ergon.loading.report import Report, short
from ergon.loading.shape import Cleaner
from ergon.loading.wording import FieldError, expected, is_of_type, mend
from ergon.model.workflow import Workflow

MAX_STEPS: Final = 20_000
_ROUNDS: Final = 8
_MISSING_HINTS: Final = {
    "ergon": "Begin the file with `ergon: 1`.",
    "id": "Give it an id, such as `id: load`.",
    "that": "Write `that: EXPRESSION`.",
    "steps": "A branch holds `steps`.",
}


class Structure:
    """Builds the workflow of a document; `tree` is what of the document is in it."""

    def __init__(self, root: MappingNode, report: Report) -> None:
        self._report = report
        cleaner = Cleaner(root, report)
        self.tree = cleaner.clean()
        self._steps = cleaner.steps
        self._silent: dict[tuple[int, str | int], Node] = {}
        """Keys that were reported already, by the mapping that holds them (which is kept alive here)."""
        for holder, key in cleaner.renamed:
            self._silent[id(holder), key] = holder
        self._made_up = 0

    def build(self) -> Workflow | None:
        """Give the workflow of what fits; None where nothing can be made of it."""
        if self._steps > MAX_STEPS:
            self._report.add("E128", ("steps",), at_key=True, limit=f"{MAX_STEPS:,}")
            return None
        for _ in range(_ROUNDS):
            try:
                return Workflow.model_validate(plain(self.tree))
            except ValidationError as error:
                self._take(error)
        return None

    # ---- faults ----------------------------------------------------------------------------------------------

    def _take(self, error: ValidationError) -> None:
        """Report each place once, then leave out what stands there."""
        places: dict[Path, list[FieldError]] = {}
        for one in error.errors(include_url=False, include_input=False):
            found = FieldError(one["type"], one["loc"], one.get("ctx", {}))
            places.setdefault(self._place(found), []).append(found)
        for path in places:
            node = self._node(path)
            if path[-1:] == ("id",) and isinstance(node, ScalarNode):
                self._report.bad_names.add(str(node.value))
        for path, errors in places.items():
            if self._is_new(path):
                self._tell(path, errors)
        self._leave_out(places)

    def _place(self, error: FieldError) -> Path:
        """Give the document's own path of an error, without the names of validators."""
        node: Node | None = self.tree
        path: list[str | int] = []
        for part in error.location:
            node = child(node, part)
            if node is None:
                if error.kind == "missing":
                    path.append(part)
                break
            path.append(part)
        return tuple(path)

    def _is_new(self, path: Path) -> bool:
        if not path or isinstance(path[-1], int):
            return True
        holder = self._node(path[:-1])
        assert holder is not None
        if (id(holder), path[-1]) in self._silent:
            return False
        self._silent[id(holder), path[-1]] = holder
        return True

    def _tell(self, path: Path, errors: list[FieldError]) -> None:
        first, node = errors[0], self._node(path)
        if first.kind == "missing":
            self._tell_missing(path)
        elif first.location[-1:] == ("[key]",):
            self._report.add("E125", path, at_key=True, name=path[-1], what="a name")
        elif any(e.kind == "string_pattern_mismatch" for e in errors):
            self._tell_bad_name(path, node)
        elif first.kind == "too_short":
            self._report.add("E137", path, at_key=True, key=path[-1], id=self._step_name(path))
        else:
            wanted = expected(errors, path)
            code = "E123" if any(is_of_type(e) for e in errors) else "E124"
            facts = {"key": key_label(path), "expected": wanted, "found": describe(node)}
            self._report.put(code, path, facts, hint=mend(node, wanted, path))

    def _tell_missing(self, path: Path) -> None:
        holder = self._node(path[:-1])
        if isinstance(holder, MappingNode) and holder.partial:
            return
        where, key = label(path[:-1], self.tree), str(path[-1])
        self._report.add("E122", path[:-1], hint=_MISSING_HINTS.get(key, ""), key=key, where=where)

    def _tell_bad_name(self, path: Path, node: Node | None) -> None:
        name = str(node.value) if isinstance(node, ScalarNode) else ""
        if "{{" in name:
            self._report.add("E162", path, key=key_label(path))
            return
        if "needs" in path[-3:] or path[-1] == "step":
            if name not in self._report.bad_names:
                self._report.add("E125", path, name=name, what="the id of a step")
            return
        self._report.add("E125", path, name=name, what="an id" if path[-1] == "id" else "a name")

    # ---- what is left out ------------------------------------------------------------------------------------

    def _leave_out(self, places: Iterable[Path]) -> None:
        gone: dict[Path, set[str | int]] = {}
        for path in places:
            missing = self._node(path) is None
            if self._needs_name(path):
                self._give_name(path)
                continue
            whole = path[:-1] if missing else path
            if whole:
                gone.setdefault(whole[:-1], set()).add(whole[-1])
        for parent in sorted(gone, key=len, reverse=True):
            self._remove(parent, gone[parent])

    def _needs_name(self, path: Path) -> bool:
        """Whether the workflow or a step lacks its name, and can be checked all the same."""
        return path == ("name",) or (path[-1:] == ("id",) and len(path) > 2 and path[-3] in ("steps", "parallel"))

    def _give_name(self, path: Path) -> None:
        parent, key = self._node(path[:-1]), str(path[-1])
        assert isinstance(parent, MappingNode)
        self._made_up += 1
        name = f"_unnamed_{self._made_up}"
        self._report.shown[name] = self._called(path)
        old = parent.items.get(key, parent)
        parent.items[key] = ScalarNode(name, "", old.line, old.column, old.start, old.start)
        parent.keys = {key: (parent.line, parent.column), **parent.keys}
        siblings = self._node(path[:-2])
        if isinstance(siblings, SequenceNode):
            siblings.partial = True

    def _called(self, path: Path) -> str:
        """Give what a step without a good id is called in sentences."""
        node = self._node(path)
        if isinstance(node, ScalarNode) and node.value is not None:
            return short(str(node.value))
        return f"number {index + 1}" if isinstance(index := path[-2:][0], int) else "?"

    def _remove(self, parent: Path, parts: set[str | int]) -> None:
        node = self._node(parent)
        if isinstance(node, MappingNode):
            node.items = {key: value for key, value in node.items.items() if key not in parts}
            node.partial = True
        elif isinstance(node, SequenceNode):
            node.items = [value for index, value in enumerate(node.items) if index not in parts]
            node.partial = True

    def _node(self, path: Path) -> Node | None:
        node: Node | None = self.tree
        for part in path:
            node = child(node, part)
        return node

    def _step_name(self, path: Path) -> str:
        for depth in range(len(path), 0, -1):
            name = child(self._node(path[:depth]), "id")
            if isinstance(name, ScalarNode):
                return str(name.value)
        return ""
