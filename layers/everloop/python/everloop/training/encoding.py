"""Texts to codes, fitted once and written as ONNX, so that serving encodes exactly as training did."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper, numpy_helper

from everloop.metrics import Floats
from everloop.training.prepared import Inputs
from everloop.training.tfidf import TextCodes, fit_texts

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
    width = 1

    def encode(self, texts: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """[n, 1]"""
        return np.array([[self.codes.get(text, self.other)] for text in texts.tolist()], np.float32).reshape(-1, 1)

    def to_onnx(self, text: str, code: str) -> list[NodeProto]:
        encoder = helper.make_node(
            "LabelEncoder",
            [text],
            [code],
            domain="ai.onnx.ml",
            keys_strings=list(self.codes) or [""],
            values_floats=list(self.codes.values()) or [self.other],
            default_float=self.other,
        )
        return [encoder]


@dataclass(frozen=True)
class Encoder:
    columns: tuple[ColumnCodes | TextCodes, ...]

    def transform(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """[n, numbers + widths] float32: the numbers as they are, then the codes of each text."""
        codes = [column.encode(inputs.texts[:, place]) for place, column in enumerate(self.columns)]
        return np.column_stack([inputs.numbers, *codes]).astype(np.float32)

    def places(self, kind: Codes, n_numbers: int) -> list[int]:
        """Which columns of the matrix hold codes of categories of this kind."""
        places = accumulate((column.width for column in self.columns), initial=n_numbers)
        of_columns = zip(places, self.columns, strict=False)  # the last place is the width of the matrix
        return [place for place, column in of_columns if isinstance(column, ColumnCodes) and column.kind is kind]

    def to_onnx(self, numbers: str, texts: str, output: str, n_numbers: int) -> list[NodeProto]:
        """Nodes that turn the tensors `numbers` [n, numbers] and `texts` [n, texts] into `output`."""
        parts = [numbers] if n_numbers else []
        nodes: list[NodeProto] = []
        for place, column in enumerate(self.columns):
            index = numpy_helper.from_array(np.array([place], dtype=np.int64))
            nodes += [
                helper.make_node("Constant", [], [f"text_index_{place}"], value=index),
                helper.make_node("Gather", [texts, f"text_index_{place}"], [f"text_{place}"], axis=1),
                *column.to_onnx(f"text_{place}", f"code_{place}"),
            ]
            parts.append(f"code_{place}")
        return [*nodes, helper.make_node("Concat", parts, [output], axis=1)]


def fit_encoder(
    codes: Codes, inputs: Inputs, target: Floats, *, seed: int, free: Collection[int] = (), classes: int = 0
) -> tuple[Encoder, npt.NDArray[np.float32]]:
    """The encoder, and the matrix to fit on: not what it makes of these rows where that would betray their targets.

    `free` are the places of the texts that are read word by word; the others are categories. Of more than two `classes`
    a free text gets a code for each.
    """
    ranks = np.random.default_rng(seed).permutation(len(target))
    outcomes = np.eye(classes)[target.astype(np.int64)] if classes > 2 else target.reshape(-1, 1)
    fitted: list[tuple[ColumnCodes | TextCodes, npt.NDArray[np.float32]]] = [
        fit_texts(texts, outcomes, ranks)
        if place in free
        else _fit_levels(codes, texts.astype(np.str_), target, ranks % FOLDS)
        for place, texts in enumerate(inputs.texts.T)
    ]
    parts = [inputs.numbers, *(part for _, part in fitted)]
    return Encoder(tuple(column for column, _ in fitted)), np.column_stack(parts).astype(np.float32)


def _fit_levels(
    codes: Codes, texts: Texts, target: Floats, folds: npt.NDArray[np.int64]
) -> tuple[ColumnCodes, npt.NDArray[np.float32]]:
    column = (_means if codes is Codes.MEANS else _levels)(texts, target)
    part = column.encode(texts)
    if column.kind is Codes.MEANS:
        _, level, counts = np.unique(texts, return_inverse=True, return_counts=True)
        rare = counts[level] < OWN_ROWS
        part[rare] = _held_out_means(level, target, folds)[rare]
    return column, part


def _held_out_means(
    level: npt.NDArray[np.int64], target: Floats, folds: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Of each row's level, by its number, in the rows of other folds: with the row itself it would betray its target.

    A level with few rows otherwise tells a tree what to answer for exactly these rows (Prokhorenkova et al., CatBoost,
    2018, section 3.2).
    """
    means = np.empty((len(level), 1), np.float32)
    for fold in range(FOLDS):
        held_out = folds == fold
        of_levels, _ = _smoothed_means(level[~held_out], target[~held_out], level.max() + 1)
        means[held_out, 0] = of_levels[level[held_out]]
    return means


def _smoothed_means(level: npt.NDArray[np.int64], target: Floats, levels: int) -> tuple[Floats, float]:
    """[levels], and the mean of all rows, which that of a level without rows is."""
    counts, sums = np.bincount(level, minlength=levels), np.bincount(level, target, minlength=levels)
    overall = float(target.mean())
    return np.where(counts, (sums + SMOOTHING_ROWS * overall) / (counts + SMOOTHING_ROWS), overall), overall


def _means(texts: Texts, target: Floats) -> ColumnCodes:
    levels, level = np.unique(texts, return_inverse=True)
    means, overall = _smoothed_means(level, target, len(levels))
    return ColumnCodes(dict(zip(levels.tolist(), means.tolist(), strict=True)), overall, Codes.MEANS)


def _levels(texts: Texts, target: Floats) -> ColumnCodes:
    levels, counts = np.unique(texts, return_counts=True)
    if len(levels) > MOST_LEVELS:
        return _means(texts, target)
    frequent = levels[counts >= LEVEL_ROWS].tolist()
    return ColumnCodes({level: float(code) for code, level in enumerate(frequent)}, UNSEEN, Codes.LEVELS)
