"""Fit an algorithm: what it learned predicts here, and becomes ONNX to predict the same elsewhere."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from everloop.contracts.tasks import Task
from everloop.features.graph import IR_VERSION, OPSET
from everloop.metrics import Floats
from everloop.training.algorithms import Rows, load_algorithm
from everloop.training.encoding import Codes, Encoder, fit_encoder
from everloop.training.opsets import ML_OPSET, opset_imports
from everloop.training.prepared import Inputs, PreparedDataset
from everloop.training.recommender import Recommender, fit_recommender

NUMBERS, TEXTS, ANSWER = "in_numbers", "in_texts", "answer"
"""Inputs and output of what `Learned.to_onnx` writes."""


@dataclass(frozen=True)
class Learned:
    task: Task
    encoder: Encoder
    estimator: Any

    def predict(self, inputs: Inputs) -> Floats:
        """Probability of class 1 [n], probabilities [n, classes], or values [n]."""
        matrix = self.encoder.transform(inputs)
        if self.task.answers_value:
            answer = self.estimator.predict(matrix)
        else:
            probabilities = self.estimator.predict_proba(matrix)
            answer = probabilities[:, 1] if self.task is Task.BINARY else probabilities
        return np.asarray(answer, dtype=np.float64)

    def judge(self, dataset: PreparedDataset, rows: slice) -> tuple[Floats, Floats]:
        """Actual and score of these rows, as METRICS take them."""
        return dataset.target[rows], self.predict(dataset.inputs[rows])

    def to_onnx(self, dataset: PreparedDataset) -> onnx.ModelProto:
        """`in_numbers` and `in_texts` to `answer`: values [n, 1] or probabilities [n, classes]."""
        width = len(dataset.number_names) + sum(column.width for column in self.encoder.columns)
        options = None if self.task.answers_value else {id(self.estimator): {"zipmap": False}}
        estimator = to_onnx(
            self.estimator,
            initial_types=[("matrix", FloatTensorType([None, width]))],
            options=options,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
        answer = estimator.graph.output[0 if self.task.answers_value else 1].name
        del estimator.graph.output[:]
        estimator.graph.node.append(helper.make_node("Identity", [answer], [ANSWER]))
        classes = 1 if self.task.answers_value else len(dataset.classes)
        estimator.graph.output.append(helper.make_tensor_value_info(ANSWER, TensorProto.FLOAT, [None, classes]))
        return merge(self._encoder(dataset, width), estimator, [("matrix", "matrix")])

    def _encoder(self, dataset: PreparedDataset, width: int) -> onnx.ModelProto:
        tensors = [
            helper.make_tensor_value_info(name, kind, [None, len(columns)])
            for name, kind, columns in (
                (NUMBERS, TensorProto.FLOAT, dataset.number_names),
                (TEXTS, TensorProto.STRING, dataset.text_names),
            )
            if columns
        ]
        output = helper.make_tensor_value_info("matrix", TensorProto.FLOAT, [None, width])
        nodes = self.encoder.to_onnx(NUMBERS, TEXTS, "matrix", len(dataset.number_names))
        return helper.make_model(helper.make_graph(nodes, "encoding", tensors, [output]))


def learn(
    algorithm: str, parameters: dict[str, Any], dataset: PreparedDataset, rows: slice, *, seed: int
) -> Learned | Recommender:
    """From these rows of the dataset alone."""
    if dataset.task is Task.RECOMMENDATION:
        return fit_recommender(algorithm, parameters, dataset, rows, seed=seed)
    return fit(algorithm, parameters, dataset, rows, seed=seed)


def fit(algorithm: str, parameters: dict[str, Any], dataset: PreparedDataset, rows: slice, *, seed: int) -> Learned:
    """Where each row has an answer of its own."""
    inputs, target = dataset.inputs[rows], dataset.target[rows]
    learner = load_algorithm(algorithm)
    encoder, matrix = fit_encoder(
        learner.CODES, inputs, target, seed=seed, free=dataset.free_places, classes=len(dataset.classes)
    )
    levels = encoder.places(Codes.LEVELS, inputs.numbers.shape[1])
    labels = target if dataset.task.answers_value else target.astype(np.int64)
    others = [0] * (matrix.shape[1] - len(dataset.directions))
    directions = [*dataset.directions, *others] if any(dataset.directions) else None
    seen = Rows(dataset.task, matrix, levels, directions, labels, seed)
    return Learned(dataset.task, encoder, learner.fit(seen, parameters))


def merge(first: onnx.ModelProto, second: onnx.ModelProto, io_map: list[tuple[str, str]]) -> onnx.ModelProto:
    """One graph of two, where outputs of the first are inputs of the second; the names of the second are prefixed.

    `compose.merge_models` insists on equal versions; every operator used here means the same in those named.
    """
    for model in (first, second):
        model.ir_version = IR_VERSION
        del model.opset_import[:]
        model.opset_import.extend(opset_imports())
    prefixed = compose.add_prefix(second, "then_")
    return compose.merge_models(first, prefixed, io_map=[(source, f"then_{target}") for source, target in io_map])
