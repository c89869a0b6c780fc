"""Run the compiled features over a DuckDB table, as numpy arrays."""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from everloop.features.compile import CompiledFeatures
from everloop.features.expression import quote


@dataclass(frozen=True)
class ModelInputs:
    numbers: NDArray[np.float32]
    """[N, len(compiled.numbers)]; null is NaN, and so is what float32 cannot hold."""
    texts: NDArray[np.object_]
    """[N, len(compiled.texts)] of Python strings; null is ''."""


def read_model_inputs(connection: duckdb.DuckDBPyConnection, table: str, compiled: CompiledFeatures) -> ModelInputs:
    """Rows in the table's order, columns in the order of `compiled.numbers` and `compiled.texts`."""
    values = _fetch(connection, table, compiled.select_sql)
    rows = len(next(iter(values.values())))
    numbers = np.empty((rows, len(compiled.numbers)), np.float32)
    for index, name in enumerate(compiled.numbers):
        with np.errstate(over="ignore"):
            numbers[:, index] = _numbers(values[name])
    numbers[np.isinf(numbers)] = np.nan
    texts = [_texts(values[name]) for name in compiled.texts]
    return ModelInputs(numbers, np.stack(texts, axis=1) if texts else np.empty((rows, 0), object))


def read_raw_columns(
    connection: duckdb.DuckDBPyConnection, table: str, compiled: CompiledFeatures
) -> dict[str, NDArray[Any]]:
    """Exactly what the ONNX graph takes: [N, 1] float64 or object arrays of text, by column."""
    values = _fetch(connection, table, compiled.raw_sql)
    return {
        name: (_texts if kind.is_textual else _numbers)(values[name]).reshape(-1, 1)
        for name, kind in compiled.raw_columns.items()
    }


def _fetch(connection: duckdb.DuckDBPyConnection, table: str, expressions: dict[str, str]) -> dict[str, NDArray[Any]]:
    # Numbered, because DuckDB takes names that differ only in case for one.
    columns = ", ".join(f"{expression} AS c{index}" for index, expression in enumerate(expressions.values()))
    fetched = connection.execute(f"SELECT {columns} FROM {quote(table)}").fetchnumpy()
    return {name: np.ma.asanyarray(fetched[f"c{index}"]) for index, name in enumerate(expressions)}


def _numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    filled = values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) else values
    return np.asarray(filled, np.float64)


def _texts(values: NDArray[Any]) -> NDArray[np.object_]:
    filled = values.filled("") if isinstance(values, np.ma.MaskedArray) else values
    return np.asarray(filled, object)
