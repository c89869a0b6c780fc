"""One loaded model version: verified bytes in an onnxruntime session that takes raw columns."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from everloop.columns import Columns
from everloop.contracts.recommendation import HISTORY_ITEMS
from everloop.contracts.tasks import Task
from everloop.contracts.columns import Column
from everloop.errors import ModelLoadError, ModelUnavailableError, NotFiniteError, WrongSchemaError

METADATA_KEY = "everloop"
"""ONNX metadata property: JSON of {"task": …, "classes": […], "threshold": …, "history": {feature: its hash}}; of a
recommendation with the number of "items" instead of classes."""
THRESHOLD = 0.5
"""Of models that name none: the likelier label."""
RECOMMENDED, SCORES = "recommended", "scores"
"""The outputs of a model that recommends."""
_CELLS = 2**22
"""Rows times items that are scored at once: 16 MiB for each step of the graph."""
_CELLS_OF_HISTORY = 100 * HISTORY_ITEMS
"""Of one row, where each item of the history speaks for a hundred others."""


class Recommended(NamedTuple):
    items: npt.NDArray[np.object_]
    """[n, k] ids, the best first; '' where there is none left."""
    scores: npt.NDArray[np.float64]
    """[n, k]; 0 where there is no item."""


def parts(columns: Columns, items: int) -> Iterator[Columns]:
    """The rows, as many at a time as the scores of all items leave room for."""
    rows = len(next(iter(columns.values())))
    step = max(1, _CELLS // max(items, _CELLS_OF_HISTORY))
    for first in range(0, rows, step):
        yield {name: values[first : first + step] for name, values in columns.items()}


def joined(found: Iterable[Recommended]) -> Recommended:
    items, scores = zip(*found, strict=True)
    return Recommended(np.concatenate(items), np.concatenate(scores))


def open_session(model: bytes) -> ort.InferenceSession:
    """Raises ModelLoadError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # a Lambda below 1,769 MB has less than one core
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many unrelated types for one cause: unusable bytes
        raise ModelLoadError(f"the model cannot be loaded: {error}") from error


class Scorer:
    """Raises ModelLoadError when the bytes are no model of ours, ModelUnavailableError when it cannot be run."""

    def __init__(self, model: bytes) -> None:
        self._session = open_session(model)
        try:
            metadata = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA_KEY])
            self.task = Task(metadata["task"])
            self.classes: list[Any] = metadata["classes"]
            self.threshold = float(metadata.get("threshold", THRESHOLD))
            """The probability from which on a row is labelled positive."""
            self.history: dict[str, str] = metadata.get("history", {})
            self._items = int(metadata.get("items", 1))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelLoadError(f"the model cannot be loaded: its metadata lack {error}") from error
        self.inputs = {value.name: "string" in value.type for value in self._session.get_inputs()}

    def check_schema(self, task: Task, columns: Mapping[str, Column]) -> None:
        """Whether it answers the task and takes these columns; raises WrongSchemaError."""
        if self.task is not task:
            raise WrongSchemaError(f"the model has the task {self.task}, not {task}")
        known = {name: column.type.is_textual for name, column in columns.items()} | dict.fromkeys(self.history, False)
        missing = self.inputs.keys() - known.keys()
        if missing:
            raise WrongSchemaError(f"the model takes columns the definition no longer has: {', '.join(sorted(missing))}")
        other = [name for name, is_textual in self.inputs.items() if is_textual != known[name]]
        if other:
            raise WrongSchemaError(f"the model takes columns with another type than they have now: {', '.join(other)}")

    def score(self, columns: Columns) -> npt.NDArray[np.float64]:
        """Probability of the positive class [n], probabilities [n, classes], predicted values [n], or what `recommend`
        gives its items [n, k]. Raises NotFiniteError."""
        if self.task is Task.RECOMMENDATION:
            return self.recommend(columns).scores
        return _finite(self.raw_scores(columns))

    def raw_scores(self, columns: Columns, options: ort.RunOptions | None = None) -> npt.NDArray[np.float64]:
        """Like `score`, whatever numbers come; `options` can stop the run. Not of recommendations."""
        (answer,) = self._run(columns, options)
        scores = np.asarray(answer, dtype=np.float64)
        return scores if self.task is Task.MULTICLASS else scores.reshape(-1)

    def recommend(self, columns: Columns, options: ort.RunOptions | None = None) -> Recommended:
        """Of a model of that task. Raises NotFiniteError."""
        return joined(self._recommend(part, options) for part in parts(self._taken(columns), self._items))

    def _recommend(self, columns: Columns, options: ort.RunOptions | None) -> Recommended:
        items, scores = self._run(columns, options)
        return Recommended(items, _finite(scores))

    def _taken(self, columns: Columns) -> Columns:
        missing = self.inputs.keys() - columns.keys()
        if missing:
            raise WrongSchemaError(f"the model takes columns the definition no longer has: {', '.join(missing)}")
        return {name: columns[name] for name in self.inputs}

    def _run(self, columns: Columns, options: ort.RunOptions | None) -> list[Any]:
        taken = self._taken(columns)
        try:
            answer: list[Any] = self._session.run(None, taken, options)
        except Exception as error:  # as above: Fail, InvalidArgument, RuntimeException share no base of their own
            raise ModelUnavailableError(f"the model failed: {error}") from error
        return answer


def _finite(answer: Any) -> npt.NDArray[np.float64]:
    scores = np.asarray(answer, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise NotFiniteError("the model answered NaN or infinity")
    return scores
