"""Fit the winner, write features, encoder and estimator as one ONNX model, and measure that it answers alike."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.metrics import Floats
from everloop.scorer import METADATA_KEY, THRESHOLD, Scorer
from everloop.training.calibration import Calibration, calibrate
from everloop.training.learned import NUMBERS, TEXTS, Learned, learn, merge
from everloop.training.prepared import PreparedDataset
from everloop.training.recommender import Recommender

PARITY_TOLERANCE = 1e-4
"""Largest difference of a probability, or of a value relative to the target's spread: float32 sums against float64."""
_ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""Of a value, which a sum of trees in float32 may be off by however far it is from the target's mean."""

MODEL_FILE = "fitted/model.onnx"
JUDGED_FILE = "fitted/judged.onnx"
FACTS_FILE = "fitted/facts.json"


@dataclass(frozen=True)
class Candidate:
    """The same recipe fitted twice: on the training rows to be judged, and on all rows to be shipped."""

    model: bytes
    """Fitted on every row of the window: what a version serves."""
    judged: bytes
    """Fitted without the holdout: what the metrics and gates are about."""
    algorithm: str
    parameters: dict[str, Any]
    parity_difference: float
    """Largest difference between the ONNX models on raw rows and scikit-learn on prepared ones."""
    parity_rows: int
    calibration: dict[str, Any] = field(default_factory=dict)
    """The curve over its probabilities, whether it is `taken`, and why; empty for what answers none."""
    choice: str = ""
    """Why its trial was taken, where another did better."""
    imported: dict[str, Any] = field(default_factory=dict)
    """Of a model that was trained elsewhere: its file, producer, mapping and reference; empty for one fitted here."""

    def to_files(self) -> dict[str, bytes]:
        facts = {name: value for name, value in asdict(self).items() if name not in ("model", "judged")}
        return {MODEL_FILE: self.model, JUDGED_FILE: self.judged, FACTS_FILE: json.dumps(facts).encode()}

    @classmethod
    def from_files(cls, read: Callable[[str], bytes]) -> "Candidate":
        return cls(model=read(MODEL_FILE), judged=read(JUDGED_FILE), **json.loads(read(FACTS_FILE)))


def fit_candidate(
    algorithm: str,
    parameters: dict[str, Any],
    dataset: PreparedDataset,
    features: onnx.ModelProto,
    definition: Definition,
) -> Candidate:
    """`features` is the compiled front of the graph: raw columns in, `numbers` and `texts` out."""
    found = calibrate(algorithm, parameters, dataset, definition)
    calibration = found if found and found.helps else None
    threshold = definition.serving.costs.threshold if definition.serving.costs else THRESHOLD
    models, differences, rows = [], [], 0
    for taken in (dataset.train_rows, slice(None)):
        learned = learn(algorithm, parameters, dataset, taken, seed=definition.training.seed)
        models.append(build_model(learned, dataset, features, calibration=calibration, threshold=threshold))
        difference, compared = measure_parity(models[-1], learned, dataset, calibration=calibration)
        differences.append(difference)
        rows += compared
    return Candidate(
        model=models[1],
        judged=models[0],
        algorithm=algorithm,
        parameters=parameters,
        parity_difference=max(differences),
        parity_rows=rows,
        calibration={"taken": found.helps, **asdict(found)} if found else {},
    )


def build_model(
    learned: Learned | Recommender,
    dataset: PreparedDataset,
    features: onnx.ModelProto,
    *,
    calibration: Calibration | None = None,
    threshold: float = THRESHOLD,
) -> bytes:
    """One graph from raw columns to the answer, with the task, the classes and the threshold in its metadata."""
    if isinstance(learned, Recommender):
        merged = learned.to_onnx()
        metadata = {"task": dataset.task, "classes": [], "items": len(learned.items)}
        helper.set_model_props(merged, {METADATA_KEY: json.dumps(metadata)})
    else:
        tensors = ((NUMBERS, dataset.number_names), (TEXTS, dataset.text_names))
        shared = [(name.removeprefix("in_"), name) for name, columns in tensors if columns]
        merged = merge(features, learned.to_onnx(dataset), shared)
        _finish(merged, dataset, calibration, threshold)
    onnx.checker.check_model(merged)
    return bytes(merged.SerializeToString(deterministic=True))


def measure_parity(
    model: bytes, learned: Learned | Recommender, dataset: PreparedDataset, *, calibration: Calibration | None = None
) -> tuple[float, int]:
    """Largest difference over the whole holdout and the probes, and how many rows were compared."""
    if isinstance(learned, Recommender):
        return learned.difference(model, dataset)
    scorer = Scorer(model)
    worst, rows = 0.0, 0
    holdout, _ = dataset.holdout
    pairs: list[tuple[Any, Columns]] = [(holdout, dataset.holdout_raw), (dataset.probes, dataset.probes_raw)]
    for inputs, raw in pairs:
        expected = learned.predict(inputs)
        expected = calibration.curve.apply(expected) if calibration else expected
        difference = np.abs(scorer.score(raw) - expected) / scale_of(expected, dataset)
        # NaN compares as "not worse": what cannot be compared must count as the largest difference there is.
        difference = np.nan_to_num(difference, nan=np.finfo(np.float64).max)
        worst, rows = max(worst, float(difference.max())), rows + len(inputs)
    return worst, rows


def scale_of(expected: Floats, dataset: PreparedDataset) -> Floats:
    """What differences are relative to: 1 of probabilities, the target's spread and some rounding of values."""
    if not dataset.task.answers_value:
        return np.ones(1)
    spread = float(np.std(dataset.target)) or 1.0
    return spread + np.abs(expected) * _ROUNDING / PARITY_TOLERANCE


def _finish(
    model: onnx.ModelProto, dataset: PreparedDataset, calibration: Calibration | None, threshold: float
) -> None:
    """Leave one output, named for what it is: `score` [n, 1], `probabilities` [n, classes] or `value` [n, 1]."""
    graph = model.graph
    source = graph.output[0].name
    del graph.output[:]
    if dataset.task is Task.BINARY:
        name, width = "score", 1
    else:
        name, width = ("value", 1) if dataset.task.answers_value else ("probabilities", len(dataset.classes))
    if calibration:
        nodes, constants = calibration.curve.to_onnx(source, name)
        graph.node.extend(nodes)
        graph.initializer.extend(constants)
    elif dataset.task is Task.BINARY:
        one = helper.make_tensor("positive_index", TensorProto.INT64, [1], [1])
        graph.initializer.append(one)
        graph.node.append(helper.make_node("Gather", [source, "positive_index"], [name], axis=1))
    else:
        graph.node.append(helper.make_node("Identity", [source], [name]))
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]))
    metadata: dict[str, Any] = {"task": dataset.task, "classes": dataset.classes, "history": dataset.history}
    if dataset.task is Task.BINARY:
        metadata["threshold"] = threshold
    helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
