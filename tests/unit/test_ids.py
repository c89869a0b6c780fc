"""Ids are UUIDs of version 7."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from operator import and_, or_
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop import __version__
from everloop.ids import code_version, moment_of, new_id, new_ids

NOW = datetime(2026, 3, 14, 9, 26, 53, 589_000, UTC)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))
RANDOMNESS = st.integers(0, 2**74 - 1)


def test_the_example_of_rfc_9562_comes_out() -> None:
    """Appendix A.6: 2022-02-22T19:22:22Z with rand_a = 0xCC3 and rand_b = 0x18C4DC0C0C07398F."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    randomness = 0xCC3 << 62 | 0x18C4DC0C0C07398F
    assert new_id(moment, randomness) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(moment=MOMENTS, randomness=RANDOMNESS)
def test_every_id_has_the_layout_of_version_7(moment: datetime, randomness: int) -> None:
    identifier = UUID(new_id(moment, randomness))
    assert identifier.version == 7
    assert identifier.variant == RFC_4122
    assert identifier.int >> 80 == int(moment.timestamp() * 1000)


@given(moment=MOMENTS, randomness=RANDOMNESS)
def test_an_id_tells_when_it_was_made(moment: datetime, randomness: int) -> None:
    told = moment_of(new_id(moment, randomness))
    assert told == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(moment.timestamp() * 1000))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p1",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "٠17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    ],
)
def test_what_is_no_id_of_ours_tells_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected (a UUID of version 7|an id of a year before 10000)"):
        moment_of(text)


@given(moment=MOMENTS, first=RANDOMNESS, second=RANDOMNESS)
def test_a_later_millisecond_sorts_later_whatever_the_randomness(moment: datetime, first: int, second: int) -> None:
    assert new_id(moment, first) < new_id(moment + timedelta(milliseconds=2), second)


@given(first=RANDOMNESS, second=RANDOMNESS)
def test_no_random_bit_is_lost(first: int, second: int) -> None:
    assert (new_id(NOW, first) == new_id(NOW, second)) == (first == second)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(NOW) for _ in range(10_000)}) == 10_000


@given(moment=MOMENTS, count=st.integers(0, 50))
def test_many_ids_at_once_have_the_layout_of_one_and_increase(moment: datetime, count: int) -> None:
    ids = new_ids(moment, count)
    assert len(ids) == count
    assert all(first < second for first, second in pairwise(ids))
    for each in ids:
        identifier = UUID(each)
        assert (str(identifier), identifier.version, identifier.variant) == (each, 7, RFC_4122)
        assert identifier.int >> 80 == int(moment.timestamp() * 1000)


def test_every_random_bit_of_many_ids_varies() -> None:
    numbers = [UUID(each).int for each in new_ids(NOW, 1_000)]
    always_one, ever_one = reduce(and_, numbers), reduce(or_, numbers)
    fixed = 0xFFFF_FFFF_FFFF << 80 | 0xF << 76 | 0b11 << 62
    assert always_one ^ ever_one == (1 << 128) - 1 - fixed


def test_the_version_of_the_code_is_the_release_and_a_digest() -> None:
    release, _, digest = code_version().partition("+")
    assert (release, len(digest)) == (__version__, 12)
    assert int(digest, 16)
