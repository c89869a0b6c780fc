"""Rows as callers send them: `{"rows": [{column: value, …}, …]}`."""

import json
from typing import Any

from everloop.contracts.definition import Definition
from everloop.errors import MalformedBodyError

MAXIMUM_ROWS = 1_000


def parse_rows(body: Any, definition: Definition) -> list[dict[str, Any]]:
    """The `rows` of a request body; raises MalformedBodyError unless there are 1 to 1,000 objects."""
    if not isinstance(body, dict) or not isinstance(body.get("rows"), list):
        example = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: …" for name in list(definition.inputs)[:2])
        raise MalformedBodyError(f'expected {{"rows": [{{{example}}}, …]}}, got {shown(body)}')
    if strangers := body.keys() - {"rows"}:
        raise MalformedBodyError(f"unknown key {shown(min(strangers))}; a request has one key, 'rows'")
    rows: list[dict[str, Any]] = body["rows"]
    return checked_rows(rows)


def checked_rows(rows: list[Any], name: str = "rows") -> list[dict[str, Any]]:
    """The same, if there are 1 to 1,000 and each is an object; raises MalformedBodyError."""
    check_count(len(rows))
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise MalformedBodyError(f"{name}[{index}]: expected an object, got {shown(row)}")
    return rows


def check_count(rows: int) -> None:
    """Raises MalformedBodyError."""
    if not 1 <= rows <= MAXIMUM_ROWS:
        raise MalformedBodyError(f"expected 1 to {MAXIMUM_ROWS} rows, got {rows}")


_JSON_NAMES: dict[type, str] = {dict: "object", list: "array"}


def shown(value: Any) -> str:
    """A JSON value in the words of an error message."""
    if isinstance(value, bool | type(None)):
        return json.dumps(value)
    if not isinstance(value, int | float | str):
        return f"a JSON {_JSON_NAMES.get(type(value), 'value')}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
