"""The protocol of MLflow's scoring server and of SageMaker's containers: /ping and /invocations.

Source: mlflow.org, "Deploy MLflow Model as a Local Inference Server".
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS
from everloop.contracts.rows import MAXIMUM_ROWS, check_count, checked_rows, shown
from everloop.errors import MalformedBodyError, UnsupportedMediaTypeError
from everloop.inference.protocols.protocol import Endpoint, Handle, Problems, Request, Response, told
from everloop.inference.service import Reply

_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
"""What `float` reads, without underscores, NaN and infinity."""
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_ERROR_CODES = {400: "BAD_REQUEST", 404: "RESOURCE_DOES_NOT_EXIST", 503: "TEMPORARILY_UNAVAILABLE"}
_MAXIMUM_PROBLEMS = 100


def ping(request: Request, endpoint: Endpoint) -> Response:
    return Response()


def invoke(request: Request, endpoint: Endpoint) -> Response:
    definition = endpoint.definition_of(request)
    if request.media_type == "text/csv":
        rows = _csv_rows(request.text(), definition)
    elif request.media_type in ("", "application/json"):
        rows = _rows(request.json())
    else:
        raise UnsupportedMediaTypeError(f"expected application/json or text/csv, got {request.media_type[:80]!r}")
    return Response(_document(definition, endpoint.answer(definition, rows, request)))


ROUTES: dict[str, Handle] = {"GET /ping": ping, "POST /models/{model}/invocations": invoke}


def refuse(status: int, detail: str, problems: Problems) -> dict[str, Any]:
    return {"error_code": _ERROR_CODES.get(status, "BAD_REQUEST"), "message": told(detail, problems)}


def _document(definition: Definition, reply: Reply) -> dict[str, Any]:
    """`predictions` as our model in MLflow gives them; the rest lies beside, a list of a value for each row."""
    predictions = reply.predictions
    answers: list[dict[str, Any]]
    if definition.recommendation:
        answers = [
            {name + "s": [each[name] for each in prediction["items"]] for name in ("item", "score")}
            for prediction in predictions
        ]
    else:
        names = ("value",) if definition.task.answers_value else ("score", "label")
        answers = [{name: prediction.get(name) for name in names} for prediction in predictions]
    beside = predictions[0].keys() - {"score", "value", "label", "items"}
    return {"predictions": answers, "model": reply.model} | {
        name: [prediction[name] for prediction in predictions] for name in sorted(beside)
    }


# JSON


def _rows(body: Any) -> list[dict[str, Any]]:
    named = " or ".join(f"'{name}'" for name in _SHAPES)
    if not isinstance(body, dict):
        raise MalformedBodyError(f"expected an object with {named}, got {shown(body)}")
    given = body.keys() - {"params"}  # which a model may take; ours take none
    if len(given) != 1 or not given <= _SHAPES.keys():
        keys = ", ".join(sorted(shown(key) for key in list(given)[:10])) or "none of them"
        raise MalformedBodyError(f"expected an object with exactly one of {named}, and maybe 'params', got {keys}")
    (name,) = given
    return _SHAPES[name](body[name])


def _records(records: Any, name: str = "dataframe_records") -> list[dict[str, Any]]:
    if not isinstance(records, list):
        raise MalformedBodyError(f"{name}: expected a list of objects by column, got {shown(records)}")
    return checked_rows(records, name)


def _split(split: Any) -> list[dict[str, Any]]:
    if not isinstance(split, dict) or not {"columns", "data"} <= split.keys() <= {"columns", "data", "index"}:
        raise MalformedBodyError("dataframe_split: expected an object with 'columns', 'data', and maybe 'index'")
    columns, data = split["columns"], split["data"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise MalformedBodyError("dataframe_split.columns: expected a list of column names")
    if not isinstance(data, list):
        raise MalformedBodyError(f"dataframe_split.data: expected a list of rows, got {shown(data)}")
    check_count(len(data))
    return _table(columns, data, "dataframe_split.data[{}]", 0)


def _inputs(inputs: Any) -> list[dict[str, Any]]:
    if not isinstance(inputs, dict):
        return _records(inputs, "inputs")
    lengths = Counter(len(values) for values in inputs.values() if isinstance(values, list))
    if not lengths:  # of one row
        return checked_rows([inputs])
    if len(lengths) > 1 or lengths.total() < len(inputs):
        counts = ", ".join(str(length) for length in sorted(lengths)[:10])
        raise MalformedBodyError(f"inputs: expected a list for each column, all equally long, got lengths {counts}")
    check_count(next(iter(lengths)))
    return [dict(zip(inputs, cells, strict=True)) for cells in zip(*inputs.values(), strict=True)]


_SHAPES: Mapping[str, Callable[[Any], list[dict[str, Any]]]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": lambda rows: _records(rows, "instances"),
    "inputs": _inputs,
}


def _table(columns: Sequence[str], data: Sequence[Any], place: str, first: int) -> list[dict[str, Any]]:
    """Rows of a matrix; `place` names a row of it by its number, counted from `first`."""
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise MalformedBodyError(f"column {shown(twice[0])} is given twice")
    wrong = [number for number, row in enumerate(data) if not isinstance(row, list) or len(row) != len(columns)]
    if wrong:
        places = ", ".join(place.format(number + first) for number in wrong[:_MAXIMUM_PROBLEMS])
        raise MalformedBodyError(
            f"{len(wrong)} row(s) do not have one value for each of {len(columns)} columns: {places}"
        )
    return [dict(zip(columns, row, strict=True)) for row in data]


# CSV


def _csv_rows(text: str, definition: Definition) -> list[dict[str, Any]]:
    lines = _lines(text.removeprefix("\ufeff"))  # which spreadsheets write, and pandas passes over
    columns = next(lines, None)
    if columns is None:
        raise MalformedBodyError("expected CSV with a line of column names, got an empty body")
    data = []
    for line in lines:
        data.append(line)
        if len(data) > MAXIMUM_ROWS:
            raise MalformedBodyError(f"expected 1 to {MAXIMUM_ROWS} rows, got more")
    check_count(len(data))
    readers = [_READERS.get(_type(name, definition), _text) for name in columns]
    return [
        {name: read(cell) for (name, cell), read in zip(row.items(), readers, strict=True)}
        for row in _table(columns, data, "{}", 1)
    ]


def _lines(text: str) -> Iterator[list[str]]:
    """Those that are not empty."""
    import csv  # of which most cold starts need nothing

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise MalformedBodyError(f"expected CSV; line {reader.line_num}: {error}") from error


def _type(name: str, definition: Definition) -> ColumnType | str | None:
    if definition.recommendation and name == ITEMS:
        return ITEMS
    column = definition.inputs.get(name)
    return column.type if column else None


def _text(cell: str) -> Any:
    return cell or None


def _number(cell: str) -> Any:
    return float(cell) if _NUMBER.fullmatch(cell) else _text(cell)


def _boolean(cell: str) -> Any:
    return _BOOLEANS.get(cell.strip().lower(), _text(cell))


def _items(cell: str) -> Any:
    """A list as JSON; what is none is told as the cell that it is."""
    try:
        return from_json(cell, allow_inf_nan=False)
    except ValueError:
        return _text(cell)


_READERS: Mapping[ColumnType | str | None, Callable[[str], Any]] = {
    ColumnType.NUMBER: _number,
    ColumnType.INTEGER: _number,
    ColumnType.BOOLEAN: _boolean,
    ITEMS: _items,
}
