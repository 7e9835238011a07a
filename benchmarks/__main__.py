"""`python -m benchmarks`: what Ergon costs, beside what it stands on."""

from __future__ import annotations

from benchmarks import engine, startup

if __name__ == "__main__":
    startup.report()
    print()
    engine.report()
