"""Numeric: how many threads the loaded libraries for linear algebra use, and their seeds.

They are loaded with one thread each, because threads do not survive a fork. The libraries make them anew when they
are told a number, which a child does by what its own environment says.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""What to put into the environment before anything is loaded."""

_LIBRARIES: Final = (
    (
        "openblas",
        ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"),
        (
            "scipy_openblas_set_num_threads64_",
            "scipy_openblas_set_num_threads",
            "openblas_set_num_threads64_",
            "openblas_set_num_threads",
        ),
    ),
    ("libmkl_rt", ("MKL_NUM_THREADS", "OMP_NUM_THREADS"), ("MKL_Set_Num_Threads",)),
    ("libblis", ("BLIS_NUM_THREADS", "OMP_NUM_THREADS"), ("bli_thread_set_num_threads",)),
    ("libgomp", ("OMP_NUM_THREADS",), ("omp_set_num_threads",)),
    ("libomp", ("OMP_NUM_THREADS",), ("omp_set_num_threads",)),
    ("libiomp5", ("OMP_NUM_THREADS",), ("omp_set_num_threads",)),
)
"""Per library: a part of its file's name, variables that say how many threads, functions that set it."""

Setter = tuple[tuple[str, ...], Callable[[int], object]]


def setters() -> list[Setter]:
    """Find what sets the number of threads in the libraries that are loaded."""
    with open("/proc/self/maps") as maps:
        files = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
    found: list[Setter] = []
    for file in sorted(files):
        for part, variables, names in _LIBRARIES:
            if part in os.path.basename(file):
                library = ctypes.CDLL(file, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
                found += [(variables, getattr(library, name)) for name in names if hasattr(library, name)][:1]
                break
    return found


def spread(found: list[Setter], environment: Mapping[str, str]) -> None:
    """Let the libraries use as many threads as an environment says, or as there are processors."""
    every = len(os.sched_getaffinity(0))
    for variables, function in found:
        said = next((environment[name] for name in variables if environment.get(name, "").isdecimal()), "")
        function(int(said) if said else every)


def reseed() -> None:
    """Make the random numbers of a child its own; `random` does so by itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
