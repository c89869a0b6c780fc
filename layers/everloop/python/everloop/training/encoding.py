"""Categories to codes, fitted once and written as ONNX, so that serving encodes exactly as training did."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper, numpy_helper

from everloop.training.prepared import Inputs

UNSEEN = -1.0
_SMOOTHING_ROWS = 20.0
"""A level's mean target counts as if it had this many more rows of the overall mean (Micci-Barreca 2001)."""


@dataclass(frozen=True)
class CategoryEncoder:
    """Codes each level by the rank of its smoothed mean target: neighbours in code behave alike, as trees like it."""

    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, texts: npt.NDArray[np.str_], target: npt.NDArray[np.float64]) -> "CategoryEncoder":
        return cls(tuple(_ranked(texts[:, column], target) for column in range(texts.shape[1])))

    def transform(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """[n, numbers + texts] float32: the numbers as they are, then a code for each text, -1 for unseen levels."""
        codes = [_encode(inputs.texts[:, column], levels) for column, levels in enumerate(self.levels)]
        return np.column_stack([inputs.numbers, *codes]).astype(np.float32)

    def to_onnx(self, numbers: str, texts: str, output: str, n_numbers: int) -> list[NodeProto]:
        """Nodes that turn the tensors `numbers` [n, numbers] and `texts` [n, texts] into `output`."""
        parts = [numbers] if n_numbers else []
        nodes: list[NodeProto] = []
        for column, levels in enumerate(self.levels):
            index = numpy_helper.from_array(np.array([column], dtype=np.int64))
            nodes += [
                helper.make_node("Constant", [], [f"text_index_{column}"], value=index),
                helper.make_node("Gather", [texts, f"text_index_{column}"], [f"text_{column}"], axis=1),
                helper.make_node(
                    "LabelEncoder",
                    [f"text_{column}"],
                    [f"code_{column}"],
                    domain="ai.onnx.ml",
                    keys_strings=list(levels) or [""],
                    values_floats=[float(code) for code in range(len(levels))] or [UNSEEN],
                    default_float=UNSEEN,
                ),
            ]
            parts.append(f"code_{column}")
        return [*nodes, helper.make_node("Concat", parts, [output], axis=1)]


def _ranked(texts: npt.NDArray[np.str_], target: npt.NDArray[np.float64]) -> tuple[str, ...]:
    levels, inverse, counts = np.unique(texts, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=target, minlength=len(levels))
    means = (sums + _SMOOTHING_ROWS * target.mean()) / (counts + _SMOOTHING_ROWS)
    return tuple(str(level) for level in levels[np.argsort(means, kind="stable")])


def _encode(texts: npt.NDArray[np.str_], levels: tuple[str, ...]) -> npt.NDArray[np.float32]:
    codes = {level: float(code) for code, level in enumerate(levels)}
    return np.array([codes.get(text, UNSEEN) for text in texts.tolist()], dtype=np.float32)
