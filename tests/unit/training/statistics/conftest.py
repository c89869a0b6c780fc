"""A judged model made by hand: its answers are what a test says they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.scorer import METADATA_KEY, Scorer
from everloop.training.prepared import PreparedDataset
from everloop.training.statistics.judged import Judged
from tests.samples import CLASSES, example, prepared

KINDS = {"a": TensorProto.DOUBLE, "b": TensorProto.DOUBLE, "c": TensorProto.STRING}


def graph(nodes: Sequence[NodeProto], *, takes: Sequence[str] = ("a", "b", "c"), task: Task = Task.BINARY) -> Scorer:
    """Nodes from the columns to a double `answer` [n, 1]."""
    nodes = [*nodes, helper.make_node("Cast", ["answer"], ["score"], to=TensorProto.FLOAT)]
    inputs = [helper.make_tensor_value_info(name, KINDS.get(name, TensorProto.DOUBLE), [None, 1]) for name in takes]
    output = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])
    model = helper.make_model(
        helper.make_graph(list(nodes), "by-hand", inputs, [output]),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    helper.set_model_props(model, {METADATA_KEY: json.dumps({"task": task, "classes": CLASSES[task]})})
    return Scorer(model.SerializeToString())


def holdout(raw: Mapping[str, npt.NDArray[Any]], target: npt.NDArray[Any], task: Task = Task.BINARY) -> PreparedDataset:
    """A dataset whose holdout is these rows."""
    rows = len(target)
    dataset = prepared(task, rows=rows + 300, holdout_rows=rows)
    dataset.target[-rows:] = target
    columns = {name: np.asarray(values).reshape(-1, 1) for name, values in raw.items()}
    return replace(dataset, holdout_raw=dataset.holdout_raw | columns)


def judged(
    scorer: Scorer,
    dataset: PreparedDataset,
    *,
    definition: Definition | None = None,
    score: npt.NDArray[Any] | None = None,
) -> Judged:
    """With the scorer's answers, or with these."""
    answers = scorer.score(dataset.holdout_raw) if score is None else score
    return Judged(definition or example(dataset.task), dataset, scorer, dataset.holdout[1], answers)


def takes_everything() -> Scorer:
    return graph([helper.make_node("Identity", ["a"], ["answer"])])
