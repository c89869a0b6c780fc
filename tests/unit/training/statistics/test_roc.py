"""The curve encloses the area that the metric says."""

import numpy as np
import pytest

from everloop.metrics import roc_auc
from everloop.training.statistics.roc import POINTS, roc
from tests.unit.training.statistics.conftest import holdout, judged, takes_everything

RNG = np.random.default_rng(4)
TARGET = (RNG.random(3_000) < 0.3).astype(float)


@pytest.mark.parametrize("decimals", [16, 2, 1, 0], ids=lambda digits: f"rounded to {digits}")
def test_the_area_under_the_curve_is_the_metric_ties_or_not(decimals: int) -> None:
    score = np.clip(TARGET * 0.3 + RNG.random(3_000) * 0.7, 0, 1).round(decimals)
    curve = roc(judged(takes_everything(), holdout({}, TARGET), score=score))
    assert curve is not None
    assert (curve[0], curve[-1], len(curve) <= POINTS) == ([0, 0], [1, 1], True)
    alarms, found = np.array(curve).T
    assert np.trapezoid(found, alarms) == pytest.approx(roc_auc(TARGET, score), abs=2e-3)
    assert (np.diff(alarms) >= 0).all()
    assert (np.diff(found) >= 0).all()
