"""What callers send, as JSON Schema (draft 2020-12): what it accepts, `rows` and `records` read, and nothing else.

Moments are the one exception: `format` is an annotation, and more spellings of ISO 8601 are read than RFC 3339 has.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from everloop.contracts.base import Contract
from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS, SEPARATOR
from everloop.contracts.rows import MAXIMUM_ROWS
from everloop.contracts.tasks import Task
from everloop.errors import EverloopError
from everloop.inference.records import MAXIMUM_OUTCOMES
from everloop.inference.rows import missing_values, read_cell

Schema = dict[str, Any]

LARGEST_INTEGER = 2**63 - 513
"""The last one that a double holds as less than 2^63."""
PREDICTION_ID = "0195510a-3e80-7c3e-9d2b-6f5a1b7c8d90"
_MOMENT = "2026-01-31T12:00:00Z"
_WITHOUT_NUL = r"^[^\u0000]*$"
_SYNTAX = re.compile(r"[\\^$.|?*+()\[\]{}]")
"""What regular expressions of JSON Schema (ECMA-262) want escaped; `re.escape` escapes more than they allow."""
_HINTS = {
    ColumnType.TIMESTAMP: "ISO 8601; UTC where it has no offset.",
}
_KEPT = {"hash": "The log keeps a hash of it.", "drop": "The log does not keep it.", None: ""}


def rows_schema(definition: Definition, row: Schema) -> Schema:
    """The body of a prediction request; `row` may be a reference."""
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAXIMUM_ROWS}
    return {"type": "object", "properties": {"rows": rows}, "required": ["rows"], "additionalProperties": False}
