"""Promised and observed shares."""

import numpy as np
import pytest

from everloop.contracts.tasks import Task
from everloop.training.statistics.reliability import BINS, reliability
from tests.samples import prepared
from tests.unit.training.conftest import fitted
from tests.unit.training.statistics.conftest import holdout, judged, takes_everything

ROWS = 20_000
RNG = np.random.default_rng(5)
TRUTH = RNG.random(ROWS)
TARGET = (RNG.random(ROWS) < TRUTH).astype(float)


def test_a_model_that_keeps_its_promises_has_no_error_beyond_chance() -> None:
    found = reliability(judged(takes_everything(), holdout({}, TARGET), score=TRUTH))
    assert found is not None
    assert found["expected_calibration_error"] < 0.02
    assert [each["rows"] for each in found["bins"]] == [ROWS // BINS] * BINS
    assert all(abs(each["predicted"] - each["observed"]) < 0.03 for each in found["bins"])


@pytest.mark.parametrize("excess", [0.1, 0.2])
def test_the_error_is_how_far_the_promises_are_off(excess: float) -> None:
    found = reliability(judged(takes_everything(), holdout({}, TARGET), score=TRUTH + excess))
    assert found is not None
    assert found["expected_calibration_error"] == pytest.approx(excess, abs=0.02)


@pytest.mark.parametrize("overconfidence", [1, 3])
def test_of_several_classes_it_is_about_the_label(overconfidence: int) -> None:
    rng = np.random.default_rng(1)
    truth = rng.dirichlet([1, 1, 1], ROWS)
    target = (truth.cumsum(axis=1) < rng.random((ROWS, 1))).sum(axis=1).astype(float)
    score = truth**overconfidence / (truth**overconfidence).sum(axis=1, keepdims=True)
    found = reliability(judged(takes_everything(), holdout({}, target, Task.MULTICLASS), score=score))
    assert found is not None
    assert found["of"] == "label"
    expected = score.max(axis=1).mean() - (score.argmax(axis=1) == target).mean()
    assert found["expected_calibration_error"] == pytest.approx(expected, abs=0.015)
    assert (found["expected_calibration_error"] < 0.02) is (overconfidence == 1)


def test_fewer_rows_than_bins_and_equal_answers_are_no_trouble() -> None:
    found = reliability(judged(takes_everything(), holdout({}, np.array([0.0, 1.0, 1.0])), score=np.full(3, 0.5)))
    assert found is not None
    assert [each["rows"] for each in found["bins"]] == [1, 1, 1]


def test_a_value_promises_no_share() -> None:
    from everloop.scorer import Scorer

    scorer = Scorer(fitted("ridge", Task.REGRESSION).judged)
    assert reliability(judged(scorer, prepared(Task.REGRESSION))) is None
