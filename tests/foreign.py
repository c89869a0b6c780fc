"""ONNX files as people bring them: with an input for each column, with one matrix, with dictionaries at the end."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from everloop.contracts.imports import ImportedModel
from everloop.training.prepared import PreparedDataset

ROWS = "rows"


def saved(
    nodes: Sequence[NodeProto],
    inputs: dict[str, tuple[int, list[Any]]],
    output: tuple[str, int, list[Any]],
    *,
    constants: dict[str, Any] | None = None,
    opset: int = 18,
) -> bytes:
    """A file with these inputs by name: element and shape."""
    graph = helper.make_graph(
        list(nodes),
        "foreign",
        [helper.make_tensor_value_info(name, *value) for name, value in inputs.items()],
        [helper.make_tensor_value_info(*output)],
        initializer=[onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid("ours", 1)] if _is_ours(nodes) else [])]
    return bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="pytest").SerializeToString()
    )


def _is_ours(nodes: Sequence[NodeProto]) -> bool:
    return any(node.domain == "ours" for node in nodes)


def linear(
    width: int = 2, classes: int = 1, *, batch: Any = ROWS, opset: int = 13, scale: float = 1e-6, bias: float = -0.5
) -> bytes:
    """As PyTorch writes a layer: `x` [rows, width] to `y` [rows, classes], logits; null counts as 0."""
    weights = np.arange(1, 1 + width * classes, dtype=np.float32).reshape(width, classes) * np.float32(scale)
    nodes = [
        helper.make_node("IsNaN", ["x"], ["is_null"]),
        helper.make_node("Where", ["is_null", "zero", "x"], ["known"]),
        helper.make_node("Gemm", ["known", "weights", "bias"], ["y"]),
    ]
    constants = {"zero": np.float32(0), "weights": weights, "bias": np.full(classes, bias, np.float32)}
    inputs = {"x": (TensorProto.FLOAT, [batch, width])}
    return saved(nodes, inputs, ("y", TensorProto.FLOAT, [batch, classes]), constants=constants, opset=opset)


def by_column() -> bytes:
    """Inputs `a` [rows, 1] float, `b` [rows] double and `c` [rows, 1] text; 0.9 where c is AA and b is above 3e5."""
    nodes = [
        helper.make_node("Equal", ["c", "aa"], ["is_aa"]),
        helper.make_node("Greater", ["b", "bound"], ["is_large"]),
        helper.make_node("Unsqueeze", ["is_large", "axis"], ["is_large_column"]),
        helper.make_node("And", ["is_aa", "is_large_column"], ["both"]),
        helper.make_node("IsNaN", ["a"], ["is_null"]),
        helper.make_node("Or", ["both", "is_null"], ["any"]),
        helper.make_node("Where", ["any", "high", "low"], ["p"]),
    ]
    constants = {
        "aa": np.array(["AA"], dtype=object),
        "bound": np.float64(3e5),
        "axis": np.array([1]),
        "high": np.float32(0.9),
        "low": np.float32(0.2),
    }
    inputs = {
        "c": (TensorProto.STRING, [ROWS, 1]),
        "a": (TensorProto.FLOAT, [ROWS, 1]),
        "b": (TensorProto.DOUBLE, [ROWS]),
    }
    return saved(nodes, inputs, ("p", TensorProto.FLOAT, [ROWS, 1]), constants=constants, opset=19)


def boosted(
    dataset: PreparedDataset, labels: Sequence[Any] | None = None, *, zipmap: bool = False
) -> tuple[Any, bytes]:
    """A gradient boosting of scikit-learn on the numbers, and its file; `labels` are what it calls the classes."""
    inputs, target = dataset.train
    # Of a kind for which Everloop brings no converter of its own.
    learner = (GradientBoostingRegressor if labels is None else GradientBoostingClassifier)(n_estimators=20)
    named = target if labels is None else np.array(labels)[target.astype(int)]
    fitted = make_pipeline(SimpleImputer(strategy="constant", fill_value=0), learner).fit(inputs.numbers, named)
    options = None if labels is None else {id(fitted): {"zipmap": zipmap}}
    width = inputs.numbers.shape[1]
    model = to_onnx(fitted, initial_types=[("X", FloatTensorType([None, width]))], options=options, target_opset=15)
    return fitted, bytes(model.SerializeToString())


def asked(body: bytes, **changes: Any) -> ImportedModel:
    return ImportedModel.model_validate({"sha256": hashlib.sha256(body).hexdigest(), **changes})
