"""`ergon schema`: the JSON Schema of workflow files."""

from __future__ import annotations

from ergon.cli.terminal import terminal


def schema() -> None:
    """Print the JSON Schema of workflow files, for editors.

    Examples:
      ergon schema > ergon.schema.json
      echo '# yaml-language-server: $schema=ergon.schema.json' | cat - weather.ergon.yaml
    """
    from ergon.app import workflow_schema

    terminal.document(workflow_schema())
