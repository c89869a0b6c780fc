"""One loaded model version: verified bytes in an onnxruntime session that takes raw columns."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import HISTORY_ITEMS
from everloop.contracts.tasks import Task
from everloop.errors import ModelLoadError, ModelUnavailableError, NotFiniteError, WrongSchemaError

METADATA_KEY = "everloop"
"""ONNX metadata property: JSON of {"task": …, "classes": […], "threshold": …, "history": {feature: its hash}}; of a
recommendation with the number of "items" instead of classes."""
THRESHOLD = 0.5
"""Of models that name none: the likelier label."""
RECOMMENDED, SCORES = "recommended", "scores"
"""The outputs of a model that recommends."""
_GONE = "the model takes columns the definition no longer has"
_CELLS = 2**22
"""Rows times items that are scored at once: 16 MiB for each step of the graph."""
_CELLS_OF_HISTORY = 100 * HISTORY_ITEMS
"""Of one row, where each item of the history speaks for a hundred others."""


class Recommended(NamedTuple):
    items: npt.NDArray[np.object_]
    """[n, k] ids, the best first; '' where there is none left."""
    scores: npt.NDArray[np.float64]
    """[n, k]; 0 where there is no item."""

    @property
    def finite(self) -> list[bool]:
        """Of each row whether all of its scores are numbers."""
        finite: list[bool] = np.asarray(np.isfinite(self.scores).all(axis=1)).tolist()
        return finite


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
            self.classes: list[Any] = list(metadata["classes"])
            self.threshold = float(metadata.get("threshold", THRESHOLD))
            """The probability from which on a row is labelled positive."""
            self.history: dict[str, str] = dict(metadata.get("history", {}))
            self._items = int(metadata.get("items", 1))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelLoadError(f"the model cannot be loaded: its metadata lack {error}") from error
        if self.task is Task.BINARY and len(self.classes) != 2:
            raise ModelLoadError(f"the model cannot be loaded: expected two classes, got {self.classes}")
        self.inputs = {value.name: "string" in value.type for value in self._session.get_inputs()}

    def check_schema(self, definition: Definition) -> None:
        """Whether it answers the task and takes the columns as they are declared; raises WrongSchemaError."""
        if self.task is not definition.task:
            raise WrongSchemaError(f"the model has the task {self.task}, not {definition.task}")
        known = {name: column.type.is_textual for name, column in definition.served_columns.items()}
        known |= dict.fromkeys(self.history, False)
        missing = self.inputs.keys() - known.keys()
        if missing:
            raise WrongSchemaError(f"{_GONE}: {', '.join(sorted(missing))}")
        other = [name for name, is_textual in self.inputs.items() if is_textual != known[name]]
        if other:
            raise WrongSchemaError(f"the model takes columns with another type than they have now: {', '.join(other)}")
        self._check_classes(definition)

    def _check_classes(self, definition: Definition) -> None:
        target, positive = definition.columns[definition.data.target], definition.data.positive
        strange = [each for each in self.classes if isinstance(each, str) != target.type.is_textual]
        if self.task is Task.MULTICLASS and target.allowed is not None:
            strange = [each for each in self.classes if each not in target.allowed]
        if positive is not None and self.classes[-1] != positive:
            strange = [self.classes[-1]]
        if strange:
            raise WrongSchemaError(f"the model answers {strange[0]!r}, which is none of {definition.data.target!r} now")

    def score(self, columns: Columns) -> npt.NDArray[np.float64]:
        """Probability of the positive class [n], probabilities [n, classes], predicted values [n], or what `recommend`
        gives its items [n, k]. Raises NotFiniteError."""
        found = self.run(columns)
        scores = found.scores if isinstance(found, Recommended) else found
        if not np.isfinite(scores).all():
            raise NotFiniteError("the model answered NaN or infinity")
        return scores

    def recommend(self, columns: Columns) -> Recommended:
        """Of a model of that task."""
        found = self.run(columns)
        assert isinstance(found, Recommended)
        return found

    def labelled(self, scores: npt.NDArray[np.float64]) -> tuple[list[float], Sequence[Any], list[bool]]:
        """Of what `run` gave, score and label of each row (None for a value), and whether the score is a number."""
        if self.task is Task.MULTICLASS:
            finite: list[bool] = np.asarray(np.isfinite(scores).all(axis=1)).tolist()
            classes = [self.classes[index] for index in np.nan_to_num(scores).argmax(axis=1).tolist()]
            return scores.max(axis=1).tolist(), classes, finite
        values: list[float] = scores.tolist()
        if self.task is Task.BINARY:
            negative, positive = self.classes
            labels: Sequence[Any] = [positive if value >= self.threshold else negative for value in values]
        else:
            labels = [None] * len(values)
        return values, labels, [math.isfinite(value) for value in values]

    def run(self, columns: Columns, options: ort.RunOptions | None = None) -> npt.NDArray[np.float64] | Recommended:
        """Like `score` or `recommend`, whatever numbers come; `options` can stop it.

        Raises WrongSchemaError for an answer of another shape than the task's, ModelUnavailableError.
        """
        taken = self._taken(columns)
        if self.task is Task.RECOMMENDATION:
            return joined(self._recommend(part, options) for part in parts(taken, self._items))
        answer = self._run(taken, options)
        rows = len(next(iter(columns.values())))
        shape = (rows, len(self.classes)) if self.task is Task.MULTICLASS else (rows,)
        try:
            (scores,) = answer
            return np.asarray(scores, dtype=np.float64).reshape(shape)
        except (TypeError, ValueError) as error:
            raise WrongSchemaError(f"expected scores of the shape {list(shape)}, got {_shapes(answer)}") from error

    def _recommend(self, columns: Columns, options: ort.RunOptions | None) -> Recommended:
        answer = self._run(columns, options)
        try:
            items, scores = answer
            found = Recommended(items, np.asarray(scores, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise WrongSchemaError(f"expected items and their scores, got {_shapes(answer)}") from error
        rows = len(next(iter(columns.values())))
        if found.items.shape != found.scores.shape or len(found.items) != rows or found.items.ndim != 2:
            raise WrongSchemaError(f"expected items and scores for {rows} row(s), got {_shapes(answer)}")
        return found

    def _taken(self, columns: Columns) -> Columns:
        missing = self.inputs.keys() - columns.keys()
        if missing:
            raise WrongSchemaError(f"{_GONE}: {', '.join(sorted(missing))}")
        return {name: columns[name] for name in self.inputs}

    def _run(self, taken: Columns, options: ort.RunOptions | None) -> list[Any]:
        try:
            answer: list[Any] = self._session.run(None, taken, options)
        except Exception as error:  # as above: Fail, InvalidArgument, RuntimeException share no base of their own
            raise ModelUnavailableError(f"the model failed: {error}") from error
        return answer


def _shapes(answer: Iterable[Any]) -> str:
    return " and ".join(str(list(np.shape(each))) for each in answer) or "nothing"
