"""One graph of the features, the foreign model, and an answer as Everloop's own models give it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, NodeProto, TensorProto, compose, helper, version_converter

from everloop.contracts.tasks import Task
from everloop.errors import UnusableModelError
from everloop.features.graph import OPSET, output_of
from everloop.metrics import Floats
from everloop.scorer import METADATA_KEY
from everloop.training.importing.opening import every_tensor, inner_graphs
from everloop.training.importing.signature import Feed
from everloop.training.prepared import PreparedDataset

_PREFIX = "imported/"


@dataclass(frozen=True)
class AnswerOf:
    """From the output of the model [n] or [n, width] to the answer."""

    task: Task
    width: int
    is_logit: bool
    order: Sequence[int]
    """Places of the dataset's classes among the probabilities; empty if there is one number only."""

    @property
    def name(self) -> str:
        if self.task.answers_value:
            return "value"
        return "score" if self.task is Task.BINARY else "probabilities"

    @property
    def kept(self) -> Sequence[int]:
        """Of several probabilities; of two classes the second."""
        return self.order[1:] if self.task is Task.BINARY else self.order

    def apply(self, output: npt.NDArray[Any]) -> Floats:
        """[n] or [n, classes], as Scorer answers."""
        found = np.asarray(output, dtype=np.float64).reshape(-1, self.width)
        if self.is_logit:
            with np.errstate(over="ignore"):
                found = 1 / (1 + np.exp(-found)) if self.width == 1 else _softmax(found)
        if self.order:
            found = found[:, list(self.kept)]
        return found if self.task is Task.MULTICLASS else found[:, 0]

    def to_onnx(self, source: str) -> tuple[list[NodeProto], list[TensorProto]]:
        shape = helper.make_tensor("answer_shape", TensorProto.INT64, [2], [-1, self.width])
        nodes = [
            helper.make_node("Cast", [source], ["answer_0"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["answer_0", "answer_shape"], ["answer_1"]),
        ]
        constants, last = [shape], "answer_1"
        if self.is_logit:
            operator = helper.make_node("Softmax", [last], ["answer_2"], axis=1)
            nodes.append(operator if self.width > 1 else helper.make_node("Sigmoid", [last], ["answer_2"]))
            last = "answer_2"
        if self.order:
            constants.append(helper.make_tensor("answer_places", TensorProto.INT64, [len(self.kept)], self.kept))
            nodes.append(helper.make_node("Gather", [last, "answer_places"], [self.name], axis=1))
        else:
            nodes.append(helper.make_node("Identity", [last], [self.name]))
        return nodes, constants


def wrap(
    model: onnx.ModelProto,
    features: onnx.ModelProto,
    feeds: Sequence[Feed],
    answer: AnswerOf,
    dataset: PreparedDataset,
    *,
    threshold: float,
) -> bytes:
    """Raw columns in, the answer out. `features` gives each model input apart; those not taken are left out.

    Raises UnusableModelError.
    """
    model = _upgraded(model)
    feeds = [feed for feed in feeds if feed.name in {value.name for value in model.graph.input}]
    if not feeds:
        raise UnusableModelError("the answer of the model depends on no column: it is the same for each row")
    versions = {each.domain: each.version for each in model.opset_import}
    front = onnx.ModelProto()
    front.CopyFrom(features)
    _feed(front.graph, feeds)
    for each in (front, model):
        each.ir_version = max(front.ir_version, model.ir_version)
        _set_opsets(each, versions)
    del model.metadata_props[:]
    # NOTE: by itself it forgets the weights that a branch takes from outside.
    weights = {tensor.name: _PREFIX + tensor.name for tensor in every_tensor(model)}
    compose.add_prefix_graph(model.graph, _PREFIX, inplace=True, name_map=weights)
    merged = compose.merge_models(front, model, [(_fed(feed), _PREFIX + feed.name) for feed in feeds])
    nodes, constants = answer.to_onnx(merged.graph.output[0].name)
    merged.graph.node.extend(nodes)
    merged.graph.initializer.extend(constants)
    del merged.graph.output[:]
    width = len(dataset.classes) if answer.task is Task.MULTICLASS else 1
    merged.graph.output.append(helper.make_tensor_value_info(answer.name, TensorProto.FLOAT, [None, width]))
    _prune(merged.graph)
    metadata: dict[str, Any] = {"task": dataset.task, "classes": dataset.classes, "history": dataset.history}
    if dataset.task is Task.BINARY:
        metadata["threshold"] = threshold
    helper.set_model_props(merged, {METADATA_KEY: json.dumps(metadata)})
    return bytes(merged.SerializeToString(deterministic=True))


def _upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    """In the opset of the features, or in a later one; raises UnusableModelError."""
    _prune(model.graph)
    version = max((each.version for each in model.opset_import if not each.domain), default=0)
    if version and version < OPSET:
        try:
            model = version_converter.convert_version(model, OPSET)
        except Exception as error:  # the converter raises RuntimeError and more for one cause: it does not know how
            why = str(error).strip().splitlines()[0][:300]
            raise UnusableModelError(
                f"the model has opset {version}, which cannot be brought to {OPSET}: {why}; export it with opset"
                f" {OPSET} or later"
            ) from error
    others = {each.domain: each.version for each in model.opset_import if each.domain}
    _set_opsets(model, {"": max(version, OPSET), **others})
    return model


def _set_opsets(model: onnx.ModelProto, versions: Mapping[str, int]) -> None:
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in versions.items())


def _feed(graph: GraphProto, feeds: Sequence[Feed]) -> None:
    """One output for each input of the model, made of the columns side by side."""
    del graph.output[:]
    for feed in feeds:
        name, shape = _fed(feed), [-1, len(feed.columns)][: feed.rank]
        graph.initializer.append(helper.make_tensor(f"{name}/shape", TensorProto.INT64, [feed.rank], shape))
        graph.node.extend(
            [
                helper.make_node("Concat", [output_of(each) for each in feed.columns], [f"{name}/columns"], axis=1),
                helper.make_node("Cast", [f"{name}/columns"], [f"{name}/cast"], to=feed.element),
                helper.make_node("Reshape", [f"{name}/cast", f"{name}/shape"], [name]),
            ]
        )
        sizes = [None, len(feed.columns)][: feed.rank]
        graph.output.append(helper.make_tensor_value_info(name, feed.element, sizes))


def _fed(feed: Feed) -> str:
    return f"fed/{feed.name}"


def _prune(graph: GraphProto) -> None:
    """Leave out what no output depends on."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= _read(node)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    for values in (graph.input, graph.initializer):
        left = [value for value in values if value.name in needed]
        del values[:]
        values.extend(left)
    del graph.value_info[:]  # only says what can be inferred again


def _read(node: NodeProto) -> set[str]:
    """Also by the graphs within."""
    inner = (read for graph in inner_graphs(node) for each in graph.node for read in _read(each))
    outputs = (value.name for graph in inner_graphs(node) for value in graph.output)
    return {*node.input, *inner, *outputs}


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
