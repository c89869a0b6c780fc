"""Write an ONNX graph node by node, where every intermediate tensor has a name of its own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from everloop.features.graph import IR_VERSION
from everloop.training.opsets import opset_imports

_ML_OPERATORS = frozenset({"LabelEncoder"})


class Nodes:
    def __init__(self, prefix: str) -> None:
        """`prefix`: of the names of all tensors that are named here."""
        self._prefix = prefix
        self._last = 0
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: Any) -> str:
        """An array or a scalar of the type that numpy gives it; text as an array of objects."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), self._new_name()))
        return str(self.constants[-1].name)

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """The name of its first output, to which others do not matter."""
        return self.several(operator, *inputs, outputs=[output or self._new_name()], **attributes)[0]

    def several(self, operator: str, *inputs: str, outputs: list[str] | int, **attributes: Any) -> list[str]:
        """The names of its outputs: those given, or so many new ones."""
        names = [self._new_name() for _ in range(outputs)] if isinstance(outputs, int) else outputs
        domain = "ai.onnx.ml" if operator in _ML_OPERATORS else ""
        self.nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        return names

    def columns(self, tensor: str, count: int) -> str:
        """The first `count` columns of [n, m], or all if there are not so many."""
        start, end, axis = (self.constant(np.array([value])) for value in (0, count, 1))
        return self.node("Slice", tensor, start, end, axis)

    def model(self, inputs: Mapping[str, int], outputs: Mapping[str, int], width: int) -> ModelProto:
        """Of tensors by name and element type: inputs are [n, 1], outputs [n, width]."""
        graph = helper.make_graph(
            self.nodes,
            self._prefix,
            [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in inputs.items()],
            [helper.make_tensor_value_info(name, kind, [None, width]) for name, kind in outputs.items()],
            initializer=self.constants,
        )
        return helper.make_model(graph, opset_imports=opset_imports(), ir_version=IR_VERSION)

    def _new_name(self) -> str:
        self._last += 1
        return f"{self._prefix}_{self._last}"
