"""Definitions, models and datasets as small as a test can use."""

import json
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from everloop.contracts.definition import Definition
from everloop.contracts.registry import TrainingRequest
from everloop.contracts.tasks import ALGORITHMS, Task
from everloop.features.profile import Profile, centres_of
from everloop.scorer import METADATA_KEY
from everloop.stores.registry import ModelRegistry
from everloop.training.prepared import Inputs, PreparedDataset
from everloop.training.search import draw_parameters

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
MODELS = Path(__file__).parent / "models"
EVENTS = Path(__file__).parents[1] / "events"


def pump_failure(**sections: Any) -> Definition:
    """tests/models/pump-failure.toml with some of its sections replaced; None leaves one out."""
    raw = tomllib.loads((MODELS / "pump-failure.toml").read_text("utf-8")) | sections
    return Definition.model_validate({name: section for name, section in raw.items() if section is not None})


def pump_row(**cells: Any) -> dict[str, Any]:
    row = {"measured_at": "2026-03-14T08:00:00Z", "pump": "P-7", "kind": "axial", "pressure": 81.5, "starts": 3}
    return {**row, "outdoors": True, **cells}


def event(path: str) -> dict[str, Any]:
    """One of the samples under events/."""
    read: dict[str, Any] = json.loads((EVENTS / path).read_text("utf-8"))
    return read


# Models


def constant_model(
    score: float, *, task: Task = Task.BINARY, classes: tuple[Any, ...] = (False, True), column: str = "pressure"
) -> bytes:
    """Answers the same for every row; takes one column, whatever it holds."""
    return _model("constant", score, task, classes, column)


def echo_model(*, task: Task = Task.BINARY, classes: tuple[Any, ...] = (False, True)) -> bytes:
    """Answers with the column `pressure`, so a null gives NaN."""
    return _model("echo", 0, task, classes, "pressure")


def _model(kind: str, score: float, task: Task, classes: tuple[Any, ...], column: str) -> bytes:
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [score])
    nodes = {
        "constant": [
            helper.make_node("Shape", [column], ["shape"]),
            helper.make_node("ConstantOfShape", ["shape"], ["score"], value=value),
        ],
        "echo": [helper.make_node("Cast", [column], ["score"], to=TensorProto.FLOAT)],
    }[kind]
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info(column, TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: json.dumps({"task": task, "classes": classes})})
    return bytes(model.SerializeToString())


def version_files(run_id: str, model: bytes | None = None) -> dict[str, bytes]:
    return {
        "lineage.json": json.dumps({"run_id": run_id}).encode(),
        "metrics.json": json.dumps({"candidate": {"roc_auc": 0.8}}).encode(),
        "card.md": f"# Card of {run_id}".encode(),
        "roc.svg": f"<svg><title>{run_id}</title></svg>".encode(),
        "model.onnx": constant_model(0.7) if model is None else model,
    }


def register(registry: ModelRegistry, model: str, run_id: str, body: bytes | None = None) -> int:
    return registry.register(model, run_id, version_files(run_id, body), now=NOW)


# Training

REQUEST = TrainingRequest(
    model="example", run_id="run-1", as_of=NOW, reason="a test asked for it", requested_by="pytest"
)
CLASSES: dict[Task, list[Any]] = {Task.BINARY: [False, True], Task.MULTICLASS: ["x", "y", "ž"], Task.REGRESSION: []}
LEARNERS = [(algorithm, task) for algorithm, tasks in ALGORITHMS.items() for task in sorted(tasks & CLASSES.keys())]
_TARGETS = {
    Task.BINARY: "boolean",
    Task.MULTICLASS: "category",
    Task.REGRESSION: "number",
    Task.FORECASTING: "number",
    Task.RECOMMENDATION: "category",
}


def example(task: Task, **sections: Any) -> Definition:
    columns = {"a": "number", "b": "number", "c": "category", "y": _TARGETS[task]}
    raw: dict[str, Any] = {"name": "example", "task": task, "data": {"target": "y"}, "columns": columns}
    if task is Task.RECOMMENDATION:
        raw["data"]["entity"] = "c"
    if task in (Task.FORECASTING, Task.RECOMMENDATION):
        columns["t"], raw["data"]["timestamp"] = "timestamp", "t"
    if task is Task.FORECASTING:
        raw["forecast"] = {"period": "1 hour", "horizon": "1 day", "seasons": ["1 day", "7 days"]}
    return Definition.model_validate(raw | sections)


def prepared(task: Task, *, rows: int = 600, holdout_rows: int = 200, seed: int = 0, **changes: Any) -> PreparedDataset:
    """Numbers with nulls, categories with nulls and non-ASCII levels, and a target that can be learned."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=rows), rng.normal(size=rows) * 1e5 + 3e5
    a[::17] = np.nan
    c = rng.choice(["AA", "ü字", "", "DL"], rows).astype(np.str_)
    signal = np.nan_to_num(a) * 2 + (c == "AA") + rng.normal(size=rows)
    target = {
        Task.BINARY: (signal > 0.3).astype(float),
        Task.MULTICLASS: np.digitize(signal, [-0.7, 0.9]).astype(float),
        Task.REGRESSION: signal * 3 + b / 1e5,
    }[task]
    probes = (np.array([np.nan, 1e12, -1e12, 0.1]), np.array([np.nan, -1e12, 16777217, 0.0]))
    probe_texts = np.array(["never seen", "", "Ünïcödé", "ü字"])
    first = rows - holdout_rows
    fields: dict[str, Any] = {
        "task": task,
        "classes": CLASSES[task],
        "dataset_version": "dataset-1",
        "batches": ["batch-1", "batch-2"],
        "split_id": "split-1",
        "holdout_time": np.full(holdout_rows, np.nan),
        "holdout_batch": np.arange(holdout_rows) % 2,
        "number_names": ["a", "b"],
        "text_names": ["c"],
        "inputs": Inputs(np.column_stack([a, b]).astype(np.float32), c.reshape(-1, 1).astype(object)),
        "target": target,
        "holdout_rows": holdout_rows,
        "holdout_raw": _raw(a[first:], b[first:], c[first:]),
        "probes": Inputs(np.column_stack(probes).astype(np.float32), probe_texts.reshape(-1, 1)),
        "probes_raw": _raw(*probes, probe_texts),
    }
    return PreparedDataset(**fields | changes)


def dataset_of(task: Task, inputs: Inputs, target: npt.NDArray[Any]) -> PreparedDataset:
    """To fit and predict with; its holdout and its probes are those of `prepared`."""
    numbers, texts = (
        [f"{kind}{place}" for place in range(values.shape[1])]
        for kind, values in (("number", inputs.numbers), ("text", inputs.texts))
    )
    return prepared(task, inputs=inputs, target=target, number_names=numbers, text_names=texts)


def _raw(a: npt.NDArray[Any], b: npt.NDArray[Any], c: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    return {"a": a.reshape(-1, 1), "b": b.reshape(-1, 1), "c": c.astype(object).reshape(-1, 1)}


def profile_of(dataset: PreparedDataset) -> bytes:
    """Of the columns that a model takes."""
    columns = {name: values[:, 0] for name, values in dataset.holdout_raw.items()}
    return Profile.of(columns, centres_of(columns)).to_json()


def plain_features() -> onnx.ModelProto:
    """The columns a, b and c as they are: what compiled features without expressions do."""
    inputs: Mapping[str, int] = {"a": TensorProto.DOUBLE, "b": TensorProto.DOUBLE, "c": TensorProto.STRING}
    graph = helper.make_graph(
        [
            helper.make_node("Concat", ["a", "b"], ["ab"], axis=1),
            helper.make_node("Cast", ["ab"], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("Identity", ["c"], ["texts"]),
        ],
        "features",
        [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in inputs.items()],
        [
            helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, 2]),
            helper.make_tensor_value_info("texts", TensorProto.STRING, [None, 1]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def quick_parameters(algorithm: str, draw: int = 0, seed: int = 7) -> dict[str, Any]:
    """What the search would draw, with as few trees as show a fault: converting many takes seconds."""
    parameters = draw_parameters(algorithm, draw, seed)
    return parameters | dict.fromkeys({"max_iter", "rounds"} & parameters.keys(), 12)


def counting_ids(prefix: str = "id") -> Any:
    numbers = iter(range(1, 1_000_000))
    return lambda: f"{prefix}-{next(numbers)}"


def counting_new_ids() -> Callable[[datetime, int], list[str]]:
    """As `new_ids`: id-1, id-2, …"""
    next_id = counting_ids()
    return lambda _, count: [next_id() for _ in range(count)]
