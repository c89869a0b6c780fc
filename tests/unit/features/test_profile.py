"""A profile is the same whatever order its parts come in, small, and exact where it says so."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everloop.features import column_profile
from everloop.features.column_profile import CategoryProfile
from everloop.features.profile import Profile, ProfileMismatchError, centres_of

CENTRES = {"x": 1.5}

numbers = st.floats() | st.sampled_from([0.0, -0.0, 1.5, np.nan, 1e308, -1e308])
levels = st.sampled_from(["", "a", "b", "é", "🦆", "it's"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=3
)


@st.composite
def parts(draw):
    rows = draw(st.integers(0, 12))
    x = draw(st.lists(numbers, min_size=rows, max_size=rows))
    c = draw(st.lists(levels, min_size=rows, max_size=rows))
    return Profile.of({"x": np.array(x, np.float64), "c": np.array(c, object)}, CENTRES)


def exact(profile):
    """All of a profile but the two sums of floats, which depend on the order in the last bit."""
    x, c = profile.columns["x"], profile.columns["c"]
    return profile.rows, x.counts, x.nulls, x.minimum, x.maximum, c


@settings(deadline=None, database=None)
@given(parts(), parts(), parts())
def test_merging_is_associative_and_commutative(a, b, c):
    merged = a.merge(b).merge(c)
    for other in (a.merge(b.merge(c)), c.merge(b).merge(a), b.merge(c).merge(a)):
        assert exact(other) == exact(merged)
        assert other.columns["x"].total_of_squares == pytest.approx(merged.columns["x"].total_of_squares)


@settings(deadline=None, database=None)
@given(parts())
def test_json_gives_the_very_profile_back(profile):
    assert Profile.from_json(profile.to_json()) == profile


@settings(deadline=None, database=None)
@given(st.lists(st.lists(st.integers(0, 30).map(str), max_size=25), min_size=3, max_size=3))
def test_levels_above_the_cap_merge_to_the_same_in_any_order(lists):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_profile, "MAXIMUM_LEVELS", 5)
        a, b, c = (CategoryProfile.of(np.array(each, object)) for each in lists)
        whole = CategoryProfile.of(np.array([level for each in lists for level in each], object))
        assert a.merge(b).merge(c) == c.merge(a).merge(b) == whole
        assert len(whole.counts) <= 5
        assert whole.rows == sum(map(len, lists))


def test_parts_add_up_to_the_whole():
    random = np.random.default_rng(7)
    x, c = random.normal(1.7e9, 3_600, 10_000), random.choice(["", "a", "b"], 10_000)
    x[::50] = np.nan
    centres = centres_of({"x": x, "c": c})
    whole = Profile.of({"x": x, "c": c}, centres)
    halves = [Profile.of({"x": x[part], "c": c[part]}, centres) for part in (slice(0, 10), slice(10, None))]
    merged = halves[1].merge(halves[0])
    assert exact(merged) == exact(whole)
    assert whole.columns["x"].mean == pytest.approx(np.nanmean(x))
    assert whole.columns["x"].standard_deviation == pytest.approx(np.nanstd(x))
    assert (whole.columns["x"].nulls, whole.columns["x"].rows) == (200, 9_800)
    assert whole.columns["c"].counts == {"a": int((c == "a").sum()), "b": int((c == "b").sum())}
    assert whole.columns["c"].nulls == int((c == "").sum())


def test_profiles_about_different_centres_refuse_to_merge():
    x = {"x": np.arange(3.0)}
    with pytest.raises(ProfileMismatchError, match=r"column 'x': centres differ: 1\.0 and 2\.0"):
        Profile.of(x, {"x": 1.0}).merge(Profile.of(x, {"x": 2.0}))


def test_profiles_of_different_columns_refuse_to_merge():
    one = Profile.of({"x": np.arange(3.0)}, {"x": 1.0})
    with pytest.raises(ProfileMismatchError, match="columns 'x', 'y' are in one profile only"):
        one.merge(Profile.of({"y": np.arange(3.0)}, {"y": 1.0}))
    with pytest.raises(ProfileMismatchError, match="holds numbers in one profile and categories in the other"):
        one.merge(Profile.of({"x": np.array(["a", "b", "c"])}, {}))


def test_a_column_of_numbers_needs_a_centre():
    with pytest.raises(ProfileMismatchError, match="column 'x' holds numbers but has no centre"):
        Profile.of({"x": np.arange(3.0)}, {})


def test_centres_are_medians_and_zero_without_values():
    columns = {"x": np.array([1.0, np.nan, 5.0, 9.0]), "y": np.array([np.nan]), "c": np.array(["a"])}
    assert centres_of(columns) == {"x": 5.0, "y": 0.0}
    assert Profile.of({"y": columns["y"]}, {"y": 0.0}).centres == {"y": 0.0}


def test_fifty_columns_of_100_000_rows_stay_within_300_kb_and_a_few_seconds():
    random = np.random.default_rng(1)
    columns = {f"n{i}": random.normal(10 * i, 1 + i, 100_000) for i in range(12)}
    columns |= {f"l{i}": np.exp(random.normal(0, 0.4 + 0.1 * i, 100_000)) for i in range(12)}
    columns |= {f"t{i}": random.standard_t(3, 100_000) * 5 + 1_000 for i in range(11)}
    for i, size in enumerate([5, 5, 8, 10, 12, 20, 30, 50, 75, 100, 200, 300, 500, 800, 1_000]):
        columns[f"c{i}"] = random.choice([f"level {n:04d}" for n in range(size)], 100_000)
    started = time.perf_counter()
    body = Profile.of(columns, centres_of(columns)).to_json()
    assert time.perf_counter() - started < 5  # 0.3 s on two quiet cores
    assert len(body) < 300_000
