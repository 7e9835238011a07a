"""The entry of the command line. Nothing is imported before it can be interrupted with a good word."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from ergon.cli.standard import prepare_streams
from ergon.cli.terminal import terminal


def main() -> int:
    """Carry out the process's command line; gives its exit code.

    The garbage collector would look through all that is being imported, and again at the end: 60 ms of a command that
    takes 400. It sleeps until there is something to wait for (`ergon.cli.foreground`).
    """
    gc.disable()
    prepare_streams()
    try:
        return command(sys.argv[1:])
    finally:
        gc.freeze()


def command(arguments: Sequence[str]) -> int:
    """Carry out a command; gives its exit code."""
    given = list(arguments) or ["--help"]
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
