"""Lets MLflow ask a version with a frame as it is: integers, booleans, moments, missing values and columns.

NOTE: a copy lies in the directory of each version, where MLflow loads it. Everloop never imports it.
"""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pandas as pd


class Model:
    def __init__(self, path: str) -> None:
        self._session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._facts = json.loads(self._session.get_modelmeta().custom_metadata_map["everloop"])

    def predict(self, frame: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002  # MLflow gives it
        """As the API answers: `score` and `label`, `value`, or lists of `items` and `scores`.

        What is missing is null, also history, which the API would look up. `data.csv.missing` is not heeded.
        """
        nothing = pd.Series(None, frame.index, dtype=object)
        columns = {each.name: (each, frame.get(each.name, nothing)) for each in self._session.get_inputs()}
        feeds = {
            name: (_texts if "string" in each.type else _numbers)(cells) for name, (each, cells) in columns.items()
        }
        answers = self._session.run(None, feeds)
        if self._facts["task"] == "recommendation":
            items, recommended = answers
            return _recommended(items, recommended, frame.index)
        scores = np.asarray(answers[0], dtype=np.float64)
        classes = self._facts["classes"]
        if not classes:
            return pd.DataFrame({"value": scores[:, 0]}, frame.index)
        if scores.shape[1] == 1:
            scores = scores[:, 0]
            chosen = (scores >= self._facts["threshold"]).astype(int)
        else:
            chosen, scores = scores.argmax(axis=1), scores.max(axis=1)
        return pd.DataFrame({"score": scores, "label": [classes[index] for index in chosen]}, frame.index)


def _recommended(items: Any, scores: Any, index: Any) -> pd.DataFrame:
    """'' is no item: where all others are known already."""
    pairs = [(row[row != ""].tolist(), own[row != ""].tolist()) for row, own in zip(items, scores, strict=True)]
    return pd.DataFrame(pairs, index, ["items", "scores"])


def _numbers(cells: Any) -> npt.NDArray[np.float64]:
    """Booleans are 0 and 1, moments seconds since 1970, UTC if they do not say."""
    return np.array([[_number(cell)] for cell in cells], dtype=np.float64).reshape(-1, 1)


def _number(cell: Any) -> float:
    if pd.isna(cell):
        return float("nan")
    moment = datetime.fromisoformat(cell) if isinstance(cell, str) else cell
    if isinstance(moment, datetime):  # which pandas' own are
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(cell)


def _texts(cells: Any) -> npt.NDArray[np.object_]:
    return np.array([[_text(cell)] for cell in cells], dtype=object).reshape(-1, 1)


def _text(cell: Any) -> str:
    if isinstance(cell, list | tuple | np.ndarray):
        return "\x1f".join(map(str, cell[::-1]))  # of items, newest last, as the graph of a recommendation has them
    return "" if pd.isna(cell) else str(cell)


def _load_pyfunc(path: str) -> Model:
    """What MLflow calls; `path` is that of the ONNX model."""
    return Model(path)
