"""Templates and expressions: what a workflow's `{{ … }}` means, and which names it reads (S12 to S18, S20).

Plain dotted paths and texts made of them are read and evaluated by a few lines of Python; everything else is
Jinja, in a sandbox, loaded when a workflow first needs it.
"""

from __future__ import annotations

from ergon.model.expressions.lookup import Deferred
from ergon.model.expressions.reference import Reference
from ergon.model.expressions.template import Template, parse_expression, parse_template
from ergon.model.expressions.value import Value, parse_value, template_keys, templates

__all__ = [
    "Deferred",
    "Reference",
    "Template",
    "Value",
    "parse_expression",
    "parse_template",
    "parse_value",
    "template_keys",
    "templates",
]
