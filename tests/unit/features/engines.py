"""A definition with one column of each kind, and both engines side by side."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import onnxruntime

from everloop.contracts.definition import Definition
from everloop.features.compile import CompiledFeatures, compile_features
from everloop.features.execute import ModelInputs, read_model_inputs, read_raw_columns

COLUMNS = {
    "at": "timestamp",
    "a": "number",
    "b": "number",
    "n": "integer",
    "flag": "boolean",
    "s": "category",
    "t": "text",
}
_TABLE = (
    'CREATE OR REPLACE TABLE rows_in ("at" TIMESTAMP, a DOUBLE, b DOUBLE, n BIGINT, flag BOOLEAN, s VARCHAR, t VARCHAR)'
)

Row = Sequence[Any]


class Answers(NamedTuple):
    compiled: CompiledFeatures
    duckdb: ModelInputs
    onnx: ModelInputs

    def differences(self) -> Iterator[tuple[str, int, Any, Any]]:
        """(model input, row, DuckDB's value, ONNX's value) wherever they are not the same."""
        sides = (self.compiled.numbers, self.duckdb.numbers, self.onnx.numbers)
        yield from _differences(*sides, np.isnan(self.duckdb.numbers) & np.isnan(self.onnx.numbers))
        yield from _differences(self.compiled.texts, self.duckdb.texts, self.onnx.texts, False)

    def filled(self, names: Collection[str]) -> int:
        """How many values of these model inputs are not null."""
        numbers = self.onnx.numbers[:, [name in names for name in self.compiled.numbers]]
        texts = self.onnx.texts[:, [name in names for name in self.compiled.texts]]
        return int(np.count_nonzero(~np.isnan(numbers)) + np.count_nonzero(texts != ""))


def _differences(
    names: tuple[str, ...], expected: Any, got: Any, both_null: Any
) -> Iterator[tuple[str, int, Any, Any]]:
    for row, column in np.argwhere((expected != got) & ~np.asarray(both_null)).tolist():
        yield names[column], row, expected[row, column], got[row, column]


def define(features: dict[str, str], **columns: str) -> Definition:
    return Definition.model_validate(
        {
            "name": "example",
            "task": "binary-classification",
            "data": {"target": "late", "row_id": ["id"]},
            "columns": {"late": "boolean", "id": "integer", **COLUMNS, **columns},
            "features": features,
        }
    )


class Engines:
    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")

    def fill(self, rows: Sequence[Row] | str) -> None:
        """With these rows, or by this SQL."""
        self.connection.execute(_TABLE)
        if isinstance(rows, str):
            self.connection.execute(rows)
            return
        marks = ", ".join(f"({', '.join('?' * len(COLUMNS))})" for _ in rows)
        self.connection.execute(f"INSERT INTO rows_in VALUES {marks}", [cell for row in rows for cell in row])

    def __call__(
        self, features: dict[str, str], rows: Sequence[Row] | str, *, rows_at_once: int | None = None
    ) -> Answers:
        self.fill(rows)
        compiled = compile_features(define(features))
        return Answers(
            compiled,
            read_model_inputs(self.connection, "rows_in", compiled),
            self._serve(compiled, rows_at_once),
        )

    def _serve(self, compiled: CompiledFeatures, rows_at_once: int | None) -> ModelInputs:
        session = onnxruntime.InferenceSession(compiled.to_onnx().SerializeToString())
        names = [output.name for output in session.get_outputs()]
        raw = read_raw_columns(self.connection, "rows_in", compiled)
        count = len(next(iter(raw.values())))
        step = rows_at_once or max(count, 1)
        parts = [
            dict(zip(names, session.run(None, {k: v[start : start + step] for k, v in raw.items()}), strict=True))
            for start in range(0, max(count, 1), step)
        ]
        numbers, texts = (np.concatenate([part[name] for part in parts]) for name in ("numbers", "texts"))
        return ModelInputs(numbers, texts.astype(np.str_))
