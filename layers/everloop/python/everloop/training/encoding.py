"""Categories to codes, fitted once and written as ONNX, so that serving encodes exactly as training did."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper, numpy_helper

from everloop.metrics import Floats
from everloop.training.prepared import Inputs

Texts = npt.NDArray[np.str_]


class Codes(StrEnum):
    """What an algorithm wants a category to become."""

    MEANS = "means"
    """The level's mean target: levels of close codes behave alike, as trees like it."""
    LEVELS = "levels"
    """The level's number, to be taken apart into one column for each level, where there are not too many."""


SMOOTHING_ROWS = 20.0
"""A level's mean target counts as if it had this many more rows of the overall mean (Micci-Barreca 2001)."""
OWN_ROWS = 100
"""From here on a row's part in the mean of its own level is too small to be learned by."""
FOLDS = 5

UNSEEN = -1.0
LEVEL_ROWS = 10
"""Of a level that gets a column of its own: rarer ones are coded like one never seen."""
MOST_LEVELS = 100
"""That a column is taken apart into: one with more of them is coded by means for every algorithm."""


@dataclass(frozen=True)
class ColumnCodes:
    codes: Mapping[str, float]
    other: float
    """Of every other level."""
    kind: Codes

    def encode(self, texts: Texts) -> npt.NDArray[np.float32]:
        return np.array([self.codes.get(text, self.other) for text in texts.tolist()], dtype=np.float32)


@dataclass(frozen=True)
class CategoryEncoder:
    columns: tuple[ColumnCodes, ...]

    def transform(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """[n, numbers + texts] float32: the numbers as they are, then a code for each text."""
        codes = [column.encode(inputs.texts[:, place]) for place, column in enumerate(self.columns)]
        return np.column_stack([inputs.numbers, *codes]).astype(np.float32)

    def places(self, kind: Codes, n_numbers: int) -> list[int]:
        """Which columns of the matrix hold codes of this kind."""
        return [n_numbers + place for place, column in enumerate(self.columns) if column.kind is kind]

    def to_onnx(self, numbers: str, texts: str, output: str, n_numbers: int) -> list[NodeProto]:
        """Nodes that turn the tensors `numbers` [n, numbers] and `texts` [n, texts] into `output`."""
        parts = [numbers] if n_numbers else []
        nodes: list[NodeProto] = []
        for place, column in enumerate(self.columns):
            index = numpy_helper.from_array(np.array([place], dtype=np.int64))
            nodes += [
                helper.make_node("Constant", [], [f"text_index_{place}"], value=index),
                helper.make_node("Gather", [texts, f"text_index_{place}"], [f"text_{place}"], axis=1),
                helper.make_node(
                    "LabelEncoder",
                    [f"text_{place}"],
                    [f"code_{place}"],
                    domain="ai.onnx.ml",
                    keys_strings=list(column.codes) or [""],
                    values_floats=list(column.codes.values()) or [column.other],
                    default_float=column.other,
                ),
            ]
            parts.append(f"code_{place}")
        return [*nodes, helper.make_node("Concat", parts, [output], axis=1)]


def fit_encoder(
    codes: Codes, inputs: Inputs, target: Floats, *, seed: int
) -> tuple[CategoryEncoder, npt.NDArray[np.float32]]:
    """The encoder, and the matrix to fit on: not what it makes of these rows where that would betray their targets."""
    encode = _means if codes is Codes.MEANS else _levels
    encoder = CategoryEncoder(tuple(encode(texts, target) for texts in inputs.texts.T))
    matrix = encoder.transform(inputs)
    n_numbers = inputs.numbers.shape[1]
    folds = np.random.default_rng(seed).permutation(len(target)) % FOLDS
    for place in encoder.places(Codes.MEANS, n_numbers):
        texts = inputs.texts[:, place - n_numbers]
        rare = _rows_of_level(texts) < OWN_ROWS
        matrix[rare, place] = _held_out_means(texts, target, folds)[rare]
    return encoder, matrix


def _held_out_means(texts: Texts, target: Floats, folds: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Of each row's level in the rows of other folds: the mean with the row itself would betray its target.

    A level with few rows otherwise tells a tree what to answer for exactly these rows (Prokhorenkova et al., CatBoost,
    2018, section 3.2).
    """
    means = np.empty(len(texts), np.float32)
    for fold in range(FOLDS):
        held_out = folds == fold
        means[held_out] = _means(texts[~held_out], target[~held_out]).encode(texts[held_out])
    return means


def _rows_of_level(texts: Texts) -> npt.NDArray[np.int64]:
    _, inverse, counts = np.unique(texts, return_inverse=True, return_counts=True)
    return counts[inverse]


def _means(texts: Texts, target: Floats) -> ColumnCodes:
    levels, inverse, counts = np.unique(texts, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=target, minlength=len(levels))
    overall = float(target.mean())
    means = (sums + SMOOTHING_ROWS * overall) / (counts + SMOOTHING_ROWS)
    return ColumnCodes(dict(zip(levels.tolist(), means.tolist(), strict=True)), overall, Codes.MEANS)


def _levels(texts: Texts, target: Floats) -> ColumnCodes:
    levels, counts = np.unique(texts, return_counts=True)
    if len(levels) > MOST_LEVELS:
        return _means(texts, target)
    frequent = levels[counts >= LEVEL_ROWS].tolist()
    return ColumnCodes({level: float(code) for code, level in enumerate(frequent)}, UNSEEN, Codes.LEVELS)
