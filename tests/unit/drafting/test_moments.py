"""When a row happened: one column, or several put together."""

import pytest

from everloop.drafting.drafted import Role
from tests.unit.drafting.conftest import Drafting, noise

ROWS = 300
OTHER = noise(ROWS, seed=9)


def days(pattern: str, last: int = 28) -> list[str]:
    return [pattern.format(y=2023, m=1 + n // last % 12, d=1 + n % last) for n in range(ROWS)]


@pytest.mark.parametrize(
    ("values", "format"),
    [
        (days("{y}-{m:02}-{d:02}"), ()),
        (days("{y}-{m:02}-{d:02}T10:15:00Z"), ()),
        (days("{y}-{m:02}-{d:02} 10:15:00+02:00"), ()),
        (days("{d:02}/{m:02}/{y}"), ("%d/%m/%Y",)),
        (days("{m}/{d}/{y} 5:07 PM"), ("%m/%d/%Y %I:%M %p",)),
        (days("{d:02}.{m:02}.{y} 18.00.00"), ("%d.%m.%Y %H.%M.%S",)),
        (days("{d:02}-{m:02}-23"), ()),
        (days("{y}{m:02}{d:02}"), ("%Y%m%d",)),
    ],
    ids=lambda value: value[0] if value else "iso",
)
def test_what_moments_look_like_tells_how_they_are_read(
    drafting: Drafting, values: list[str], format: tuple[str, ...]
) -> None:
    written = drafting({"date": values, "z": OTHER})
    known = values[0] != "01-01-23"
    assert written.definition.data.timestamp == ("date" if known else None)
    assert not known or written.column("date").format == format


def test_a_day_above_12_tells_days_from_months(drafting: Drafting) -> None:
    assert drafting({"date": days("{m:02}/{d:02}/{y}"), "z": OTHER}).column("date").format == ("%m/%d/%Y",)


def test_when_no_day_tells_a_person_is_asked_to_look(drafting: Drafting) -> None:
    written = drafting({"date": days("{d:02}/{m:02}/{y}", last=10)[:100], "z": OTHER[:100]})
    assert written.column("date").format[0] in ("%d/%m/%Y", "%m/%d/%Y")
    assert "would read it as well" in written.why("date")


def test_the_finest_moment_is_taken_and_the_others_are_left_out(drafting: Drafting) -> None:
    moments = [f"2023-01-{1 + n // 24:02} {n % 24:02}:00" for n in range(ROWS)]
    written = drafting({"day": [moment[:10] for moment in moments], "moment": moments, "z": OTHER})
    assert written.definition.data.timestamp == "moment"
    assert written.role("day") is Role.LEFT_OUT


def test_other_columns_that_could_be_the_timestamp_are_named(drafting: Drafting) -> None:
    booked, arrived = days("{y}-{m:02}-{d:02}"), days("{y}-{m:02}-{d:02}", last=20)
    written = drafting({"booked": booked, "arrived": arrived, "z": OTHER})
    assert written.draft.timestamp_rivals == ("arrived",)
    assert '\ntimestamp = "booked"  # or arrived, if that is when a row happened\n' in written.toml
    assert written.draft.notes == (
        "booked was taken for the timestamp; arrived would do as well: it should say when a row happened",
    )


def test_the_parts_of_a_moment_are_not_its_rivals(drafting: Drafting) -> None:
    dates = [f"{15 + n // 24:02}/01/2023" for n in range(ROWS)]
    columns = {"date": dates, "hour": [n % 24 for n in range(ROWS)], "z": OTHER}
    assert drafting(columns).draft.timestamp_rivals == ()
    rivalled = drafting({**columns, "paid": days("{y}-{m:02}-{d:02}")[:30]})
    assert rivalled.draft.timestamp_rivals == ("paid",)
    assert rivalled.draft.notes[0].startswith("date with hour was taken for the timestamp; paid would do as well")


def test_a_moment_that_is_often_missing_is_no_timestamp(drafting: Drafting) -> None:
    written = drafting({"closed": [*days("{y}-{m:02}-{d:02}")[:200], *[""] * 100], "z": OTHER})
    assert written.definition.data.timestamp is None


@pytest.mark.parametrize(
    ("hours", "format"),
    [
        ([n % 24 for n in range(ROWS)], "%d/%m/%Y %H"),
        ([f"{n % 24:02}.00.00" for n in range(ROWS)], "%d/%m/%Y %H.%M.%S"),
        ([f"{n % 24:02}:30" for n in range(ROWS)], "%d/%m/%Y %H:%M"),
    ],
    ids=["a number", "points", "colons"],
)
def test_a_date_and_an_hour_make_one_moment(drafting: Drafting, hours: list[str], format: str) -> None:
    dates = [f"{1 + n // 24 + 14:02}/01/2023" for n in range(ROWS)]
    written = drafting({"date": dates, "hour": hours, "z": OTHER})
    timestamp = written.column("timestamp")
    assert (timestamp.parts, timestamp.format) == (("date", "hour"), (format,))
    assert written.definition.features["hour_of_day"] == "hour(timestamp)"
    assert (written.role("date"), written.role("hour")) == (Role.PART, Role.PART)


def test_year_month_day_and_hour_make_one_moment(drafting: Drafting) -> None:
    written = drafting(
        {
            "year": [2023] * ROWS,
            "month": [1 + n // 28 % 12 for n in range(ROWS)],
            "day": [1 + n % 28 for n in range(ROWS)],
            "z": OTHER,
        }
    )
    assert written.column("timestamp").parts == ("year", "month", "day")
    assert written.column("timestamp").format == ("%Y %m %d",)


def test_a_moment_that_is_put_together_is_read_as_uploads_read_it(drafting: Drafting) -> None:
    days = [f"{1 + n // 24 + 14:02}/01/2023 " for n in range(ROWS - 1)]
    hours = [f" {n % 24:02}:30" for n in range(ROWS - 1)]
    written = drafting({"date": [*days, "2023-01-31"], "hour": [*hours, "10:30"], "z": OTHER})
    assert written.column("timestamp").parts == ("date", "hour")
    assert not written.draft.notes, "ISO 8601 is read whatever the format"


def test_a_name_that_is_taken_is_not_given_to_the_moment(drafting: Drafting) -> None:
    dates = [f"{1 + n // 24 + 14:02}/01/2023" for n in range(ROWS)]
    written = drafting({"date": dates, "hour": [n % 24 for n in range(ROWS)], "Timestamp": OTHER})
    assert written.definition.data.timestamp == "moment"


def test_calendar_features_vary_and_say_what_no_column_says(drafting: Drafting) -> None:
    moments = days("{y}-{m:02}-{d:02} 12:00")
    assert drafting({"at": moments, "z": OTHER}).definition.features == {"day_of_week": "dayofweek(at)"}
    assert drafting({"at": moments, "weekday": ["a", "b", "c"] * 100}).definition.features == {}


def test_only_numbers_with_a_name_of_dates_are_dates(drafting: Drafting) -> None:
    written = drafting({"amount": days("{y}{m:02}{d:02}"), "z": OTHER})
    assert written.role("amount") is Role.INPUT
