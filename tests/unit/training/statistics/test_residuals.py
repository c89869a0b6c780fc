"""Where values lie about their predictions."""

import numpy as np
import pytest

from everloop.contracts.tasks import Task
from everloop.training.statistics.residuals import BINS, residuals
from tests.samples import prepared
from tests.unit.training.statistics.conftest import holdout, judged, takes_everything


def test_a_bias_and_a_spread_that_grow_with_the_prediction_are_seen() -> None:
    rng = np.random.default_rng(1)
    predicted = np.linspace(0, 10, 10_000)
    dataset = holdout({}, predicted + 2 + rng.normal(size=10_000) * predicted, Task.REGRESSION)
    found = residuals(judged(takes_everything(), dataset, score=predicted))
    assert found is not None
    assert len(found) == BINS
    assert [each["median"] for each in found] == pytest.approx([2.0] * BINS, abs=1.5)
    assert found[-1]["high"] - found[-1]["low"] == pytest.approx(2 * 1.2816 * 9.75, rel=0.15)


def test_a_probability_has_none() -> None:
    assert (
        residuals(judged(takes_everything(), holdout({"a": np.zeros(200)}, prepared(Task.BINARY).holdout[1]))) is None
    )
