"""Order: the waves in which the steps of a workflow can run."""

from __future__ import annotations

from ergon.model.graph import Body, Graph, Node


def waves(graph: Graph) -> list[list[str]]:
    """Give the ids of the outermost steps, wave by wave: a step's wave is the first after all that it waits for.

    Steps of one wave stand in the order of the file. Raises ValueError where steps wait for one another.
    """
    return [[node.id for node in wave] for wave in levels(graph.root)]


def levels(body: Body) -> list[list[Node]]:
    """Give the steps of one body, wave by wave; raises ValueError where they wait for one another."""
    missing = [len(node.sources) for node in body.nodes]
    wave = [node for node in body.nodes if not missing[node.index]]
    found: list[list[Node]] = []
    while wave:
        found.append(wave)
        following: list[int] = []
        for node in wave:
            for target in node.targets:
                missing[target] -= 1
                if not missing[target]:
                    following.append(target)
        wave = [body.nodes[index] for index in sorted(following)]
    if sum(map(len, found)) < len(body.nodes):
        stuck = [node.id for node in body.nodes if missing[node.index]]
        raise ValueError(f"these steps wait for one another: {', '.join(stuck)}")
    return found
