"""`python -m benchmarks`: what Ergon costs, beside what it stands on; with `--peers`, beside other engines."""

from __future__ import annotations

import argparse

from benchmarks import engine, notebooks, startup
from benchmarks.peers import compare

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="measure beside other engines, each installed on its own")
    if parser.parse_args().peers:
        compare.report()
    else:
        startup.report()
        print()
        notebooks.report()
        print()
        engine.report()
