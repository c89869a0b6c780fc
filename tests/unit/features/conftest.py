"""A definition with one column of each kind, and both engines side by side."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import onnxruntime
import pytest

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

    def __call__(self, features: dict[str, str], rows: Sequence[Row] | str) -> Answers:
        self.fill(rows)
        compiled = compile_features(define(features))
        session = onnxruntime.InferenceSession(compiled.to_onnx().SerializeToString())
        raw = read_raw_columns(self.connection, "rows_in", compiled)
        outputs = dict(zip((o.name for o in session.get_outputs()), session.run(None, raw), strict=True))
        return Answers(
            compiled,
            read_model_inputs(self.connection, "rows_in", compiled),
            ModelInputs(outputs["numbers"], outputs["texts"].astype(np.str_)),
        )


@pytest.fixture(scope="session")
def engines() -> Engines:
    return Engines()


@pytest.fixture(scope="session")
def definition() -> Callable[..., Definition]:
    return define
