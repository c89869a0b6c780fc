"""What callers send, as JSON Schema (draft 2020-12): what it takes, `rows` and `records` take, and nothing else.

Moments alone are looser: `format` is an annotation, and more spellings of ISO 8601 are read than RFC 3339 has.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS, SEPARATOR
from everloop.contracts.rows import MAXIMUM_ROWS
from everloop.contracts.tasks import Task
from everloop.inference.openapi.operation import Schema
from everloop.inference.records import MAXIMUM_OUTCOMES
from everloop.inference.rows import is_missing, missing_values, read_cell

LARGEST_INTEGER = 2**63 - 513
"""The last one that is below 2^63 as a double."""
EXAMPLE_ID = "0195510a-3e80-7c3e-9d2b-6f5a1b7c8d90"
EXAMPLE_MOMENT = "2026-01-31T12:00:00Z"
_SYNTAX = re.compile(r"[\\^$.|?*+()\[\]{}]")
"""What is escaped in a pattern of ECMA-262, which takes less than `re.escape` gives."""
_IN_LOG = {"hash": "The log holds a hash of it.", "drop": "The log does not hold it."}


def rows_schema(row: Schema) -> Schema:
    """The body of a prediction request; `row` may be a reference."""
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAXIMUM_ROWS}
    return {"type": "object", "properties": {"rows": rows}, "required": ["rows"], "additionalProperties": False}


def row_schema(definition: Definition) -> Schema:
    """Each input with an example of its own; what else a training file has may be sent along, and is ignored."""
    missing = missing_values(definition)
    properties: dict[str, Schema] = {}
    for name, column in definition.inputs.items():
        is_items = definition.recommendation is not None and name == ITEMS
        schema = _items(definition) if is_items else cell_schema(column)
        properties[name] = _described(column) | _with_missing(schema, column, missing)
        example = item_examples(definition) if is_items else example_cell(name, column, missing)
        properties[name]["examples"] = [example]
    ignored = {name: {"description": "Ignored."} for name in definition.columns if name not in properties}
    return {
        "type": "object",
        "description": "A column that is left out is null"
        + (f", and so is what reads {', '.join(definition.data.csv.missing)}." if missing else "."),
        "properties": properties | ignored,
        "required": [name for name, column in definition.inputs.items() if not column.nullable],
        "additionalProperties": False,
    }


def example_object(schema: Schema) -> dict[str, Any]:
    """Of the examples in the schemas of its properties."""
    return {name: column["examples"][0] for name, column in schema["properties"].items() if "examples" in column}


def cell_schema(column: Column) -> Schema:
    """What `read_cell` reads: of a nullable textual column, '' is null."""
    nulls: list[Any] = [None] if column.nullable else []
    match column.type:
        case ColumnType.NUMBER:
            schema: Schema = {"type": "number", "format": "double", **_bounds(column)}
        case ColumnType.INTEGER:
            lowest, highest = -LARGEST_INTEGER, LARGEST_INTEGER
            bounds = {"minimum": lowest, "maximum": highest} | _bounds(column)
            bounds = {"minimum": max(lowest, bounds["minimum"]), "maximum": min(highest, bounds["maximum"])}
            schema = {"type": "integer", "format": "int64", **bounds}
        case ColumnType.BOOLEAN:
            schema = {"type": "boolean"}
        case ColumnType.TIMESTAMP:
            schema = {"type": "string", "format": "date-time"}
        case _ if column.allowed is not None:
            levels = [level for level in dict.fromkeys(column.allowed) if level and "\0" not in level]
            schema = {"type": "string", "enum": [*levels, *nulls, ""] if nulls else levels}
        case _:
            schema = {"type": "string", **({} if nulls else {"minLength": 1}), "pattern": _without("\0")}
    return schema | {"type": [schema["type"], "null"]} if nulls else schema


def outcomes_schema(outcome: Schema) -> Schema:
    """The body of a request that tells outcomes; `outcome` may be a reference."""
    outcomes = {"type": "array", "items": outcome, "minItems": 1, "maxItems": MAXIMUM_OUTCOMES}
    return {
        "type": "object",
        "properties": {"outcomes": outcomes},
        "required": ["outcomes"],
        "additionalProperties": False,
    }


def outcome_schema(definition: Definition) -> Schema:
    target = definition.columns[definition.data.target].model_copy(update={"nullable": False})
    is_flag = definition.task is Task.BINARY and not target.type.is_textual
    actual = {"enum": [True, False, 1, 0]} if is_flag else cell_schema(target)
    return {
        "type": "object",
        "properties": {
            "prediction_id": {"type": "string", "minLength": 1, "maxLength": 128, "examples": [EXAMPLE_ID]},
            "actual": _described(target) | actual | {"examples": [_actual_example(definition, target)]},
            "observed_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "Now, if it is left out or null. Of several outcomes the newest counts.",
                "examples": [EXAMPLE_MOMENT],
            },
        },
        "required": ["prediction_id", "actual"],
        "additionalProperties": False,
    }


def _bounds(column: Column) -> Schema:
    bounds = {"minimum": column.minimum, "maximum": column.maximum}
    return {name: _plain(bound) for name, bound in bounds.items() if bound is not None}


def _plain(number: float) -> float | int:
    """1 rather than 1.0."""
    return int(number) if number.is_integer() else number


def _without(*characters: str) -> str:
    escaped = "".join(f"\\u{ord(each):04x}" for each in characters)
    return f"^[^{escaped}]*$"


def _items(definition: Definition) -> Schema:
    target = definition.columns[definition.data.target].type
    item: Schema = {"type": "string", "minLength": 1, "pattern": _without("\0", SEPARATOR)}
    if target is ColumnType.INTEGER:
        item = cell_schema(Column(type=target, nullable=False))
    return {"type": ["array", "null"], "items": item}


def _with_missing(schema: Schema, column: Column, missing: frozenset[str | float]) -> Schema:
    """`data.csv.missing` makes values of any type null, and no value where there may be no null."""
    texts = sorted(each for each in missing if isinstance(each, str) and each == each.strip())
    numbers = sorted(_plain(each) for each in missing if not isinstance(each, str) and math.isfinite(each))
    if not missing:
        return schema
    spellings = "|".join(_SYNTAX.sub(r"\\\g<0>", text) for text in texts)
    null: Schema = {"anyOf": [{"enum": numbers}, {"type": "string", "pattern": rf"^\s*({spellings})\s*$"}]}
    return {"anyOf": [schema, *null["anyOf"]]} if column.nullable else schema | {"not": null}


def _described(column: Column) -> Schema:
    told = [column.description] if column.description else []
    if column.type is ColumnType.TIMESTAMP:
        told.append("ISO 8601; UTC where it has no offset.")
    if column.pii:
        told.append(_IN_LOG[column.pii])
    if len(told) > 1:
        told = [each if each.endswith((".", "?", "!")) else f"{each}." for each in told]
    return {"description": " ".join(told)} if told else {}


def example_cell(name: str, column: Column, missing: frozenset[str | float] = frozenset()) -> Any:
    """The first plausible value that is accepted; None where there can be none."""
    required = column.model_copy(update={"nullable": False})
    for value in _candidates(name, column):
        try:
            read_cell(value, required)
        except ValueError:
            continue
        if not is_missing(missing, value):
            return value
    return None


def _candidates(name: str, column: Column) -> Sequence[Any]:
    match column.type:
        case ColumnType.BOOLEAN:
            return [True, False]
        case ColumnType.TIMESTAMP:
            return [EXAMPLE_MOMENT]
        case ColumnType.CATEGORY | ColumnType.TEXT:
            return column.allowed or [f"{name}-1", "example"]
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        middle = low / 2 + high / 2
        found = [float(f"{middle:.2g}"), round(middle), middle, low, high]
    elif low is not None:
        found = [low + 1, low]
    elif high is not None:
        found = [min(high - 1, 1), high]
    else:
        found = [1 if column.type is ColumnType.INTEGER else 1.5]
    return [_plain(float(each)) for each in found]


def item_examples(definition: Definition) -> list[Any]:
    is_integer = definition.columns[definition.data.target].type is ColumnType.INTEGER
    return [1, 2] if is_integer else ["item-1", "item-2"]


def _actual_example(definition: Definition, target: Column) -> Any:
    if definition.data.positive is not None:
        return definition.data.positive
    if definition.task is Task.BINARY:
        return True if target.type is ColumnType.BOOLEAN else 1
    return example_cell(definition.data.target, target)
