"""Models that are intact and fail all the same."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from everloop.contracts.tasks import Task
from everloop.scorer import METADATA_KEY
from tests.samples import constant_model

_SIZE = 256
"""Of the square matrices that are multiplied: one step takes a fraction of a millisecond."""
FOR_EVER = 10**12


def laborious_model(score: float = 0.75, *, steps: int | None = None) -> bytes:
    """Multiplies matrices as many times as `steps` says, or as the highest `pressure` of the rows does."""
    matrix = numpy_helper.from_array(np.eye(_SIZE, dtype=np.float32), "matrix")
    one_step = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "matrix"], ["next"]),
            helper.make_node("Identity", ["goes_on"], ["still"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("place", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [_SIZE, _SIZE]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [_SIZE, _SIZE]),
        ],
        [matrix],
    )
    if steps is None:
        counted = [
            helper.make_node("ReduceMax", ["pressure"], ["highest"], keepdims=0),
            helper.make_node("Cast", ["highest"], ["steps"], to=TensorProto.INT64),
        ]
    else:
        counted = [helper.make_node("Constant", [], ["steps"], value_int=steps)]
    nodes = [
        *counted,
        helper.make_node("ReduceMax", ["pressure"], ["seed"], keepdims=0),
        helper.make_node("Cast", ["seed"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["shape"], value_ints=[_SIZE, _SIZE]),
        helper.make_node("Expand", ["number", "shape"], ["start"]),
        helper.make_node("Loop", ["steps", "", "start"], ["end"], body=one_step),
        helper.make_node("ReduceMean", ["end"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "mean"], ["nothing"]),
        helper.make_node("Constant", [], ["answer"], value_float=score),
        helper.make_node("Add", ["nothing", "answer"], ["each"]),
        helper.make_node("Shape", ["pressure"], ["rows"]),
        helper.make_node("Expand", ["each", "rows"], ["score"]),
    ]
    return _saved(nodes)


def model_with_two_outputs() -> bytes:
    return _saved([helper.make_node("Cast", ["pressure"], [name], to=TensorProto.FLOAT) for name in ("score", "more")])


def model_with_one_answer_for_all() -> bytes:
    return _saved([helper.make_node("ReduceMax", ["pressure"], ["score"], keepdims=1)], TensorProto.DOUBLE)


def model_of_texts() -> bytes:
    return _saved([helper.make_node("Cast", ["pressure"], ["score"], to=TensorProto.STRING)], TensorProto.STRING)


def model_that_raises() -> bytes:
    """For texts that are no numbers."""
    return _saved(
        [helper.make_node("Cast", ["kind"], ["score"], to=TensorProto.FLOAT)], column=("kind", TensorProto.STRING)
    )


def model_of_a_later_opset() -> bytes:
    model = onnx.load_from_string(constant_model(0.75))
    model.opset_import[0].version = 99
    return bytes(model.SerializeToString())


def _saved(
    nodes: list[onnx.NodeProto],
    kind: int = TensorProto.FLOAT,
    *,
    column: tuple[str, int] = ("pressure", TensorProto.DOUBLE),
) -> bytes:
    outputs = [name for node in nodes for name in node.output if name in ("score", "more")]
    graph = helper.make_graph(
        nodes,
        "failing",
        [helper.make_tensor_value_info(*column, [None, 1])],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: json.dumps({"task": Task.BINARY, "classes": [False, True]})})
    return bytes(model.SerializeToString())
