"""Rows and predictions that people bring with a model, in any format that may be uploaded."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.imports import Reference, reference_key
from everloop.contracts.tasks import Task
from everloop.errors import UnusableReferenceError
from everloop.features.compile import compile_features
from everloop.training.importing.reference import ReferenceRows
from everloop.training.importing.reference_file import read_reference
from tests.fakes import InMemoryObjectStore
from tests.samples import CLASSES, example

ROWS = [{"a": 1.5, "b": None, "c": "ü字"}, {"a": None, "b": 4, "c": None}]


def read(body: bytes, definition: Definition, **how: Any) -> ReferenceRows:
    landing = InMemoryObjectStore()
    reference = Reference(sha256=hashlib.sha256(body).hexdigest(), file="mine", **how)
    landing.put_new(reference_key(definition.name, reference.sha256), body)
    compiled = compile_features(definition)
    with duckdb.connect() as connection:
        return read_reference(connection, landing, reference, definition, compiled, classes=CLASSES[definition.task])


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def test_rows_come_as_the_model_takes_them() -> None:
    body = lines([{**row, "score": score} for row, score in zip(ROWS, (0.25, 0.75), strict=True)])
    found = read(body, example(Task.BINARY), prediction="score")
    assert found.predictions.tolist() == [0.25, 0.75]
    np.testing.assert_array_equal(found.raw["a"], [[1.5], [np.nan]])
    np.testing.assert_array_equal(found.raw["b"], [[np.nan], [4]])
    assert found.raw["c"].tolist() == [["ü字"], [""]]


def test_a_multiclass_reference_has_a_column_for_each_class() -> None:
    shares = ({"prediction_x": 0.5, "prediction_ž": 0.2, "prediction_y": 0.3}, {"prediction_x": 1})
    body = lines([{**ROWS[0], **shares[0]}])
    assert read(body, example(Task.MULTICLASS)).predictions.tolist() == [[0.5, 0.3, 0.2]]
    with pytest.raises(UnusableReferenceError, match="got none called 'prediction_y', 'prediction_ž'"):
        read(lines([{**ROWS[0], **shares[1]}]), example(Task.MULTICLASS))


def test_parquet_and_packed_files_are_read_like_any_upload(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.parquet")
    duckdb.execute(
        "copy (select 1.5 as a, 2 as b, 'x' as c, 3.25 as prediction) to $path (format parquet)", {"path": path}
    )
    assert read(Path(path).read_bytes(), example(Task.REGRESSION)).predictions.tolist() == [3.25]


def test_a_column_that_the_model_may_take_must_be_there() -> None:
    with pytest.raises(
        UnusableReferenceError, match=re.escape("mine: expected a column for each that a model may take")
    ):
        read(lines([{"a": 1, "prediction": 0.5}]), example(Task.BINARY))
