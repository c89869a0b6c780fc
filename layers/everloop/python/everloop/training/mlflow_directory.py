"""What makes the directory of a version one that MLflow can load and ask."""

import json
from pathlib import Path
from typing import Any

import onnx

from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS
from everloop.contracts.registry import TrainingRequest
from everloop.features.column_profile import CategoryProfile, ColumnProfile, NumberProfile
from everloop.features.profile import Profile

LOADER = "everloop_pyfunc"
EXAMPLE = "input_example.json"
_DIGITS = 6


def mlflow_files(definition: Definition, model: bytes, request: TrainingRequest, profile: Profile) -> dict[str, bytes]:
    """Of model.onnx: its description `MLmodel`, the loader, and a row to try it with."""
    inputs = [value.name for value in onnx.load_from_string(model).graph.input]
    columns = {name: definition.served_columns[name] for name in inputs}
    row = [_typical(column, profile.columns.get(name), request) for name, column in columns.items()]
    loader = Path(__file__).with_name(f"{LOADER}.py")
    return {
        "MLmodel": _json(_mlmodel(columns, definition, request)),  # JSON is YAML, so MLflow reads this as it is
        loader.name: loader.read_bytes(),
        EXAMPLE: _json({"columns": inputs, "data": [row]}),
    }


def _mlmodel(columns: dict[str, Column], definition: Definition, request: TrainingRequest) -> dict[str, Any]:
    def is_text(name: str, column: Column) -> bool:
        return column.type.is_textual and not (definition.recommendation and name == ITEMS)  # which is a list

    inputs = [
        # NOTE: to MLflow a `double` is no integer, a `long` is never missing, and a `datetime` has no time zone.
        {"name": name, "type": "string" if is_text(name, column) else "any", "required": not column.nullable}
        for name, column in columns.items()
    ]
    if definition.recommendation:
        answer = {"items": "any", "scores": "any"}
    else:
        answer = {"value": "double"} if definition.task.answers_value else {"score": "double", "label": "any"}
    outputs = [{"name": name, "type": kind} for name, kind in answer.items()]
    return {
        "flavors": {
            "onnx": {"data": "model.onnx", "onnx_version": onnx.__version__, "providers": ["CPUExecutionProvider"]},
            "python_function": {"code": ".", "data": "model.onnx", "loader_module": LOADER, "python_version": "3.13"},
        },
        "saved_input_example_info": {"artifact_path": EXAMPLE, "type": "dataframe", "pandas_orient": "split"},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)},
        "run_id": request.run_id,
        "model_uuid": request.run_id,
    }


def _typical(column: Column, seen: ColumnProfile | None, request: TrainingRequest) -> Any:
    """The median or the commonest level of the training rows: a row of them would be somebody's."""
    if column.type is ColumnType.TIMESTAMP:
        return request.as_of.isoformat()
    if isinstance(seen, CategoryProfile):
        return next(iter(seen.most_frequent(1)), None)
    if not isinstance(seen, NumberProfile) or not seen.rows:
        return None
    median = float(f"{seen.quantile(0.5):.{_DIGITS}g}")
    if column.type is ColumnType.BOOLEAN:
        return median >= 0.5
    return round(median) if column.type is ColumnType.INTEGER else median


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()
