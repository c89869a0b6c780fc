"""Drift is a change that is both sure and large; anything else stays quiet."""

import numpy as np
import pytest

from everloop.features import category_profile
from everloop.features.profile import Profile, ProfileMismatchError, centres_of
from everloop.monitoring.drift import compare


def windows(reference, current):
    """Profiles of both, about the reference's centres."""
    centres = centres_of(reference)
    return Profile.of(reference, centres), Profile.of(current, centres)


def drift_of(reference, current):
    (column,) = compare(*windows({"x": reference}, {"x": current}))
    return column


@pytest.fixture
def random():
    return np.random.default_rng(11)


def test_the_same_window_has_not_drifted(random):
    x = random.normal(0, 1, 5_000)
    column = drift_of(x, x)
    assert (column.effect, column.p_value, column.psi, column.drifted) == (0, 1, 0, False)


def test_a_shift_by_a_fifth_of_a_deviation_is_drift(random):
    column = drift_of(random.normal(1e6, 5, 20_000), random.normal(1e6 + 1, 5, 20_000))
    assert column.drifted
    assert column.statistic == "wasserstein"
    assert column.effect == pytest.approx(0.2, abs=0.03)
    assert column.statistics["ks"] == pytest.approx(0.08, abs=0.02)


def test_a_sure_but_harmless_shift_is_not_drift(random):
    column = drift_of(random.normal(0, 1, 500_000), random.normal(0.02, 1, 500_000))
    assert column.p_value < 0.001
    assert not column.drifted


def test_a_large_effect_of_a_few_rows_is_not_drift(random):
    column = drift_of(random.normal(0, 1, 20), random.normal(0.3, 1, 20))
    assert column.effect >= column.threshold
    assert not column.drifted


def test_new_levels_are_drift(random):
    column = drift_of(random.choice(["a", "b"], 2_000), random.choice(["a", "b", "new"], 2_000))
    assert column.drifted
    assert column.statistic == "jensen_shannon"


def test_a_column_that_turns_null_is_drift_though_its_values_stay_the_same(random):
    reference = random.normal(0, 1, 2_000)
    current = np.where(random.random(2_000) < 0.3, np.nan, random.permutation(reference))
    column = drift_of(reference, current)
    assert column.drifted
    assert column.effect < column.threshold
    assert column.p_value < 0.001
    assert column.current_null_share == pytest.approx(0.3, abs=0.05)


def test_a_column_without_any_value_is_drift_by_its_nulls(random):
    assert drift_of(random.normal(0, 1, 500), np.full(500, np.nan)).drifted
    assert not drift_of(np.full(500, np.nan), np.full(500, np.nan)).drifted
    assert drift_of(random.choice(["a", "b"], 500), np.full(500, "")).drifted


def test_fifty_quiet_columns_raise_no_alarm(random):
    quiet = {f"n{i}": random.normal(i, 1 + i, 5_000) for i in range(35)}
    quiet |= {f"c{i}": random.choice(list("abcdefgh"), 5_000) for i in range(15)}
    same = {f"n{i}": random.normal(i, 1 + i, 5_000) for i in range(35)}
    same |= {f"c{i}": random.choice(list("abcdefgh"), 5_000) for i in range(15)}
    columns = compare(*windows(quiet, same))
    assert [column.column for column in columns] == list(quiet)
    assert not any(column.drifted for column in columns)


def test_columns_with_more_levels_than_are_kept_compare_without_a_false_alarm(random, monkeypatch):
    monkeypatch.setattr(category_profile, "MAXIMUM_LEVELS", 50)
    levels = np.array([f"v{i}" for i in range(400)])
    same = drift_of(random.choice(levels, 20_000), random.choice(levels[:390], 20_000))
    assert not same.drifted
    assert drift_of(random.choice(levels, 20_000), random.choice(levels[:40], 20_000)).drifted


def test_profiles_that_do_not_belong_together_are_refused():
    one = Profile.of({"x": np.arange(3.0)}, {"x": 1.0})
    with pytest.raises(ProfileMismatchError, match="column 'x': centres differ"):
        compare(one, Profile.of({"x": np.arange(3.0)}, {"x": 2.0}))
    with pytest.raises(ProfileMismatchError, match="are in one profile only"):
        compare(one, Profile.of({"y": np.arange(3.0)}, {"y": 1.0}))
    with pytest.raises(ProfileMismatchError, match="holds numbers in one profile"):
        compare(one, Profile.of({"x": np.array(["a"])}, {}))
