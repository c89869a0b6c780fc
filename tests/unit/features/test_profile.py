"""A profile is the same whatever order its parts come in, small, and exact where it says so."""

import itertools
import json
import math
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.features import category_profile, heavy_hitters
from everloop.features.category_profile import CategoryProfile, LevelCounter
from everloop.features.number_profile import NumberCounter, NumberProfile
from everloop.features.profile import Profile, ProfileMismatchError, centres_of

CENTRES = {"x": 1.5}

numbers = st.floats() | st.sampled_from([0.0, -0.0, 1.5, np.nan, 1e308, -1e308])
levels = st.sampled_from(["", "a", "b", "é", "🦆", "it's"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=3
)
few_of_many_levels = st.lists(st.integers(0, 30).map(str), max_size=25)
parts_of_levels = st.lists(few_of_many_levels, min_size=1, max_size=7)


@pytest.fixture
def small_caps():
    """Five levels are kept and three counters, so that small examples go beyond both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(category_profile, "MAXIMUM_LEVELS", 5)
        patch.setattr(category_profile, "_PENDING_LEVELS", 8)
        patch.setattr(heavy_hitters, "MAXIMUM_COUNTERS", 3)
        yield


@st.composite
def parts(draw):
    rows = draw(st.integers(0, 12))
    x = draw(st.lists(numbers, min_size=rows, max_size=rows))
    c = draw(st.lists(levels, min_size=rows, max_size=rows))
    return Profile.of({"x": np.array(x, np.float64), "c": np.array(c, object)}, CENTRES)


def merge_somehow(draw, profiles):
    """Any order and any bracketing: two random parts become one until one is left."""
    profiles = list(profiles)
    while len(profiles) > 1:
        one = profiles.pop(draw(st.integers(0, len(profiles) - 1)))
        other = profiles.pop(draw(st.integers(0, len(profiles) - 1)))
        profiles.append(one.merge(other))
    return profiles[0]


def exact_numbers(x):
    """All but the two sums of floats, which depend on the order in the last bit."""
    return x.buckets.tolist(), x.counts.tolist(), x.nulls, x.minimum, x.maximum


def exact_levels(c):
    """All but the heavy hitters, which keep a guarantee instead."""
    return c.counts, c.nulls, c.other, c.distinct


def exact(profile):
    return profile.rows, exact_numbers(profile.columns["x"]), exact_levels(profile.columns["c"])


def categories(values):
    return CategoryProfile.of(np.array(values, object))


@given(st.lists(parts(), min_size=1, max_size=6), st.data())
def test_any_order_and_bracketing_of_merging_gives_identical_counts(profiles, data):
    expected = profiles[0]
    for profile in profiles[1:]:
        expected = expected.merge(profile)
    merged = merge_somehow(data.draw, profiles)
    assert exact(merged) == exact(expected)
    assert merged.columns["x"].total_of_squares == pytest.approx(expected.columns["x"].total_of_squares)


@given(parts())
def test_json_gives_the_very_profile_back(profile):
    assert Profile.from_json(profile.to_json()) == profile


def test_json_gives_many_levels_and_their_heavy_hitters_back():
    column = categories([f"level {math.isqrt(n)}" for n in range(2_000_000) if n % 7 == 0])
    assert column.heavy is not None
    profile = Profile(column.rows, {"c": column})
    assert Profile.from_json(profile.to_json()) == profile


def test_a_profile_of_the_first_format_is_still_read():
    first = {"type": "category", "nulls": 1, "other": 7, "counts": {"a": 2}}
    body = json.dumps({"format": 1, "rows": 10, "columns": {"c": first}}).encode()
    column = Profile.from_json(body).columns["c"]
    assert column == CategoryProfile({"a": 2}, nulls=1, other=7)
    assert column.describe()["top_levels_error"] == 7


def test_a_profile_of_a_later_format_is_refused():
    with pytest.raises(ProfileMismatchError, match="expected a profile of format 2, got 3; update Everloop"):
        Profile.from_json(b'{"format":3,"rows":0,"columns":{}}')


@pytest.mark.usefixtures("small_caps")
@given(parts_of_levels, st.data())
def test_levels_above_the_cap_merge_to_the_same_in_any_order(lists, data):
    whole = categories(list(itertools.chain(*lists)))
    assert exact_levels(merge_somehow(data.draw, map(categories, lists))) == exact_levels(whole)
    assert len(whole.counts) <= 5
    assert whole.rows == sum(map(len, lists))


@pytest.mark.usefixtures("small_caps")
@given(parts_of_levels, st.data())
def test_heavy_hitters_keep_their_guarantee_however_they_were_merged(lists, data):
    true = Counter(itertools.chain(*lists))
    merged = merge_somehow(data.draw, map(categories, lists))
    if merged.heavy is None:
        assert merged.counts == true
        return
    assert len(merged.heavy.counts) <= 3
    assert merged.heavy.error <= true.total() / 4
    for level, rows in true.items():
        least = merged.heavy.counts.get(level, 0)
        assert least <= rows <= least + merged.heavy.error
    assert {level for level, rows in true.items() if rows > true.total() / 4} <= merged.heavy.counts.keys()


@pytest.mark.usefixtures("small_caps")
@given(parts_of_levels)
def test_levels_counted_in_chunks_are_those_counted_at_once(lists):
    counter = LevelCounter()
    for each in lists:
        counter.add(Counter(each), nulls=1)
    whole = categories(list(itertools.chain(*lists)))
    assert exact_levels(counter.profile()) == (whole.counts, len(lists), whole.other, whole.distinct)
    assert counter.profile() == counter.profile()


@given(st.lists(st.lists(numbers, max_size=9), max_size=5), st.sampled_from([0.0, -0.0, 1.5, 1e308]))
def test_numbers_counted_in_chunks_are_those_counted_at_once(chunks, centre):
    counter = NumberCounter(centre)
    for chunk in chunks:
        counter.add(np.array(chunk, np.float64))
    whole = NumberProfile.of(np.array(list(itertools.chain(*chunks)), np.float64), centre)
    assert exact_numbers(counter.profile()) == exact_numbers(whole)


def test_both_zeros_are_one_number():
    assert len(NumberProfile.of(np.array([0.0, -0.0]), 0.0).buckets) == 1
    assert len(NumberProfile.of(np.array([0.0, -0.0]), -0.0).buckets) == 1


def test_nothing_that_is_not_finite_is_a_number():
    x = NumberProfile.of(np.array([np.nan, np.inf, -np.inf, 2.0]), 0.0)
    assert (x.nulls, x.rows, x.minimum, x.maximum, x.null_share) == (3, 1, 2.0, 2.0, 0.75)


@pytest.mark.parametrize("q", [0.0, 0.001, 0.25, 0.5, 0.75, 0.999, 1.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_quantile_is_off_by_less_than_a_hundredth_of_its_distance_from_the_centre(q, scale):
    x = np.random.default_rng(3).normal(5, 2, 20_000) * scale
    centre = float(np.median(x))
    expected = np.quantile(x, q, method="inverted_cdf")
    assert NumberProfile.of(x, centre).quantile(q) == pytest.approx(expected, abs=0.008 * abs(expected - centre))


def test_quantiles_of_small_integers_are_exact():
    x = np.random.default_rng(3).integers(-50, 50, 10_000).astype(float)
    profile = NumberProfile.of(x, 3.0)
    for q in (0, 0.1, 0.25, 0.5, 0.75, 1):
        assert profile.quantile(q) == np.quantile(x, q, method="inverted_cdf")


@pytest.mark.parametrize("number", [1, 500, 1_000])
def test_distinct_levels_up_to_the_cap_are_counted(number):
    assert categories([f"v{n}" for n in range(number)] * 2).distinct == number


@pytest.mark.parametrize("number", [1_001, 5_000, 100_000])
def test_distinct_levels_beyond_the_cap_are_estimated(number):
    assert categories([f"v{n}" for n in range(number)]).distinct == pytest.approx(number, rel=0.1)


def test_long_levels_are_cut_and_still_told_apart():
    start = "x" * 300
    column = categories([start + "a", start + "b", start + "b", "x" * 200])
    assert sorted(column.counts.values()) == [1, 1, 2]
    assert set(map(len, column.counts)) == {200}
    assert column.merge(column).counts == {level: 2 * rows for level, rows in column.counts.items()}


def test_a_profile_says_whether_it_names_every_level_in_full():
    assert categories(["a", "b", ""]).names_every_level
    assert not categories(["a", "x" * 300 + "\0"]).names_every_level
    assert not categories([f"v{n}" for n in range(1_001)]).names_every_level


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
    assert whole.null_share("x") == 0.02
    assert whole.columns["c"].counts == {"a": int((c == "a").sum()), "b": int((c == "b").sum())}
    assert whole.columns["c"].nulls == int((c == "").sum())


def test_a_description_is_plain_json_and_says_what_a_person_asks():
    x, empty, c = [1.0, 2.0, 3.0, np.nan], [np.nan] * 4, ["a", "b", "b", ""]
    columns = {"x": np.array(x), "empty": np.array(empty), "c": np.array(c)}
    described = Profile.of(columns, centres_of(columns)).describe()
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert described["x"] == {
        "type": "number",
        "rows": 4,
        "nulls": 1,
        "null_share": 0.25,
        "mean": 2.0,
        "standard_deviation": pytest.approx(math.sqrt(2 / 3)),
        "minimum": 1.0,
        "q25": 1.0,
        "median": 2.0,
        "q75": 3.0,
        "maximum": 3.0,
    }
    assert (
        described["empty"] | {"rows": 4, "nulls": 4, "mean": None, "median": None, "minimum": None}
        == (described["empty"])
    )
    assert described["c"] == {
        "type": "category",
        "rows": 4,
        "nulls": 1,
        "null_share": 0.25,
        "distinct": 2,
        "top_levels": {"b": 2, "a": 1},
        "top_levels_error": 0,
    }


def test_the_most_frequent_level_is_described_though_its_hash_left_it_out():
    rare = [f"v{n}" for n in range(50_000)]
    kept = categories(rare).counts.keys()
    frequent = next(level for level in rare if level not in kept)
    described = categories(rare + [frequent] * 2_000).describe()
    least = described["top_levels"][frequent]
    assert next(iter(described["top_levels"])) == frequent
    assert least <= 2_001 <= least + described["top_levels_error"]


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
