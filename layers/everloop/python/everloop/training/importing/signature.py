"""What a foreign model takes and answers, in the words of the definition."""

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, ValueInfoProto, helper

from everloop.contracts.definition import Definition
from everloop.contracts.imports import ImportedModel
from everloop.errors import UnusableModelError
from everloop.training.importing.opening import every_node
from everloop.training.prepared import Inputs, PreparedDataset

_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16})
_WITHOUT_NULL = frozenset({TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL})
_TAKEN = _FLOATS | _WITHOUT_NULL | {TensorProto.STRING}


@dataclass(frozen=True)
class Feed:
    """One input of the model, and the columns that fill it."""

    name: str
    columns: tuple[str, ...]
    element: int
    """Of TensorProto.DataType."""
    rank: int
    """1: [n], 2: [n, columns]."""

    @property
    def is_text(self) -> bool:
        return bool(self.element == TensorProto.STRING)

    def places(self, dataset: PreparedDataset) -> list[int]:
        """Of its columns among the numbers, or among the texts."""
        names = dataset.text_names if self.is_text else dataset.number_names
        return [names.index(column) for column in self.columns]

    def fill(self, inputs: Inputs, dataset: PreparedDataset) -> np.ndarray[Any, Any]:
        source = inputs.texts if self.is_text else inputs.numbers
        dtype = object if self.is_text else helper.tensor_dtype_to_np_dtype(self.element)
        with np.errstate(invalid="ignore"):  # probes hold null everywhere
            taken = source[:, self.places(dataset)].astype(dtype)
        return taken[:, 0] if self.rank == 1 else taken


@dataclass(frozen=True)
class Output:
    name: str
    labels: tuple[Any, ...]
    """Classes in the order of their probabilities, as far as the file says."""


def match_inputs(
    model: onnx.ModelProto, declared: Sequence[str], dataset: PreparedDataset, definition: Definition
) -> list[Feed]:
    """Raises UnusableModelError that lists what the model takes and what the definition gives."""
    inputs = list(model.graph.input)
    try:
        for value in inputs:
            _check_shape(value)
        columns = list(declared) if declared else _columns_by_name(inputs, dataset)
        return _feeds(inputs, columns, dataset, definition)
    except _MismatchError as error:
        takes = ", ".join(map(described, inputs)) or "nothing"
        raise UnusableModelError(f"{error}. The model takes {takes}; the definition gives {_given(dataset)}") from error


def find_output(model: onnx.ModelProto, asked: ImportedModel) -> Output:
    """Removes a ZipMap at the end, which makes a list of dictionaries of a matrix; raises UnusableModelError."""
    listed = ", ".join(map(described, model.graph.output))
    if asked.output:
        chosen = [value for value in model.graph.output if value.name == asked.output]
        if not chosen:
            raise UnusableModelError(f"output: expected one of {listed}; got {asked.output!r}")
        if not _holds_scores(chosen[0]):
            raise UnusableModelError(f"output: expected one of float, got {asked.output!r} of {listed}")
    else:
        chosen = [value for value in model.graph.output if _holds_scores(value)]
        if len(chosen) != 1:
            raise UnusableModelError(
                f"expected one output of numbers, got {len(chosen)} of {listed}; name one with 'output', and export"
                " probabilities with the labels if there is none"
            )
    labels, scores = _labels(model), chosen[0]
    zipped = next((node for node in model.graph.node if node.op_type == "ZipMap" and scores.name in node.output), None)
    if zipped:
        labels = _labels_of(zipped)
        scores = helper.make_tensor_value_info(zipped.input[0], TensorProto.FLOAT, [None, None])
        model.graph.node.remove(zipped)
    scores = copy.deepcopy(scores)
    del model.graph.output[:]
    model.graph.output.append(scores)
    return Output(scores.name, labels)


def described(value: ValueInfoProto) -> str:
    """`x: float[rows, 3]`."""
    if not value.type.HasField("tensor_type"):
        return f"{value.name}: {str(value.type.WhichOneof('value')).removesuffix('_type')}"
    tensor = value.type.tensor_type
    element = TensorProto.DataType.Name(tensor.elem_type).lower()
    if not tensor.HasField("shape"):
        return f"{value.name}: {element}[…]"
    sizes = [dim.dim_param or (dim.dim_value if dim.HasField("dim_value") else "?") for dim in tensor.shape.dim]
    return f"{value.name}: {element}[{', '.join(map(str, sizes))}]"


class _MismatchError(ValueError):
    """Told together with what both sides have."""


def _check_shape(value: ValueInfoProto) -> None:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type not in _TAKEN:
        expected = ", ".join(sorted(TensorProto.DataType.Name(kind).lower() for kind in _TAKEN))
        raise _MismatchError(f"input {value.name!r}: expected a tensor of {expected}, got {described(value)}")
    if tensor.HasField("shape") and len(tensor.shape.dim) not in (1, 2):
        raise _MismatchError(f"input {value.name!r}: expected the shape [rows] or [rows, columns]")
    if tensor.HasField("shape") and tensor.shape.dim[0].dim_value:
        raise _MismatchError(
            f"input {value.name!r} takes exactly {tensor.shape.dim[0].dim_value} rows at once; export the model with a"
            " first dimension that may vary (PyTorch: dynamic_shapes or dynamic_axes)"
        )


def _width(value: ValueInfoProto) -> int | None:
    """How many columns fill it; None if the file does not say."""
    tensor = value.type.tensor_type
    if tensor.HasField("shape") and len(tensor.shape.dim) == 1:
        return 1
    return (tensor.shape.dim[1].dim_value or None) if tensor.HasField("shape") else None


def _columns_by_name(inputs: Sequence[ValueInfoProto], dataset: PreparedDataset) -> list[str]:
    known = {*dataset.number_names, *dataset.text_names}
    if len(inputs) == 1 and inputs[0].name not in known:
        if _width(inputs[0]) is None:  # all would be as good a guess as any, and none be seen to be wrong
            raise _MismatchError(
                f"the file does not say how many columns {inputs[0].name!r} takes; name them with 'inputs'"
            )
        is_text = inputs[0].type.tensor_type.elem_type == TensorProto.STRING
        return dataset.text_names if is_text else dataset.number_names
    strangers = [value.name for value in inputs if value.name not in known]
    if strangers:
        raise _MismatchError(
            f"no column or feature is called {', '.join(map(repr, strangers))}; name the columns in the order of the"
            " model's inputs with 'inputs'"
        )
    return [value.name for value in inputs]


def _feeds(
    inputs: Sequence[ValueInfoProto], columns: Sequence[str], dataset: PreparedDataset, definition: Definition
) -> list[Feed]:
    unknown = [column for column in columns if column not in (*dataset.number_names, *dataset.text_names)]
    if unknown:
        raise _MismatchError(f"inputs: no column or feature is called {', '.join(map(repr, unknown))}")
    widths = [_width(value) for value in inputs]
    if widths.count(None) > 1:
        raise _MismatchError("the file does not say how many columns its inputs take")
    free = len(columns) - sum(width or 0 for width in widths)
    if free < 0 or (free and None not in widths):
        raise _MismatchError(f"expected {sum(width or 0 for width in widths)} columns, got {', '.join(columns)}")
    feeds, rest = [], list(columns)
    for value, width in zip(inputs, widths, strict=True):
        count = free if width is None else width
        taken, rest = tuple(rest[:count]), rest[count:]
        feeds.append(_feed(value, taken, dataset, definition))
    return feeds


def _feed(value: ValueInfoProto, columns: tuple[str, ...], dataset: PreparedDataset, definition: Definition) -> Feed:
    tensor = value.type.tensor_type
    rank = len(tensor.shape.dim) if tensor.HasField("shape") else 2
    feed = Feed(value.name, columns, tensor.elem_type, rank)
    for column in columns:
        if (column in dataset.text_names) != feed.is_text:
            got, wanted = ("text", "numbers") if column in dataset.text_names else ("a number", "text")
            raise _MismatchError(
                f"input {value.name!r} takes {wanted}, and {column!r} is {got}; make a feature of it, such as"
                " CASE WHEN … THEN 1 ELSE 0 END, and name that"
            )
        if feed.element in _WITHOUT_NULL and _may_be_null(column, definition):
            raise _MismatchError(
                f"input {value.name!r} holds no null, and {column!r} may be null; export the model with a float input,"
                " or declare the column nullable = false"
            )
    return feed


def _may_be_null(column: str, definition: Definition) -> bool:
    """A feature may always be."""
    declared = definition.columns.get(column)
    return declared is None or declared.nullable


def _given(dataset: PreparedDataset) -> str:
    kinds = {"the numbers": dataset.number_names, "the texts": dataset.text_names}
    return " and ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)


def _holds_scores(value: ValueInfoProto) -> bool:
    """Numbers with a point, or dictionaries of them; labels are integers or texts."""
    if value.type.HasField("sequence_type"):
        return True
    return value.type.tensor_type.elem_type in _FLOATS


def _labels(model: onnx.ModelProto) -> tuple[Any, ...]:
    """Those that classifiers name, if all of them name the same."""
    found = {labels for node in every_node(model.graph) if (labels := _labels_of(node))}
    return found.pop() if len(found) == 1 else ()


def _labels_of(node: onnx.NodeProto) -> tuple[Any, ...]:
    for attribute in node.attribute:
        if attribute.name.startswith("classlabels_"):
            labels = helper.get_attribute_value(attribute)
            return tuple(label.decode() if isinstance(label, bytes) else label for label in labels)
    return ()


def class_order(asked: Collection[str], output: Output, dataset: PreparedDataset, *, is_textual: bool) -> list[int]:
    """Where each class of the dataset stands among the probabilities of the model; raises UnusableModelError."""
    classes = [_key(label) for label in dataset.classes]
    labels = [_key(label) for label in asked or output.labels]
    if sorted(labels) == sorted(classes):
        return [labels.index(label) for label in classes]
    counted = [str(place) for place in range(len(classes))]
    if labels and (asked or labels != counted or len(labels) != len(classes)):
        raise UnusableModelError(
            f"classes: expected {', '.join(map(str, dataset.classes))} in the model's order, got {', '.join(labels)}"
        )
    if is_textual:
        raise UnusableModelError(
            f"the file does not say which probability belongs to which of {', '.join(classes)}; name them in the"
            " model's order with 'classes'"
        )
    return list(range(len(classes)))


def _key(label: Any) -> str:
    """Booleans are 0 and 1 to most libraries."""
    return {"false": "0", "true": "1"}.get(str(label).lower(), str(label))
