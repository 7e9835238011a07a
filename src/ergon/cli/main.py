"""The entry of the command line. Nothing is imported before it can be interrupted with a good word."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ergon.cli.terminal import terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command; gives its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if "--json" in given:
        terminal.keep_stdout()
    try:
        from ergon.cli.group import carry_out

        return carry_out(given)
    except KeyboardInterrupt:
        terminal.note("Interrupted; nothing was run.")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the flush at exit has where to go
        return 1
    except Exception as error:
        from ergon.cli.faults import tell

        return tell(error)
