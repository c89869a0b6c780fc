"""Build an ONNX graph node by node: equal nodes once, null as NaN in numbers and '' in texts.

Numbers, booleans (0 and 1) and timestamps (seconds since 1970, UTC) are all float64, so that NaN can stand for null.
"""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10  # the one that came with opset 21; newer ones buy nothing and lock out older runtimes

NULL_NUMBER = float("nan")
NULL_TEXT = ""


def output_of(name: str) -> str:
    """Of a model input that stands apart; its column has the plain name."""
    return f"each/{name}"


@dataclass(frozen=True)
class Tensor:
    name: str
    is_text: bool = False
    nullable: bool = True


class Graph:
    """Tensors are [N, 1]; constants are [1, 1] and broadcast."""

    def __init__(self, inputs: Mapping[str, bool]) -> None:
        """`inputs`: name → is it text?"""
        self._inputs = dict(inputs)
        self._nodes: dict[object, tuple[onnx.NodeProto, str]] = {}
        self._constants: dict[object, onnx.TensorProto] = {}
        self._outputs: list[onnx.ValueInfoProto] = []
        self._true: dict[str, Tensor] = {}
        self._false: dict[str, Tensor] = {}
        self._last = 0

    def input(self, name: str) -> Tensor:
        return Tensor(name, is_text=self._inputs[name])

    def constant(self, *values: float | str) -> Tensor:
        """[1, len(values)] of float64 or of text."""
        is_text = isinstance(values[0], str)
        array = np.array([values], dtype=object if is_text else np.float64)
        key = (is_text, tuple(values) if is_text else array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, self._new_name())
        return Tensor(self._constants[key].name, is_text, nullable=False)

    def integers(self, *values: int) -> Tensor:
        """A vector of int64: a shape or an axis."""
        key = ("integers", values)
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(np.array(values, np.int64), self._new_name())
        return Tensor(self._constants[key].name, nullable=False)

    def hide(self, constant: Tensor) -> Tensor:
        """The same value, in a form that onnxruntime's optimizer cannot see is constant.

        WARNING: needed for exact results. NoopElimination compares float64 constants as float32, so that it drops
        `x + 1e-50` and `x * 1.00000001`, and DivMulFusion turns `(1 / x) * y` into `y / x`.
        """
        return self.where(self.is_null(self.input(next(iter(self._inputs)))), constant, constant)

    def op(self, operator: str, *inputs: Tensor, is_text: bool = False, **attributes: Any) -> Tensor:
        """Add one ONNX node, or find the equal one that is there already."""
        names = [tensor.name for tensor in inputs]
        key = (operator, tuple(names), tuple(sorted(attributes.items())))
        if key not in self._nodes:
            output = self._new_name()
            self._nodes[key] = (helper.make_node(operator, names, [output], **attributes), output)
        return Tensor(self._nodes[key][1], is_text)

    def where(self, condition: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
        return self.op("Where", condition, then, otherwise, is_text=then.is_text)

    def null_like(self, tensor: Tensor) -> Tensor:
        return self.constant(NULL_TEXT if tensor.is_text else NULL_NUMBER)

    def is_null(self, tensor: Tensor) -> Tensor:
        """An ONNX boolean, which knows no null."""
        return self.op("Equal", tensor, self.constant(NULL_TEXT)) if tensor.is_text else self.op("IsNaN", tensor)

    def is_true(self, tensor: Tensor) -> Tensor:
        """An ONNX boolean, false for null."""
        return self._true.get(tensor.name) or self.op("Equal", tensor, self.constant(1.0))

    def is_false(self, tensor: Tensor) -> Tensor:
        """An ONNX boolean, false for null."""
        return self._false.get(tensor.name) or self.op("Equal", tensor, self.constant(0.0))

    def truth(self, true: Tensor, *, false: Tensor | None = None, null_if: Collection[Tensor] = ()) -> Tensor:
        """ONNX boolean → 0.0, 1.0, or null wherever one of `null_if` is null; `true` and `false` are false there."""
        nulls = [tensor for tensor in null_if if tensor.nullable]
        number = self.op("Cast", true, to=TensorProto.DOUBLE)
        if not nulls:
            return self._decided(true, self.op("Not", true), number, nullable=False)
        if len(nulls) == 1 and not nulls[0].is_text:
            zero_or_null = self.op("Sub", nulls[0], nulls[0])
            return self._decided(true, false, self.where(true, self.constant(1.0), zero_or_null))
        if false is not None:
            return self.either(true, false)
        return self._decided(true, None, self.unless_null(number, *nulls))

    def either(self, true: Tensor, false: Tensor) -> Tensor:
        """Two ONNX booleans, of which at most one holds → 1.0, 0.0, or null where neither does."""
        otherwise = self.where(false, self.constant(0.0), self.constant(NULL_NUMBER))
        return self._decided(true, false, self.where(true, self.constant(1.0), otherwise))

    def negation(self, truth: Tensor) -> Tensor:
        number = self.op("Sub", self.constant(1.0), truth)
        return self._decided(self.is_false(truth), self.is_true(truth), number, nullable=truth.nullable)

    def _decided(self, true: Tensor, false: Tensor | None, number: Tensor, *, nullable: bool = True) -> Tensor:
        """Remember what is_true and is_false of this number are; what nobody asks for, `build` leaves out."""
        self._true[number.name] = true
        if false is not None:
            self._false[number.name] = false
        return replace(number, nullable=nullable)

    def unless_null(self, result: Tensor, *arguments: Tensor) -> Tensor:
        """The result, or null wherever one of the arguments is null."""
        nulls = [self.is_null(tensor) for tensor in arguments if tensor.nullable]
        if not nulls:
            return replace(result, nullable=False)
        any_null = functools.reduce(partial(self.op, "Or"), nulls)
        return self.where(any_null, self.null_like(result), result)

    def finite(self, number: Tensor) -> Tensor:
        """Infinity becomes null; NaN is null already."""
        return self.where(self.op("IsInf", number), self.constant(NULL_NUMBER), number)

    def output(self, name: str, element: int, columns: list[Tensor]) -> None:
        """Declare `name` = the [N, 1] tensors side by side, as elements of that ONNX type."""
        joined = self.op("Concat", *columns, axis=1, is_text=element == TensorProto.STRING)
        if element == TensorProto.FLOAT:
            # The one rounding; a number too large for float32 is null, as it is for the caller of the SQL.
            single = self.op("Cast", joined, to=TensorProto.FLOAT)
            nan = self.op("Cast", self.constant(NULL_NUMBER), to=TensorProto.FLOAT)
            joined = self.where(self.op("IsInf", single), nan, single)
        self._nodes[name] = (helper.make_node("Identity", [joined.name], [name]), name)
        self._outputs.append(helper.make_tensor_value_info(name, element, ["N", len(columns)]))

    def build(self, name: str) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info(column, TensorProto.STRING if is_text else TensorProto.DOUBLE, ["N", 1])
            for column, is_text in self._inputs.items()
        ]
        nodes = self._needed()
        read = {name for node in nodes for name in node.input}
        constants = [constant for constant in self._constants.values() if constant.name in read]
        graph = helper.make_graph(nodes, name, inputs, self._outputs, initializer=constants)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="everloop")

    def _needed(self) -> list[onnx.NodeProto]:
        """The nodes that some output depends on, in order."""
        names = {output.name for output in self._outputs}
        needed = []
        for node, output in reversed(self._nodes.values()):
            if output in names:
                needed.append(node)
                names.update(node.input)
        return needed[::-1]

    def _new_name(self) -> str:
        self._last += 1
        name = f"feature_step_{self._last}"
        return name if name not in self._inputs else self._new_name()
