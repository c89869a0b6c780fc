"""The same inputs give the same bytes: in another process, with other hash seeds and other numbers of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from everloop.contracts.tasks import Task
from tests.samples import LEARNERS

ROOT = Path(__file__).parents[3]
FIT = """
import hashlib, sys
from everloop.contracts.definition import Task
from everloop.training.candidate import fit_candidate
from tests.samples import example, plain_features, prepared, quick_parameters

for algorithm, task in zip(sys.argv[1::2], map(Task, sys.argv[2::2]), strict=True):
    candidate = fit_candidate(algorithm, quick_parameters(algorithm), prepared(task), plain_features(), example(task))
    print(algorithm, task, hashlib.sha256(candidate.model).hexdigest(), hashlib.sha256(candidate.judged).hexdigest())
"""


def fitted(learners: list[tuple[str, Task]], *, seed: str, threads: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIT, *(word for learner in learners for word in learner)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_every_algorithm_fits_the_same_bytes_in_every_process() -> None:
    one = fitted(LEARNERS, seed="1", threads="1")
    assert len(one) == len(LEARNERS)
    assert fitted(LEARNERS, seed="2", threads="2") == one
