"""Rows that callers send over HTTP: kept as a file, and from then on an upload like any other."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from everloop.contracts.batches import BATCH_ID_DIGITS
from everloop.errors import MalformedBodyError
from everloop.ports import ObjectStore


class RecordedEvents(NamedTuple):
    key: str
    """Of the object in the landing bucket."""
    batch_id: str


def record_events(landing: ObjectStore, model: str, rows: Sequence[dict[str, Any]], *, event_id: str) -> RecordedEvents:
    """Keep the rows as JSON Lines, as they came: whether they fit the definition is judged later, row by row.

    The same rows sent again are the same bytes, so the same batch. Raises MalformedBodyError for a row that would make
    the whole file unreadable.
    """
    body = b"".join(_line(index, row) for index, row in enumerate(rows))
    key = f"uploads/{model}/events-{event_id}.jsonl"
    landing.put_new(key, body)
    return RecordedEvents(key, hashlib.sha256(body).hexdigest()[:BATCH_ID_DIGITS])


def _line(index: int, row: dict[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (ValueError, RecursionError) as error:  # 1e400 was read as infinite; a lone surrogate cannot be encoded
        raise MalformedBodyError(
            f"rows[{index}]: expected numbers below 1.8e308, text without lone surrogates, and flat values: {error}"
        ) from error
