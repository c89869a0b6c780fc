"""Candidates are fitted once for all tests that only look at them."""

from functools import cache

import pytest

from everloop.contracts.tasks import Task
from everloop.training.candidate import Candidate, fit_candidate
from tests.samples import example, plain_features, prepared, quick_parameters


@cache
def fitted(algorithm: str, task: Task) -> Candidate:
    dataset, definition = prepared(task), example(task)
    return fit_candidate(algorithm, quick_parameters(algorithm), dataset, plain_features(), definition)


@pytest.fixture
def candidate() -> Candidate:
    return fitted("logistic-regression", Task.BINARY)
