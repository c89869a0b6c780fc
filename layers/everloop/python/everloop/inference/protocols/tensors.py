"""Tensors of the Open Inference Protocol: one for each column of the rows, one for each field of the predictions.

In JSON, or as bytes behind it (its "binary tensor data extension"): little-endian and row-major, each text of a BYTES
tensor behind its length in four bytes.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import from_json

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS
from everloop.contracts.rows import MAXIMUM_ROWS, shown
from everloop.errors import MalformedBodyError

_NUMBERS = {
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}
"""Datatype → of numpy."""
_JSON_KINDS: Mapping[str, set[type]] = {
    "BOOL": {bool},
    "BYTES": {str},
    **{name: {int, float} if name.startswith("FP") else {int} for name in _NUMBERS},
}
_BOOLEANS = {0: False, 1: True}
_LENGTH = struct.Struct("<I")
_MAXIMUM_PROBLEMS = 100
_SHOWN_CELLS = 10
"""Of one tensor."""


class Field(NamedTuple):
    """One output tensor."""

    name: str
    datatype: str


def datatype_of(kind: ColumnType) -> str:
    """What the metadata ask for."""
    return {ColumnType.NUMBER: "FP64", ColumnType.INTEGER: "INT64", ColumnType.BOOLEAN: "BOOL"}.get(kind, "BYTES")


def _taken(kind: ColumnType) -> set[str]:
    """A whole number may come as a float, and a boolean as a number, since these can be NaN."""
    if kind.is_textual or kind is ColumnType.TIMESTAMP:
        return {"BYTES"}
    return {"BOOL", *_NUMBERS} if kind is ColumnType.BOOLEAN else set(_NUMBERS)


# In


def to_rows(inputs: Any, content: bytes | None, definition: Definition) -> list[dict[str, Any]]:
    """The rows of the tensors in `inputs`; `content` is what lies behind the JSON.

    Raises MalformedBodyError that tells all that is wrong.
    """
    if not isinstance(inputs, list) or not inputs:
        raise MalformedBodyError(
            'expected {"inputs": [{"name": column, "shape": [rows], "datatype": …, "data": […]}, …]}, '
            f"got inputs {shown(inputs)}"
        )
    behind = _Behind(content)
    problems: list[str] = []
    columns: dict[str, list[Any]] = {}
    for place, tensor in enumerate(inputs):
        try:
            name, values = _read(tensor, behind, definition)
            if name in columns:
                raise _WrongTensorError("a tensor for each column", f"{shown(name)} twice")
            columns[name] = values
        except _WrongTensorError as error:
            known = tensor.get("name") if isinstance(tensor, dict) else None
            named = f" ({shown(known)})" if isinstance(known, str) else ""
            problems.append(f"inputs[{place}]{named}: expected {error.expected}, got {error.got}")
            if len(problems) == _MAXIMUM_PROBLEMS:  # a body has room for millions
                break
    counts = {len(values) for values in columns.values()}
    if not problems and len(counts) > 1:
        problems.append(f"expected tensors with the same number of rows, got {', '.join(map(str, sorted(counts)))}")
    if not problems and behind.left:
        problems.append(f"{behind.left} byte(s) lie behind the tensors that no binary_data_size speaks of")
    if problems:
        raise MalformedBodyError("; ".join(problems))
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


class _WrongTensorError(Exception):
    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got


class _Behind:
    """The bytes behind the JSON, handed out to one tensor after the other."""

    def __init__(self, content: bytes | None) -> None:
        self._content = content
        self._given = 0

    @property
    def left(self) -> int:
        return len(self._content or b"") - self._given

    def take(self, size: Any) -> bytes:
        if self._content is None:
            raise _WrongTensorError(
                "data in JSON, or binary data behind it, its length in the header Inference-Header-Content-Length and "
                "the body of the Content-Type application/octet-stream",
                "binary_data_size without these",
            )
        if type(size) is not int or not 0 <= size <= self.left:
            raise _WrongTensorError(f"binary_data_size of at most {self.left}", shown(size))
        self._given += size
        return self._content[self._given - size : self._given]


def _read(tensor: Any, behind: _Behind, definition: Definition) -> tuple[str, list[Any]]:
    if not isinstance(tensor, dict):
        raise _WrongTensorError("an object", shown(tensor))
    name, datatype = tensor.get("name"), tensor.get("datatype")
    if not isinstance(name, str):
        raise _WrongTensorError("the name of a column", shown(name))
    column = definition.inputs.get(name)
    taken = set(_JSON_KINDS) if column is None else _taken(column.type)
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    binary = None if size is None else behind.take(size)  # first, so that the next tensor finds its own
    if not isinstance(datatype, str) or datatype not in taken:
        raise _WrongTensorError(f"datatype {' or '.join(sorted(taken))}", shown(datatype))
    rows, is_nested = _shape(tensor.get("shape"))
    values = _in_json(tensor.get("data"), datatype, rows, is_nested) if binary is None else _of(binary, datatype, rows)
    if column is not None and column.type is ColumnType.BOOLEAN and datatype != "BOOL":
        values = [_BOOLEANS.get(value, value) for value in values]
    if column is not None and column.type is ColumnType.TIMESTAMP:
        values = [value or None for value in values]  # bytes know no null
    if definition.recommendation and name == ITEMS:
        values = [_items(value) for value in values]
    return name, values


def _shape(shape: Any) -> tuple[int, bool]:
    """How many rows, and whether each is a list of one value."""
    fits = isinstance(shape, list) and len(shape) in (1, 2) and all(type(each) is int for each in shape)
    if not fits or not 1 <= shape[0] <= MAXIMUM_ROWS or shape[1:] not in ([], [1]):
        sizes = ", ".join(shown(each) for each in shape[:5]) if isinstance(shape, list) else None
        raise _WrongTensorError(
            f"shape [rows] or [rows, 1] with 1 to {MAXIMUM_ROWS} rows",
            shown(shape) if sizes is None else f"[{sizes}{', …' if len(shape) > 5 else ''}]",
        )
    return shape[0], len(shape) == 2


def _in_json(data: Any, datatype: str, rows: int, is_nested: bool) -> list[Any]:
    if not isinstance(data, list):
        raise _WrongTensorError("a list of data", shown(data))
    if is_nested and len(data) == rows and all(isinstance(each, list) and len(each) == 1 for each in data):
        data = [each[0] for each in data]
    if len(data) != rows:
        raise _WrongTensorError(f"{rows} value(s), as the shape says", str(len(data)))
    kinds = _JSON_KINDS[datatype] | {NoneType}
    if not set(map(type, data)) <= kinds:
        wrong = [f"{shown(value)} in row {row}" for row, value in enumerate(data) if type(value) not in kinds]
        more = f" and {len(wrong) - _SHOWN_CELLS} more" if len(wrong) > _SHOWN_CELLS else ""
        raise _WrongTensorError(f"{datatype} or null", ", ".join(wrong[:_SHOWN_CELLS]) + more)
    return list(data)


def _of(binary: bytes, datatype: str, rows: int) -> list[Any]:
    if datatype == "BYTES":
        return list(_texts(binary, rows))
    dtype = np.dtype(_NUMBERS.get(datatype, np.uint8))
    if len(binary) != rows * dtype.itemsize:
        raise _WrongTensorError(f"{rows * dtype.itemsize} bytes for {rows} row(s) of {datatype}", str(len(binary)))
    values: list[Any] = np.frombuffer(binary, dtype).tolist()
    if datatype == "BOOL":
        return [_BOOLEANS.get(value, value) for value in values]
    return [None if value != value else value for value in values]  # noqa: PLR0124  # NaN is not itself


def _texts(binary: bytes, rows: int) -> Iterator[str]:
    place = 0
    for row in range(rows):
        if place + _LENGTH.size > len(binary):
            raise _WrongTensorError(f"{rows} text(s) behind their lengths", f"{row}")
        (length,) = _LENGTH.unpack_from(binary, place)
        text = binary[place + _LENGTH.size : place + _LENGTH.size + length]
        place += _LENGTH.size + length
        if len(text) < length:
            raise _WrongTensorError(f"{length} bytes of text in row {row}", str(len(text)))
        try:
            yield text.decode()
        except UnicodeDecodeError as error:
            raise _WrongTensorError(f"UTF-8 in row {row}", str(error)) from error
    if place < len(binary):
        raise _WrongTensorError(f"{rows} text(s)", f"{len(binary) - place} bytes more")


def _items(value: Any) -> Any:
    """A list as JSON; what is none is told as the cell that it is."""
    if not isinstance(value, str):
        return value
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError:
        return value or None


# Out


def fields_of(definition: Definition) -> list[Field]:
    """The tensors of an answer, one value of each for each row."""
    if definition.recommendation:
        own = [Field("items", "BYTES")]
    elif definition.task.answers_value:
        own = [Field("value", "FP64")]
    else:
        own = [Field("score", "FP64"), Field("label", "BYTES")]
    if definition.forecast:
        own.append(Field("missing_lags", "BYTES"))
    ids = [Field(name, "BYTES") for name in ("prediction_id", "answered_by", "variant")]
    return [*own, Field("version", "INT64"), *ids]


def to_tensors(
    fields: Sequence[Field], predictions: Sequence[dict[str, Any]], is_binary: Sequence[bool]
) -> tuple[list[dict[str, Any]], bytes]:
    """Of each field, and the bytes of those that shall be binary."""
    tensors, parts = [], []
    for field, behind in zip(fields, is_binary, strict=True):
        values = [_plain(prediction.get(field.name), field.datatype) for prediction in predictions]
        tensor: dict[str, Any] = {"name": field.name, "datatype": field.datatype, "shape": [len(predictions)]}
        if behind:
            parts.append(_bytes(values, field.datatype))
            tensors.append(tensor | {"parameters": {"binary_data_size": len(parts[-1])}})
        else:
            tensors.append(tensor | {"data": values})
    return tensors, b"".join(parts)


def _plain(value: Any, datatype: str) -> Any:
    """No label is '', no version 0; no score is null in JSON and NaN as bytes."""
    if datatype == "INT64":
        return value or 0
    if datatype == "FP64" or isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _bytes(values: Sequence[Any], datatype: str) -> bytes:
    if datatype in _NUMBERS:
        return np.array(values, _NUMBERS[datatype]).tobytes()
    texts = [value.encode() for value in values]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
