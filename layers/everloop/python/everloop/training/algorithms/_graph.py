"""Converters of our own, where skl2onnx's lose something: the way of nulls in trees, the digits of large sums."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)


class Graph:
    """The part of the ONNX graph that one fitted estimator becomes."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self._scope = scope
        self._container = container
        self.fitted = operator.raw_operator
        self.matrix: str = operator.inputs[0].full_name
        self.outputs: list[str] = [each.full_name for each in operator.outputs]

    def node(
        self, kind: str, *inputs: str, output: str = "", domain: str = "", version: int = 0, **attributes: Any
    ) -> str:
        """The name of its output."""
        result = output or str(self._scope.get_unique_variable_name(kind.lower()))
        known = {"op_domain": domain, "op_version": version or self._container.target_opset}
        self._container.add_node(kind, list(inputs), [result], **known, **attributes)
        return result

    def constant(self, values: Any, kind: int = TensorProto.FLOAT) -> str:
        name = str(self._scope.get_unique_variable_name("constant"))
        self._container.add_initializer(name, kind, list(np.shape(values)), np.ravel(values).tolist())
        return name

    def answer(self, values: str, *, one: str = "") -> None:
        """End with values [n, 1] or probabilities [n, classes]; with `one`, values are those of the second of two."""
        if len(self.outputs) == 1:
            self.node("Cast", values, output=self.outputs[0], to=TensorProto.FLOAT)
            return
        label, probabilities = self.outputs
        every = self.node("Concat", self.node("Sub", one, values), values, axis=1) if one else values
        self.node("Cast", every, output=probabilities, to=TensorProto.FLOAT)
        self.node("ArgMax", every, output=label, axis=1, keepdims=0)


def register(kind: type, write: Callable[[Graph], None], *, is_classifier: bool) -> None:
    """Convert fitted estimators of this kind by what `write` adds to the graph."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        write(Graph(scope, operator, container))

    shapes = calculate_linear_classifier_output_shapes if is_classifier else calculate_linear_regressor_output_shapes
    options = {"zipmap": [False], "nocl": [False], "output_class_labels": [False]} if is_classifier else None
    update_registered_converter(kind, f"Everloop{kind.__name__}", shapes, convert, overwrite=True, options=options)
