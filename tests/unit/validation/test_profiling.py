"""Profiles of accepted batches: mergeable, because the first batch fixes the centres."""

import pytest

from everloop.features.column_profile import CategoryProfile, NumberProfile
from everloop.features.profile import Profile
from tests.unit.validation.conftest import BATCH_ID, Row, World, define

WIDE = define(
    {"at": "timestamp", "id": "integer", "kind": "category", "note": "text", "on": "boolean", "count": "integer"},
    timestamp="at",
    row_id=["id"],
)
ROWS: list[Row] = [
    {"y": "1", "x": "5", "id": "1", "at": "1970-01-02", "kind": "a", "note": "free", "on": "true", "count": "3"},
    {"y": "3", "x": None, "id": "2", "at": "1970-01-03", "kind": "", "note": None, "on": None, "count": None},
]


def profile_of(world: World, batch_id: str = BATCH_ID) -> Profile:
    return Profile.from_json(world.batches.profile("pump", batch_id))


def test_each_column_but_the_row_id_and_free_text_is_profiled() -> None:
    world = World(WIDE)
    world.validate(*ROWS)
    profile = profile_of(world)
    assert profile.rows == 2
    assert list(profile.columns) == ["y", "x", "at", "kind", "on", "count"]
    y, x, kind, at = (profile.columns[name] for name in ("y", "x", "kind", "at"))
    assert isinstance(y, NumberProfile)
    assert (y.mean, y.nulls) == (2.0, 0)
    assert isinstance(x, NumberProfile)
    assert (x.mean, x.nulls) == (5.0, 1)
    assert kind == CategoryProfile({"a": 1}, nulls=1)
    assert isinstance(at, NumberProfile)
    assert at.mean == 1.5 * 86_400


def test_profiles_of_two_batches_merge() -> None:
    world = World(WIDE)
    world.validate(*ROWS)
    world.stage([{**row, "x": "1000", "y": "-7"} for row in ROWS], batch_id="another")
    world.validation.validate("pump", "another")
    merged = profile_of(world).merge(profile_of(world, "another"))
    assert merged.rows == 4
    assert merged.centres["y"] == 2.0


def test_invalid_rows_and_duplicates_are_not_in_the_profile() -> None:
    world = World(WIDE)
    world.validate(*ROWS, ROWS[0], {"y": "abc", "id": "9", "at": "1970-01-01"})
    assert profile_of(world).rows == 2


def test_a_batch_that_is_not_accepted_has_no_profile(world: World) -> None:
    world.validate({"x": "abc"})
    assert not [key for key in world.lake.objects if key.startswith(("profiles/", "centres/"))]


@pytest.mark.parametrize("huge", ["1.7e308", "-1.7e308"])
def test_the_largest_numbers_there_are_can_be_profiled(world: World, huge: str) -> None:
    assert world.validate({"x": huge}, {"x": huge}).rows.accepted == 2
    assert profile_of(world).rows == 2
