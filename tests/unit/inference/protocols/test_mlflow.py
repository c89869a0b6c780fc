"""What MLflow's scoring server understands: four JSON shapes, and CSV. Its own client is in tests/oracle."""

import json
import time
from typing import Any

import pytest

from everloop.contracts.tasks import Task
from tests.asking import World
from tests.samples import constant_model, echo_model, example, pump_failure, pump_row

INVOKE = "POST /models/{model}/invocations"
CSV = {"Content-Type": "text/csv"}
ROWS = [pump_row(), pump_row(kind=None, pressure=2, outdoors=None)]
COLUMNS = list(ROWS[0])
SHAPES: dict[str, Any] = {
    "dataframe_split": {"columns": COLUMNS, "index": [7, 8], "data": [list(row.values()) for row in ROWS]},
    "dataframe_records": ROWS,
    "instances": ROWS,
    "inputs": {name: [row[name] for row in ROWS] for name in COLUMNS},
}
TABLE = "measured_at,pump,kind,pressure,starts,outdoors"


def world() -> World:
    return World(pump_failure(), echo_model())


def refusal(asked: World, body: Any, status: int = 400, **headers: str) -> str:
    answer = asked.ask(INVOKE, body, headers={"Content-Type": "application/json", **headers})
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    document = answer.document
    assert document.keys() == {"error_code", "message"}
    assert document["error_code"] == ("RESOURCE_DOES_NOT_EXIST" if status == 404 else "BAD_REQUEST")
    assert asked.logged() == []
    return str(document["message"])


def test_a_ping_is_answered_with_nothing() -> None:
    answer = world().ask("GET /ping")
    assert (answer.status, answer.content) == (200, b"")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_answered_row_by_row_and_logged(shape: str) -> None:
    asked = world()
    document = asked.ask(INVOKE, {shape: SHAPES[shape], "params": {"temperature": 0}}).document
    assert document["predictions"] == [{"score": 81.5, "label": True}, {"score": 2.0, "label": True}]
    assert (document["model"], document["version"]) == ("pump-failure", [1, 1])
    assert (document["answered_by"], document["variant"]) == (["model"] * 2, ["champion"] * 2)
    (message,) = asked.logged()
    assert message["prediction_id"] == document["prediction_id"]
    assert (message["inputs"]["kind"], message["inputs"]["outdoors"]) == (["axial", None], [True, None])


def test_inputs_may_be_rows_or_the_cells_of_one() -> None:
    assert world().ask(INVOKE, {"inputs": ROWS}).document["predictions"][1]["score"] == 2.0
    assert world().ask(INVOKE, {"inputs": ROWS[0]}).document["predictions"] == [{"score": 81.5, "label": True}]


def test_csv_is_read_by_the_columns_types() -> None:
    asked = world()
    lines = [
        "\ufeff" + TABLE,
        '2026-03-14T08:00:00Z,"P ""7"", left",Zahnrad-Ölpumpe,81.5,3,True',
        "",
        "2026-03-14 09:00:00,,,+2e0,4.0,false",
        '2026-03-14,"two\nlines",axial,,0,1',
    ]
    answer = asked.ask(INVOKE, "\r\n".join(lines), headers={"Content-Type": "text/csv; charset=UTF-8"})
    assert answer.status == 200
    assert [each["score"] for each in answer.document["predictions"]] == [81.5, 2.0, 0.1]
    inputs = asked.logged()[0]["inputs"]
    assert inputs["pump"] == ['P "7", left', None, "two\nlines"]
    assert (inputs["starts"], inputs["outdoors"]) == ([3, 4, 0], [True, False, True])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], "expected an object with 'dataframe_split' or 'dataframe_records' or 'instances' or 'inputs', got a JSON"),
        ({}, "exactly one of"),
        ({"inputs": ROWS, "instances": ROWS}, "got 'inputs', 'instances'"),
        ({"inputs": ROWS, "signature_name": "x"}, "'signature_name'"),
        ({"rows": ROWS}, "got 'rows'"),
        ({"dataframe_records": {}}, "dataframe_records: expected a list of objects by column, got a JSON object"),
        ({"dataframe_records": [ROWS[0], 7]}, "dataframe_records[1]: expected an object, got 7"),
        ({"dataframe_records": []}, "expected 1 to 1000 rows, got 0"),
        ({"dataframe_records": [{}] * 1_001}, "expected 1 to 1000 rows, got 1001"),
        ({"instances": [[1, 2]]}, "instances[0]: expected an object, got a JSON array"),
        ({"inputs": 7}, "inputs: expected a list of objects by column, got 7"),
        ({"inputs": {"pressure": [1, 2], "starts": [1]}}, "all equally long, got lengths 1, 2"),
        ({"inputs": {"pressure": [1, 2], "starts": 1}}, "expected a list for each column"),
        ({"inputs": {"pressure": [1] * 1_001}}, "got 1001"),
        ({"inputs": {"pressure": []}}, "got 0"),
        ({"dataframe_split": []}, "expected an object with 'columns', 'data', and maybe 'index'"),
        ({"dataframe_split": {"data": [[1]]}}, "with 'columns'"),
        ({"dataframe_split": {"columns": [1], "data": [[1]]}}, "dataframe_split.columns: expected a list of column"),
        ({"dataframe_split": {"columns": ["a"], "data": {}}}, "dataframe_split.data: expected a list of rows"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "column 'a' is given twice"),
        (
            {"dataframe_split": {"columns": ["a", "b"], "data": [[1], [1, 2], 3]}},
            "2 row(s) do not have one value for each of 2 columns: dataframe_split.data[0], dataframe_split.data[2]",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_json_of_another_shape_is_refused_with_what_was_expected(body: Any, expected: str) -> None:
    assert expected in refusal(world(), body)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "expected CSV with a line of column names, got an empty body"),
        ([TABLE], "expected 1 to 1000 rows, got 0"),
        ([TABLE, *["2026-03-14,,,1,1,"] * 1_001], "expected 1 to 1000 rows, got more"),
        (["pressure,starts", "1,2", "1", "1,2,3"], "2 row(s) do not have one value for each of 2 columns: 2, 3"),
        (["pressure,pressure", "1,2"], "column 'pressure' is given twice"),
        (['pressure,"starts', "1,2"], "expected CSV; line 2: unexpected end of data"),
        (['"pressure"x,starts', "1,2"], "expected CSV; line 1: "),
        (["pressure", "x" * 200_000], "field larger than field limit"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_csv_that_is_none_is_refused_with_its_line(lines: list[str], expected: str) -> None:
    assert expected in refusal(world(), "\n".join(lines), **CSV)


def test_a_cell_of_many_digits_is_read_once() -> None:
    """Two ways to share them out would be tried in as many orders: minutes for one cell."""
    begun = time.perf_counter()
    told = refusal(world(), "pressure\n" + "1" * 100_000 + "x", 422, **CSV)
    assert "column 'pressure': expected number" in told
    assert time.perf_counter() - begun < 5


def test_cells_that_do_not_fit_are_named_with_row_and_column() -> None:
    lines = [f"{TABLE},presure", "soon,,axail,1_000,3.5,yes,1", "2026-03-14,,axial,NaN,,,"]
    told = refusal(world(), "\n".join(lines), 422, **CSV)
    for expected in (
        "row 0, column 'measured_at': expected timestamp such as 2026-01-31T12:00:00Z, got 'soon'",
        "row 0, column 'kind': expected one of axial, radial, Zahnrad-Ölpumpe, got 'axail'",
        "row 0, column 'pressure': expected number, got '1_000'",
        "row 0, column 'starts': expected an integer from -2^63 to 2^63, got 3.5",
        "row 0, column 'outdoors': expected true or false, got 'yes'",
        "row 0, column 'presure': expected a declared column; did you mean 'pressure'?, got '1'",
        "row 1, column 'pressure': expected number, got 'NaN'",
        "row 1, column 'starts': expected integer, not null, got null",
    ):
        assert expected in told
    assert "row 0, column 'starts': expected integer >= 0, got -1" in refusal(
        world(), {"instances": [pump_row(starts=-1)]}, 422
    )


def test_another_content_type_is_a_415() -> None:
    told = refusal(world(), "PAR1", 415, **{"Content-Type": "application/vnd.apache.parquet"})
    assert told == "expected application/json or text/csv, got 'application/vnd.apache.parquet'"
    assert "charset" in refusal(world(), TABLE, 415, **{"Content-Type": "text/csv; charset=latin-1"})


def test_an_unknown_model_is_a_404() -> None:
    answer = world().ask(INVOKE, {"inputs": ROWS}, model="pump")
    assert (answer.status, answer.document["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_no_answer_at_all_is_a_503() -> None:
    answer = World(pump_failure(serving={})).ask(INVOKE, {"inputs": ROWS})
    assert (answer.status, answer.document["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


def test_values_items_and_lacks_are_answered_as_the_model_in_mlflow_gives_them() -> None:
    regression = World(example(Task.REGRESSION), constant_model(7.5, task=Task.REGRESSION, classes=(), column="a"))
    assert regression.ask(INVOKE, "a,b,c\n1,2,x\n", headers=CSV).document["predictions"] == [{"value": 7.5}]
    fixed = World(example(Task.MULTICLASS, serving={"fallback": "x"}))
    assert fixed.ask(INVOKE, {"inputs": {"a": [1]}}).document["predictions"] == [{"score": None, "label": "x"}]
    forecast = World(example(Task.FORECASTING, serving={"fallback": 3}))
    document = forecast.ask(INVOKE, "t\n2026-03-14T08:00:00\n", headers=CSV).document
    assert document["predictions"] == [{"value": 3.0}]
    assert document["missing_lags"][0]
    shop = World(example(Task.RECOMMENDATION, serving={"fallback": ["x", "y"]}))
    for body, headers in (
        (json.dumps({"inputs": {"c": ["u-1"], "items": [["x"]]}}), {}),
        ('c,items\nu-1,"[""x"", ""ž""]"\n', CSV),
    ):
        assert shop.ask(INVOKE, body, headers=headers).document["predictions"] == [
            {"items": ["x", "y"], "scores": [None, None]}
        ]
    unasked = World(shop.definition)
    assert "row 0, column 'items': expected a list of items" in refusal(unasked, "c,items\nu-1,[x\n", 422, **CSV)
