"""One loaded model version: verified bytes in an onnxruntime session that takes raw columns."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from everloop.columns import Columns
from everloop.contracts.definition import Task
from everloop.errors import ModelUnavailableError

METADATA_KEY = "everloop"
"""ONNX metadata property: JSON of {"task": …, "classes": […], "threshold": …, "history": {feature: its hash}}."""
THRESHOLD = 0.5
"""Of models that name none: the likelier label."""


class Scorer:
    """Raises ModelUnavailableError when the bytes are no model of ours, cannot be run, or answer no finite number."""

    def __init__(self, model: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # a Lambda below 1,769 MB has less than one core
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            metadata = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA_KEY])
            self.task = Task(metadata["task"])
            self.classes: list[Any] = metadata["classes"]
            self.threshold = float(metadata.get("threshold", THRESHOLD))
            """The probability from which on a row is labelled positive."""
            self.history: dict[str, str] = metadata.get("history", {})
        except Exception as error:  # onnxruntime raises many unrelated types for one cause: unusable bytes
            raise ModelUnavailableError(f"the model cannot be loaded: {error}") from error
        self.inputs = {value.name: "string" in value.type for value in self._session.get_inputs()}

    def score(self, columns: Columns) -> npt.NDArray[np.float64]:
        """Probability of the positive class [n], probabilities [n, classes], or predicted values [n]."""
        missing = self.inputs.keys() - columns.keys()
        if missing:
            raise ModelUnavailableError(f"the model takes columns the definition no longer has: {', '.join(missing)}")
        try:
            (answer,) = self._session.run(None, {name: columns[name] for name in self.inputs})
        except Exception as error:  # as above: Fail, InvalidArgument, RuntimeException share no base of their own
            raise ModelUnavailableError(f"the model failed: {error}") from error
        scores = np.asarray(answer, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise ModelUnavailableError("the model answered NaN or infinity")
        return scores if self.task is Task.MULTICLASS else scores.reshape(-1)
