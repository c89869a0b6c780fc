"""Rows of a request become typed columns, or every wrong cell is named at once."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.contracts.columns import Column
from everloop.contracts.definition import Definition
from everloop.errors import InvalidRowsError
from everloop.inference.rows import MAXIMUM_PROBLEMS, read_cell, read_together, to_columns
from tests.samples import pump_failure, pump_row

DEFINITION = pump_failure()


def problems(*rows: dict[str, Any], definition: Definition = DEFINITION) -> list[dict[str, Any]]:
    with pytest.raises(InvalidRowsError) as caught:
        to_columns(rows, definition)
    return caught.value.problems


def test_a_row_becomes_one_cell_of_each_input() -> None:
    columns = to_columns([pump_row()], DEFINITION)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "measured_at": [[datetime(2026, 3, 14, 8, tzinfo=UTC).timestamp()]],
        "pump": [["P-7"]],
        "kind": [["axial"]],
        "pressure": [[81.5]],
        "starts": [[3.0]],
        "outdoors": [[1.0]],
    }
    assert {name: values.dtype for name, values in columns.items()} == {
        "measured_at": np.float64,
        "pump": object,
        "kind": object,
        "pressure": np.float64,
        "starts": np.float64,
        "outdoors": np.float64,
    }


@pytest.mark.parametrize("absent", [False, True], ids=["null", "absent"])
def test_null_and_absent_are_nan_or_empty_text(absent: bool) -> None:
    row = pump_row(pump=None, kind=None, pressure=None, outdoors=None)
    row = {name: value for name, value in row.items() if value is not None} if absent else row
    columns = to_columns([row, pump_row()], DEFINITION)
    assert columns["pump"].tolist() == [[""], ["P-7"]]
    assert columns["kind"][0, 0] == ""
    assert np.isnan(columns["pressure"][0, 0])
    assert np.isnan(columns["outdoors"][0, 0])


@pytest.mark.parametrize("count", [1, 3, 30])
def test_rows_with_other_keys_or_another_order_are_read_alike(count: int) -> None:
    row = pump_row(kind=None, pump="P-1")
    turned = dict(reversed(row.items()))
    lacking = {name: value for name, value in row.items() if name != "kind"}
    expected = to_columns([row] * count, DEFINITION)
    for rows in ([turned] * count, [row, turned, lacking] * (count // 3) or [lacking], [lacking] * count):
        columns = to_columns(rows, DEFINITION)
        assert list(columns) == list(expected)
        for name, values in columns.items():
            np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize(
    ("column", "value", "expected", "got"),
    [
        ("pressure", "81.5", "number", "'81.5'"),
        ("pressure", True, "number", "true"),
        ("pressure", [1], "number", "a JSON array"),
        ("pressure", {}, "number", "a JSON object"),
        ("pressure", -0.5, "number >= 0", "-0.5"),
        ("pressure", 1000.5, "number <= 1000", "1000.5"),
        ("pressure", float("inf"), "a finite number", "inf"),
        ("pressure", 10**400, "a number below 1.8e308", "1" + "0" * 76 + "…"),
        ("starts", 1.5, "an integer from -2^63 to 2^63", "1.5"),
        ("starts", 2**63, "an integer from -2^63 to 2^63", "9223372036854775808"),
        ("starts", 1e300, "an integer from -2^63 to 2^63", "1e+300"),
        ("starts", -1, "integer >= 0", "-1"),
        ("starts", None, "integer, not null", "null"),
        ("outdoors", 1, "true or false", "1"),
        ("outdoors", "true", "true or false", "'true'"),
        ("kind", "diagonal", "one of axial, radial, Zahnrad-Ölpumpe", "'diagonal'"),
        ("kind", 7, "category (a JSON string)", "7"),
        ("pump", 7, "text (a JSON string)", "7"),
        ("pump", "\ud800", "text without NUL characters and lone surrogates", "'\\ud800'"),
        ("pump", "P\0", "text without NUL characters and lone surrogates", "'P\\x00'"),
        ("measured_at", "yesterday", "timestamp such as 2026-01-31T12:00:00Z", "'yesterday'"),
        ("measured_at", 1773480413, "timestamp such as 2026-01-31T12:00:00Z", "1773480413"),
        ("measured_at", "2026-02-30T00:00:00Z", "timestamp such as 2026-01-31T12:00:00Z", "'2026-02-30T00:00:00Z'"),
        (
            "measured_at",
            "0001-01-01T00:00:00+14:00",
            "timestamp such as 2026-01-31T12:00:00Z",
            "'0001-01-01T00:00:00+14:00'",
        ),
        (
            "measured_at",
            "9999-12-31T23:59:59.999999Z",
            "timestamp such as 2026-01-31T12:00:00Z",
            "'9999-12-31T23:59:59.999999Z'",
        ),
        ("measured_at", "", "timestamp such as 2026-01-31T12:00:00Z", "''"),
        ("measured_at", None, "timestamp, not null", "null"),
    ],
)
def test_a_wrong_cell_is_named_with_what_was_expected_and_what_came(
    column: str, value: Any, expected: str, got: str
) -> None:
    told = problems(pump_row(), pump_row(**{column: value}))
    assert told == [{"row": 1, "column": column, "expected": expected, "got": got}]


def test_an_empty_text_where_null_is_not_allowed_is_null() -> None:
    definition = pump_failure(columns={**_columns(), "kind": {"type": "category", "nullable": False}})
    assert problems(pump_row(kind=""), definition=definition)[0]["expected"] == "category, not null"


def _columns() -> dict[str, Any]:
    return {name: column.model_dump(exclude_none=True) for name, column in DEFINITION.columns.items()}


def test_every_wrong_cell_of_every_row_is_told_at_once_in_the_order_of_rows() -> None:
    told = problems(pump_row(pressure="x", starts=None), pump_row(), pump_row(kind="y", colour="red", kidn="z"))
    assert [(problem["row"], problem["column"]) for problem in told] == [
        (0, "pressure"),
        (0, "starts"),
        (2, "kind"),
        (2, "colour"),
        (2, "kidn"),
    ]


def test_what_means_null_in_uploads_means_null_in_requests() -> None:
    definition = Definition.model_validate(
        {
            "name": "air",
            "task": "regression",
            "data": {"target": "y", "csv": {"missing": ["-200", "unknown"]}},
            "columns": {"y": "number", "co": "number", "kind": "category"},
        }
    )
    rows = [{"co": -200, "kind": " unknown "}, {"co": -200.0, "kind": "-200"}, {"co": 2, "kind": "unknown to us"}]
    columns = to_columns(rows, definition)
    assert np.isnan(columns["co"][:2]).all()
    assert columns["co"][2, 0] == 2
    assert columns["kind"][:, 0].tolist() == ["", "", "unknown to us"]


def test_a_part_of_a_timestamp_is_told_which_one_it_belongs_to() -> None:
    column = {"type": "timestamp", "parts": ["day", "hour"]}
    definition = pump_failure(columns={**pump_failure().model_dump()["columns"], "measured_at": column})
    [problem] = problems(pump_row(day="2026-03-14"), definition=definition)
    assert "a part of 'measured_at'" in problem["expected"]


def test_an_unknown_column_hints_at_the_nearest() -> None:
    told = problems(pump_row(presure=1, zzz=2))
    assert [problem["expected"] for problem in told] == [
        "a declared column; did you mean 'pressure'?",
        "a declared column",
    ]


def test_a_whole_row_of_the_training_file_may_be_sent_back() -> None:
    """Target and row id are declared, so they are no strangers; the model never sees them."""
    columns = to_columns([pump_row(failed=True, reading="r-1")], DEFINITION)
    assert "failed" not in columns
    assert "reading" not in columns


def test_of_very_many_problems_the_first_are_shown_and_all_are_counted() -> None:
    rows = [pump_row(pressure="x", **{f"stranger {number}": 1 for number in range(500)}) for _ in range(20)]
    with pytest.raises(
        InvalidRowsError, match=r"^10020 value\(s\) do not fit the definition of 'pump-failure'"
    ) as caught:
        to_columns(rows, DEFINITION)
    assert len(caught.value.problems) == MAXIMUM_PROBLEMS


def test_a_stranger_s_endless_name_is_cut() -> None:
    assert len(str(problems(pump_row(**{"x" * 1_000_000: "y" * 1_000_000})))) < 500


@pytest.mark.parametrize(
    "text",
    ["2026-03-14T08:00:00Z", "2026-03-14T08:00:00", "2026-03-14 09:00+01:00", "20260314T080000Z", "2026-03-14T08:00"],
)
def test_iso_8601_in_its_spellings_is_one_moment(text: str) -> None:
    columns = to_columns([pump_row(measured_at=text)], DEFINITION)
    assert columns["measured_at"][0, 0] == datetime(2026, 3, 14, 8, tzinfo=UTC).timestamp()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)


@given(cells=st.fixed_dictionaries(dict.fromkeys(DEFINITION.inputs, _JSON)))
def test_whatever_json_comes_is_read_or_refused_and_never_breaks(cells: dict[str, Any]) -> None:
    told = _told([cells])
    assert all(problem.keys() == {"row", "column", "expected", "got"} for problem in told)


def _told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        columns = to_columns(rows, DEFINITION)
    except InvalidRowsError as error:
        return error.problems
    assert all(values.shape == (len(rows), 1) for values in columns.values())
    return []


_CELLS = {
    "number": st.none() | st.integers() | st.floats() | st.sampled_from([0, -0.0, 1000, 1000.5, True, 10**400]),
    "integer": st.none() | st.integers() | st.sampled_from([3.0, 1.5, 2**63, -(2**63), 2**63 - 513, False]),
    "boolean": st.none() | st.booleans() | st.sampled_from([0, 1, "true"]),
    "category": st.sampled_from([None, "", "axial", "radial", "diagonal", 7, "Zahnrad-Ölpumpe"]),
    "text": st.none() | st.text() | st.sampled_from(["\ud800", "P\0", 7]),
}


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("kind", _CELLS)
@given(data=st.data())
def test_a_column_read_as_a_whole_is_what_its_cells_are(kind: str, nullable: bool, data: st.DataObject) -> None:
    bounds = {"number": {"minimum": 0, "maximum": 1000}, "category": {"allowed": ["axial", "Zahnrad-Ölpumpe"]}}
    column = Column.model_validate({"type": kind, "nullable": nullable} | bounds.get(kind, {}))
    values = data.draw(st.lists(_CELLS[kind], min_size=1, max_size=5))
    together = read_together(values, column)
    try:
        cells = [read_cell(value, column) for value in values]
    except ValueError:
        assert together is None
    else:
        np.testing.assert_array_equal(np.array(together), np.array(cells))
