"""The graph: a workflow compiled once into nodes, bodies and edges, which every run of it shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ergon.model.expressions import Reference, Template, Value, parse_expression, parse_template, parse_value
from ergon.model.policies import Cache, Retry
from ergon.model.workflow import EdgeOn, RunOn, Step, StepKind, Workflow

EdgeKind = Literal["order", "data", "wait"]
EXPRESSION_INPUTS: Final[Mapping[str, frozenset[str]]] = {"core.assert": frozenset({"that"})}
"""Inputs that are bare expressions, by action (S13)."""
LITERAL_INPUTS: Final[Mapping[str, frozenset[str]]] = {
    "python.run": frozenset({"code"}),
    "script.run": frozenset({"code"}),
}
"""Inputs that are never templates, by action (S16)."""
_NONE: Final[frozenset[str]] = frozenset()
_ABSENT: Final = object()
"""The output of a block that says none; null is one (S25)."""
_NO_LITERALS: Final[Mapping[str, object]] = {}
STEP_FACTS: Final = frozenset({"status", "error", "attempts", "failed"})
"""What can be read of a step beside its output."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Something that must have become of another step before this one may start (S19, S20)."""

    source: str
    """Id of the other step."""
    index: int
    """Its place in the same body, or -1 where it stands in an enclosing one."""
    kind: EdgeKind
    """`order`, `data` (its output is read), or `wait` (only wait: what a block does for what is inside)."""
    on: EdgeOn = "success"
    when: Template | None = None


@dataclass(slots=True, eq=False)
class Node:
    """A step, compiled: its place, its edges, and its templates."""

    index: int
    id: str
    step: Step
    kind: StepKind
    inputs: Value
    literals: Mapping[str, object]
    """Inputs that are no templates, whatever they look like."""
    when: Template | bool | None
    name: Template | None = None
    """What people see as its name, if that is a template."""
    items: Value | None = None
    """The list of a `for_each`."""
    test: Template | bool | None = None
    """The condition of `while`."""
    until: Template | bool | None = None
    branches: tuple[Template | bool | None, ...] = ()
    """The conditions of `choose`; None is `otherwise`."""
    edges: tuple[Edge, ...] = ()
    sources: tuple[int, ...] = ()
    """Places in the same body of the steps that must be settled first."""
    targets: tuple[int, ...] = ()
    """Places in the same body of the steps that wait for this one."""
    bodies: tuple[Body, ...] = ()
    serves: int = -1
    """Place of the step that this one stands in for (S31), or -1."""
    stand_in: int = -1
    """Place of the step that stands in for this one, or -1."""
    conditional: bool = False
    """Whether anything has to be evaluated before it may start."""
    reads_state: bool = False
    """Whether its result depends on `state`, so that it is not cached (S18)."""
    handles: bool = False
    """Whether it follows, directly or not, from an edge on failure or always, so that a stop may let it run."""

    @property
    def retry(self) -> Retry | None:
        """How attempts are repeated."""
        return self.step.retry

    @property
    def cache(self) -> Cache | None:
        """Whether earlier results may be used."""
        return self.step.cache

    @property
    def run_on(self) -> RunOn | None:
        """Where the action runs, if the step says."""
        return self.step.run_on


@dataclass(slots=True, eq=False)
class Body:
    """Steps that start together: a workflow's, or those inside a block."""

    nodes: tuple[Node, ...]
    by_id: Mapping[str, int]
    leaf: bool = False
    """Whether it is the one action of a `for_each` or loop that has `uses` and no `steps`."""
    branch: int = 0
    output: Value | None = None
    """The block's `output` template, evaluated inside."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Graph:
    """A workflow, compiled."""

    workflow: Workflow
    sha256: str
    root: Body
    variables: Mapping[str, Value]
    """The variables, each after those that it reads (S17)."""
    secrets: frozenset[str]
    """Names of the secrets that the workflow uses."""
    holds_secrets: bool
    """Whether any value of a run may hold a secret's handle."""
    env: frozenset[str]
    """Names of the environment variables that it may read."""
    capacities: Mapping[str, Capacity] = field(default_factory=dict)

    def nodes(self) -> Iterator[tuple[str, Node]]:
        """Give every node with its path without item and iteration numbers."""
        yield from _walk(self.root, "")


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of a resource there is: at once, or per `period` seconds."""

    amount: float
    period: float = 0.0


def _walk(body: Body, prefix: str) -> Iterator[tuple[str, Node]]:
    for node in body.nodes:
        path = prefix if body.leaf else f"{prefix}.{node.id}" if prefix else node.id
        if not body.leaf:
            yield path, node
        for inner in node.bodies:
            yield from _walk(inner, path)


def condition(source: bool | str | None) -> Template | bool | None:
    """Compile a bare condition (S13)."""
    return parse_expression(source) if isinstance(source, str) else source


def compile_graph(workflow: Workflow, *, sha256: str = "") -> Graph:
    """Compile a checked workflow; raises `TemplateInvalid` where a template cannot be read."""
    used: list[Reference] = []
    variables, outputs = _variables(workflow), parse_value(dict(workflow.outputs))
    used += [*(r for value in variables.values() for r in value.references), *outputs.references]
    root, _ = _body(_with_defaults(workflow.steps, workflow), used)
    secrets = frozenset(str(r.path[0]) for r in used if r.root == "secrets" and r.path)
    return Graph(
        workflow=workflow,
        sha256=sha256,
        root=root,
        variables=variables,
        secrets=secrets,
        holds_secrets=bool(secrets) or any(p.type == "secret" for p in workflow.parameters),
        env=frozenset(workflow.settings.env),
        capacities=_capacities({**workflow.settings.resources, **workflow.resources}),
    )


def _variables(workflow: Workflow) -> dict[str, Value]:
    """Compile the variables in the order in which they read one another; a cycle leaves the order as written."""
    values = {name: parse_value(source) for name, source in workflow.variables.items()}
    ordered: dict[str, Value] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in ordered or name in above or name not in values:
            return
        for reference in values[name].references:
            if reference.root == "variables" and reference.path:
                visit(str(reference.path[0]), above | {name})
        ordered[name] = values[name]

    for name in values:
        visit(name, frozenset())
    return ordered


def _capacities(given: Mapping[str, object]) -> dict[str, Capacity]:
    return {name: parse_capacity(value) for name, value in given.items()}


_PERIODS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_capacity(value: object) -> Capacity:
    """Read `2` (at once) or `5/s`, `100/m` (per period); raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return Capacity(float(value))
    if isinstance(value, str):
        amount, slash, unit = value.strip().partition("/")
        if slash and unit.strip() in _PERIODS and float(amount) > 0:
            return Capacity(float(amount), _PERIODS[unit.strip()])
    raise ValueError("a resource is a number, or a rate like 5/s, 100/m, 1000/h")


def _with_defaults(steps: tuple[Step, ...], workflow: Workflow) -> tuple[Step, ...]:
    given = {name: getattr(workflow.defaults, name) for name in workflow.defaults.model_fields_set}
    return tuple(_inherit(step, given) for step in steps) if given else steps


def _inherit(step: Step, given: Mapping[str, object]) -> Step:
    inner = {name: tuple(_inherit(s, given) for s in getattr(step, name)) for name in ("steps", "parallel")}
    changes: dict[str, object] = {name: steps for name, steps in inner.items() if steps}
    if step.choose:
        changes["choose"] = tuple(
            b.model_copy(update={"steps": tuple(_inherit(s, given) for s in b.steps)}) for b in step.choose
        )
    if step.uses is not None:
        changes |= {name: value for name, value in given.items() if name not in step.model_fields_set}
    return step.model_copy(update=changes) if changes else step


def _body(
    steps: Iterable[Step], used: list[Reference], *, branch: int = 0, output: object = _ABSENT
) -> tuple[Body, list[Reference]]:
    """Compile steps that start together; gives also the references that they leave to what encloses them."""
    steps = tuple(steps)
    places = {step.id: index for index, step in enumerate(steps)}
    nodes: list[Node] = []
    outward: list[Reference] = []
    for index, step in enumerate(steps):
        node, own, inner = _node(index, step, used)
        edges = _edges(step, own, inner, places)
        outward += [r for r in (*own, *inner) if _step_of(r) not in places and r.root == "steps"]
        outward += [
            Reference("steps", (need.step,), False, False, 1, 1) for need in step.needs if need.step not in places
        ]
        node.edges = tuple(edges)
        nodes.append(node)
    value = None if output is _ABSENT else parse_value(output)
    if value is not None:
        used += value.references
        outward += [r for r in value.references if r.root == "steps" and _step_of(r) not in places]
    body = Body(nodes=tuple(nodes), by_id=places, branch=branch, output=value)
    _link(body)
    return body, outward


def _node(index: int, step: Step, used: list[Reference]) -> tuple[Node, list[Reference], list[Reference]]:
    kind = step.kind
    leaf = kind in ("for_each", "while") and step.uses is not None
    templated, literals = ({}, {}) if leaf else _inputs(step)
    inputs = parse_value(templated)
    when = condition(step.when)
    node = Node(index=index, id=step.id, step=step, kind=kind, inputs=inputs, literals=literals, when=when)
    if kind == "for_each":
        node.items = parse_value(step.for_each)
    node.test, node.until = condition(step.while_), condition(step.until)
    node.branches = tuple(None if b.otherwise else condition(b.when) for b in step.choose)
    if step.name and not leaf:
        node.name = parse_template(step.name)
    own = [*inputs.references, *_own_references(step, leaf)]
    bodies: list[Body] = []
    inner: list[Reference] = []
    for body, outward in _bodies(step, leaf, used):
        bodies.append(body)
        inner += outward
    node.bodies = tuple(bodies)
    own += _from_inside(node)
    node.reads_state = any(r.root == "state" for r in own)
    loops = {step.as_ or "item"}
    used += [r for r in own if r.root not in loops]
    return node, own, inner


def _inputs(step: Step) -> tuple[dict[str, object], Mapping[str, object]]:
    """Give a step's `with`, its bare expressions as templates, and apart from it what is never a template."""
    bare = EXPRESSION_INPUTS.get(step.uses or "", _NONE)
    literal = LITERAL_INPUTS.get(step.uses or "", _NONE)
    if not bare and not literal:
        return dict(step.with_), _NO_LITERALS
    templated = {
        name: _as_template(value) if name in bare else value
        for name, value in step.with_.items()
        if name not in literal
    }
    return templated, {name: value for name, value in step.with_.items() if name in literal}


def _as_template(value: object) -> object:
    if isinstance(value, str) and parse_template(value) is None:
        return f"{{{{ {value} }}}}"
    return value


def _bodies(step: Step, leaf: bool, used: list[Reference]) -> Iterator[tuple[Body, list[Reference]]]:
    output = step.output if "output" in step.model_fields_set else _ABSENT
    if leaf:
        body, outward = _body((step.item(),), used)
        body.leaf = True
        yield body, outward + _until_references(step, body)
    elif step.kind == "choose":
        for number, branch in enumerate(step.choose):
            yield _body(branch.steps, used, branch=number, output=output)
    elif step.kind == "parallel":
        yield _body(step.parallel, used, output=output)
    elif step.kind in ("for_each", "while"):
        body, outward = _body(step.steps, used, output=output)
        yield body, outward + _until_references(step, body)


def _from_inside(node: Node) -> Iterator[Reference]:
    """Give what the keys that are evaluated inside a block read of steps outside: edges of the block (S24)."""
    inside = {step_id for body in node.bodies for step_id in body.by_id}
    given = [body.output.references for body in node.bodies if body.output is not None]
    if isinstance(node.until, Template):
        given.append(node.until.references)
    for references in given:
        yield from (r for r in references if r.root == "steps" and _step_of(r) not in inside)


def _until_references(step: Step, body: Body) -> list[Reference]:
    """`until` sees the body's steps; what it reads beyond them is left to what encloses the block."""
    test = condition(step.until)
    if not isinstance(test, Template):
        return []
    return [r for r in test.references if r.root == "steps" and _step_of(r) not in body.by_id]


def _own_references(step: Step, leaf: bool) -> Iterator[Reference]:
    """Give the references in a step's own keys (S16), those of its inputs and its bodies excepted."""
    conditions = [step.when, step.while_, *(b.when for b in step.choose), *(n.when for n in step.needs)]
    for source in conditions:
        if isinstance(source, str):
            yield from parse_expression(source).references
    values: list[object] = [step.for_each, step.enabled]
    if not leaf:
        values += [step.timeout, step.name]
        values += step.retry.templated if step.retry else ()
        values += [step.cache.key] if step.cache else []
    for value in values:
        if value is not None and not isinstance(value, (bool, int, float)):
            yield from parse_value(value).references
    for rule in () if leaf else step.validate_:
        if isinstance(rule.that, str):
            yield from parse_expression(rule.that).references
        if (text := parse_template(rule.message)) is not None:
            yield from text.references


def references_of(node: Node) -> Iterator[Reference]:
    """Give what a step's own keys read, and not those of the steps inside it."""
    step = node.step
    yield from node.inputs.references
    yield from _own_references(step, node.kind in ("for_each", "while") and step.uses is not None)
    if isinstance(node.until, Template):
        yield from node.until.references
    for body in node.bodies:
        if body.output is not None:
            yield from body.output.references


def _step_of(reference: Reference) -> str:
    return str(reference.path[0]) if reference.path else ""


def _edges(step: Step, own: list[Reference], inner: list[Reference], places: Mapping[str, int]) -> list[Edge]:
    edges = [
        Edge(
            n.step,
            places.get(n.step, -1),
            "order",
            n.on,
            parse_expression(n.when) if isinstance(n.when, str) else None,
        )
        for n in step.needs
        if n.when is not False
    ]
    edges += [
        Edge(n.step, places.get(n.step, -1), "order", n.on, parse_expression("false"))
        for n in step.needs
        if n.when is False
    ]
    for reference in own:
        if reference.root == "steps" and reference.path:
            edges.append(_reference_edge(reference, places))
    for reference in inner:
        if reference.root == "steps" and _step_of(reference) in places:
            edges.append(Edge(_step_of(reference), places[_step_of(reference)], "wait", "always"))
    return list(dict.fromkeys(e for e in edges if e.source != step.id or e.index < 0))


def _reference_edge(reference: Reference, places: Mapping[str, int]) -> Edge:
    source = _step_of(reference)
    index = places.get(source, -1)
    if len(reference.path) > 1 and reference.path[1] in STEP_FACTS:
        return Edge(source, index, "order", "always")
    if reference.lenient:
        return Edge(source, index, "wait", "always")
    return Edge(source, index, "data")


def _link(body: Body) -> None:
    """Fill in who waits for whom, who stands in for whom, and what a stop may let run."""
    targets: list[list[int]] = [[] for _ in body.nodes]
    for node in body.nodes:
        stand_in = node.step.on_error.step if node.step.on_error is not None else None
        if stand_in is not None and stand_in in body.by_id:
            node.stand_in = body.by_id[stand_in]
            body.nodes[node.stand_in].serves = node.index
    for node in body.nodes:
        unconditional = node.step.enabled is True and (node.when is None or node.when is True)
        node.conditional = not unconditional or any(edge.when is not None for edge in node.edges)
        sources = dict.fromkeys(e.index for e in node.edges if e.index >= 0)
        if node.serves >= 0:
            sources[node.serves] = None
        node.sources = tuple(sources)
        for source in sources:
            targets[source].append(node.index)
    for node, following in zip(body.nodes, targets, strict=True):
        node.targets = tuple(following)
    pending = [n for n in body.nodes if any(e.on != "success" and e.kind == "order" for e in n.edges)]
    while pending:
        node = pending.pop()
        if not node.handles:
            node.handles = True
            pending += [body.nodes[t] for t in node.targets]
