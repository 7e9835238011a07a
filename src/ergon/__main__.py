"""`python -m ergon` is the command `ergon`."""

from __future__ import annotations

import sys

from ergon.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
