"""After `kill -9` at any instant a run resumes to the same end (S34, S35, S42, S44)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.durability.trial import Trial

_MOMENTS = ("before", "inside", "after")


def _try_killing_after(folder: Path, seconds: float) -> None:
    trial = Trial.prepare(folder)
    trial.kill_after(seconds)
    trial.finish()
    trial.check()


def _try_killing_at(folder: Path, moment: str, commit: int) -> bool:
    trial = Trial.prepare(folder)
    died = trial.kill_at(moment, commit)
    trial.finish()
    trial.check()
    return died


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_resumes_to_the_same_end(tmp_path: Path, seed: int) -> None:
    """S42: four instants, chosen anew in every run of the suite's seed."""
    _try_killing_after(tmp_path / "trial", 0.5 + 0.25 * seed)


@pytest.mark.parametrize(("moment", "commit"), [("before", 3), ("inside", 9), ("after", 15)])
def test_a_run_killed_around_a_commit_resumes(tmp_path: Path, moment: str, commit: int) -> None:
    """S42: before, in and after a commit."""
    assert _try_killing_at(tmp_path / "trial", moment, commit)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_200_random_instants(tmp_path: Path) -> None:
    """S42: nothing lost, nothing done twice, at 200 random instants."""
    rng = random.Random()
    for number in range(200):
        _try_killing_after(tmp_path / str(number), rng.uniform(0.35, 2.0))


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("moment", _MOMENTS)
def test_every_commit(tmp_path: Path, moment: str) -> None:
    """S42: before, in and after every commit that the run makes."""
    commit = 1
    while _try_killing_at(tmp_path / str(commit), moment, commit):
        commit += 1
    assert commit > 20
