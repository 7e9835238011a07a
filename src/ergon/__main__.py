"""`python -m ergon` is the command `ergon`, with the same import path: it does not begin with the folder it is in."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # A module beside the workflow would go before one of the same name that Ergon itself imports (S11).
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
        del sys.path[0]

    from ergon.cli.main import main

    sys.exit(main())
