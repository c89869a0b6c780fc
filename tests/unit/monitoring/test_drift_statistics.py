"""Each statistic equals scipy's on the same (bucketed) values."""

import math

import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial import distance

from everloop.features.column_profile import CategoryProfile, NumberProfile
from everloop.features.number_profile import bucket_values
from everloop.monitoring.drift import benjamini_hochberg
from everloop.monitoring.statistics import chi_square, ks
from everloop.monitoring.statistics.counts import count_categories, count_numbers
from everloop.monitoring.statistics.jensen_shannon import jensen_shannon
from everloop.monitoring.statistics.ks import kolmogorov_smirnov
from everloop.monitoring.statistics.psi import psi
from everloop.monitoring.statistics.wasserstein import wasserstein

SHAPES = {
    "normal": lambda random, n: random.normal(0, 1, n),
    "far from zero": lambda random, n: random.uniform(1.7e9, 1.7e9 + 86_400, n),
    "skewed": lambda random, n: random.lognormal(1, 2, n),
    "counts": lambda random, n: random.poisson(3, n).astype(float),
    "mostly zero": lambda random, n: np.where(random.random(n) < 0.5, 0, random.lognormal(3, 1, n)),
    "constant": lambda _, n: np.full(n, 7.0),
}


@pytest.fixture(params=SHAPES)
def pair(request):
    """Two windows as values at the buckets' places, and their counts."""
    random = np.random.default_rng(5)
    reference = SHAPES[request.param](random, 3_000)
    current = SHAPES[request.param](random, 2_000) + 0.07 * reference.std()
    centre = float(np.median(reference))
    counts = count_numbers(NumberProfile.of(reference, centre), NumberProfile.of(current, centre))
    quantised = []
    for values in (reference, current):
        bits = ((values - centre + 0.0).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        quantised.append(bucket_values(bits))
    return (*quantised, counts, reference.std())


def test_kolmogorov_smirnov_is_scipys(pair):
    reference, current, counts, _ = pair
    assert kolmogorov_smirnov(counts) == pytest.approx(stats.ks_2samp(reference, current).statistic)


def test_wasserstein_is_scipys_in_standard_deviations(pair):
    reference, current, counts, deviation = pair
    expected = stats.wasserstein_distance(reference, current) / max(deviation, 0.001)
    assert wasserstein(counts) == pytest.approx(expected)


def test_bucketed_wasserstein_is_close_to_that_of_the_values():
    random = np.random.default_rng(5)
    reference, current = random.normal(1_000, 1, 20_000), random.normal(1_000.1, 1, 20_000)
    centre = float(np.median(reference))
    counts = count_numbers(NumberProfile.of(reference, centre), NumberProfile.of(current, centre))
    assert wasserstein(counts) == pytest.approx(stats.wasserstein_distance(reference, current), abs=0.003)


@pytest.mark.parametrize("x", [0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.36, 2.0, 5.0, 30.0])
def test_the_kolmogorov_tail_is_scipys(x):
    assert ks.kolmogorov_tail(x) == pytest.approx(special.kolmogorov(x), rel=1e-9, abs=1e-300)


def test_the_p_value_of_ks_is_scipys_asymptotic_one(pair):
    reference, current, counts, _ = pair
    assert ks.p_value(counts) == pytest.approx(
        special.kolmogorov(stats.ks_2samp(reference, current).statistic * math.sqrt(3_000 * 2_000 / 5_000))
    )


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 99, 1_000])
@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0])
def test_the_chi_square_tail_is_scipys(freedom, ratio):
    expected = stats.chi2.sf(ratio * freedom, freedom)
    assert chi_square.chi_square_tail(ratio * freedom, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def categories(*shares, n=2_000, seed=1):
    random = np.random.default_rng(seed)
    return [random.choice([f"v{i}" for i in range(len(share))], n, p=share) for share in shares]


def test_jensen_shannon_is_scipys():
    one, two = categories([0.5, 0.3, 0.2, 0.0], [0.4, 0.2, 0.0, 0.4])
    counts = count_categories(CategoryProfile.of(one), CategoryProfile.of(two))
    shares = [[(values == f"v{i}").mean() for i in range(4)] for values in (one, two)]
    assert jensen_shannon(counts) == pytest.approx(distance.jensenshannon(*shares))


def test_chi_square_is_scipys_where_no_level_is_rare():
    one, two = categories([0.5, 0.3, 0.2], [0.48, 0.3, 0.22])
    counts = count_categories(CategoryProfile.of(one), CategoryProfile.of(two))
    table = [[(values == f"v{i}").sum() for i in range(3)] for values in (one, two)]
    assert chi_square.p_value(counts) == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


def test_chi_square_is_not_fooled_by_very_many_rare_levels():
    random = np.random.default_rng(3)
    p_values = []
    for _ in range(200):
        one, two = ([f"v{i}" for i in random.zipf(1.5, 500)] for _ in range(2))
        counts = count_categories(CategoryProfile.of(np.array(one)), CategoryProfile.of(np.array(two)))
        p_values.append(chi_square.p_value(counts))
    assert np.mean(np.array(p_values) < 0.05) < 0.1


def test_psi_of_levels_is_the_sum_by_hand():
    one, two = np.array(["a"] * 75 + ["b"] * 25), np.array(["a"] * 50 + ["b"] * 50)
    counts = count_categories(CategoryProfile.of(one), CategoryProfile.of(two))
    assert psi(counts) == pytest.approx(-0.25 * math.log(0.5 / 0.75) + 0.25 * math.log(0.5 / 0.25))


def test_psi_of_numbers_is_zero_for_the_same_and_large_for_a_shift_of_one_deviation():
    random = np.random.default_rng(5)
    same = NumberProfile.of(random.normal(0, 1, 10_000), 0.0)
    assert psi(count_numbers(same, same)) == 0
    assert 0.7 < psi(count_numbers(same, NumberProfile.of(random.normal(1, 1, 10_000), 0.0))) < 1.3


def test_benjamini_hochberg_is_scipys():
    p_values = np.random.default_rng(2).random(50) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p_values.tolist()), stats.false_discovery_control(p_values))
    assert benjamini_hochberg([]) == []
