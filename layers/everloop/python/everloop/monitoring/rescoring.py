"""Score logged rows with a version, as a request is scored."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort

from everloop.columns import Columns
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.errors import WrongSchemaError
from everloop.scorer import Recommended, Scorer


class Rescored(NamedTuple):
    """Of each row what the log would have; a score that is no number is None, and so is its label."""

    scores: list[float | None]
    labels: list[str | None]


def logged_columns(definition: Definition, inputs: Mapping[str, Sequence[Any]]) -> Columns:
    """Logged inputs by column as models take them, [rows, 1] each: the arrays that the answer was made from.

    Personal data is left out: the log does not have it. Raises WrongSchemaError for values of another type than the
    column is declared with now.
    """
    columns: Columns = {}
    for name, column in definition.served_columns.items():
        if column.pii or name not in inputs:
            continue
        try:
            columns[name] = _array(inputs[name], is_textual=column.type.is_textual)
        except (TypeError, ValueError) as error:
            raise WrongSchemaError(f"the log has values of {name!r} that are no {column.type}: {error}") from error
    return columns


def rescore(
    definition: Definition, scorer: Scorer, columns: Columns, options: ort.RunOptions | None = None
) -> Rescored:
    """Raises WrongSchemaError when the version takes what the log does not have, ModelUnavailableError."""
    check_impersonal(definition, scorer.inputs, "the version takes")
    digests = definition.history_digests if scorer.history else {}
    others = [name for name, digest in scorer.history.items() if digests.get(name) != digest]
    rows = len(next(iter(columns.values())))
    # Null, as in answers, for what the version learned under another declaration.
    found = scorer.run(columns | {name: np.full((rows, 1), math.nan) for name in others}, options)
    if isinstance(found, Recommended):
        labels = _item_lists(definition, found)
        return Rescored([None] * len(labels), labels)
    scores, classes, finite = scorer.labelled(found)
    return Rescored(
        [score if known else None for score, known in zip(scores, finite, strict=True)],
        [str(label) if known and label is not None else None for label, known in zip(classes, finite, strict=True)],
    )


def check_impersonal(definition: Definition, inputs: Iterable[str], who_takes: str) -> None:
    """Raises WrongSchemaError when personal data is among the inputs."""
    declared = definition.served_columns
    personal = [name for name in inputs if name in declared and declared[name].pii]
    if personal:
        raise WrongSchemaError(f"{who_takes} personal data, which the log does not have: {', '.join(personal)}")


def _array(values: Sequence[Any], *, is_textual: bool) -> Any:
    if is_textual:
        if not all(value is None or isinstance(value, str) for value in values):
            raise TypeError("expected texts")
        return np.array([value or "" for value in values], dtype=object).reshape(-1, 1)
    return np.array([math.nan if value is None else float(value) for value in values]).reshape(-1, 1)


def _item_lists(definition: Definition, found: Recommended) -> list[str | None]:
    """The items of each row as a JSON array; None where the model scores one with NaN or infinity."""
    kind = int if definition.columns[definition.data.target].type is ColumnType.INTEGER else str
    try:
        return [
            json.dumps([kind(item) for item in items if item], ensure_ascii=False) if good else None
            for items, good in zip(found.items.tolist(), found.finite, strict=True)
        ]
    except ValueError as error:
        raise WrongSchemaError(f"the version recommends what is no integer: {error}") from error
