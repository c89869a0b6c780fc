"""A body holds 1 to 1,000 rows, or is refused with an example of one that does."""

from typing import Any

import pytest

from everloop.contracts.rows import MAXIMUM_ROWS, parse_rows
from everloop.errors import MalformedBodyError
from tests.samples import pump_failure, pump_row

DEFINITION = pump_failure()


def test_rows_are_taken_as_they_are() -> None:
    rows = [pump_row(), {}, {"unknown": [1, {"a": None}]}]
    assert parse_rows({"rows": rows}, DEFINITION) == rows


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, 'expected {"rows": [{"measured_at": …, "pump": …}, …]}, got null'),
        ([], "got a JSON array"),
        ({}, "got a JSON object"),
        ({"rows": {}}, "got a JSON object"),
        ({"rows": []}, "expected 1 to 1000 rows, got 0"),
        ({"rows": [{}] * (MAXIMUM_ROWS + 1)}, "expected 1 to 1000 rows, got 1001"),
        ({"rows": [{}, 7]}, "rows[1]: expected an object, got 7"),
    ],
)
def test_a_body_without_rows_is_refused_with_an_example(body: Any, told: str) -> None:
    with pytest.raises(MalformedBodyError) as caught:
        parse_rows(body, DEFINITION)
    assert told in caught.value.detail


def test_a_key_beside_the_rows_is_refused_by_name() -> None:
    with pytest.raises(MalformedBodyError, match="unknown key 'more'"):
        parse_rows({"rows": [{}], "more": 1}, DEFINITION)
