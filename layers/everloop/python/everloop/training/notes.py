"""What a run tells of the columns it learns from, though it goes on: that one is empty, that one looks like an id."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.sections import LEAST_TRAINING_ROWS

_MAY_BE_IDS = (ColumnType.CATEGORY, ColumnType.INTEGER)


def note_columns(definition: Definition, columns: Columns) -> Iterator[str]:
    """One sentence for each odd column of the model; `columns` are those of the training rows, [n, 1] each."""
    for name, column in definition.model_columns.items():
        if name not in columns:
            continue
        known = _known(columns[name][:, 0])
        if not known:
            yield f"column {name!r} is null in all {len(columns[name])} rows: nothing is learned from it"
        elif column.type in _MAY_BE_IDS and len(set(known)) == len(known) >= LEAST_TRAINING_ROWS:
            yield (
                f"column {name!r} differs in each of its {len(known)} rows, as an id does: no row to come has a value"
                " that was learned from; leave it out, or name it in data.row_id"
            )


def _known(values: npt.NDArray[Any]) -> list[Any]:
    known: list[Any] = values[(values != "") if values.dtype == object else ~np.isnan(values)].tolist()
    return known
