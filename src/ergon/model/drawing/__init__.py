"""Drawing: a workflow's graph as SVG, Mermaid or Graphviz text, in pure Python."""

from __future__ import annotations

from ergon.model.drawing.dot import dot
from ergon.model.drawing.mermaid import mermaid
from ergon.model.drawing.svg import svg

__all__ = ["dot", "mermaid", "svg"]
