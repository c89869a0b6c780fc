"""Numbers for models that add columns up: standardised, without nulls, and never far from what was seen."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator, TransformerMixin

from everloop.training.algorithms._graph import Graph

FARTHEST = 8.0
"""Standard deviations from the mean: a wilder value counts as this far, as in training so in serving."""

Matrix = npt.NDArray[np.float32]


class Standardizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """[n, k] with NaN to [n, k + columns that had nulls]: values about 0, 0 for null, then 1 where a null was.

    WARNING: computed in float32 and in the order of the graph below, so that both give the same bits; handed on as
    float64, in which the sums that follow are made. scikit-learn's
    SimpleImputer(add_indicator=True) would lose its indicators in the conversion without a word.
    """

    def fit(self, matrix: Matrix, target: Any = None) -> Self:  # noqa: ARG002  # as every transformer has it
        known = np.ma.masked_invalid(matrix.astype(np.float64))
        self.mean_ = np.ma.filled(known.mean(axis=0), 0).astype(np.float32)
        deviation = np.ma.filled(known.std(axis=0), 0)
        # A constant column, or one that only rounding moves, stays at 0.
        varies = deviation > np.maximum(1e-6 * np.abs(self.mean_), 1e-30)
        self.scale_ = np.where(varies, 1 / np.where(varies, deviation, 1), 0).astype(np.float32)
        self.with_nulls_ = np.flatnonzero(np.isnan(matrix).any(axis=0))
        self.n_features_in_ = matrix.shape[1]
        return self

    def transform(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        null = np.isnan(matrix)
        known = np.where(null, self.mean_, matrix)
        with np.errstate(over="ignore"):  # what grows to infinity is held like all that is far
            scaled = np.clip((known - self.mean_) * self.scale_, np.float32(-FARTHEST), np.float32(FARTHEST))
        return np.hstack([scaled, null[:, self.with_nulls_]]).astype(np.float64)


def _shape(operator: Any) -> None:
    fitted = operator.raw_operator
    width = fitted.n_features_in_ + len(fitted.with_nulls_)
    operator.outputs[0].type = FloatTensorType([None, width])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    graph = Graph(scope, operator, container)
    fitted, [output] = graph.fitted, graph.outputs
    mean, scale = graph.constant(fitted.mean_), graph.constant(fitted.scale_)
    null = graph.node("IsNaN", graph.matrix)
    centred = graph.node("Sub", graph.node("Where", null, mean, graph.matrix), mean)
    bounds = graph.constant(-FARTHEST), graph.constant(FARTHEST)
    scaled = graph.node("Clip", graph.node("Mul", centred, scale), *bounds)
    if not len(fitted.with_nulls_):
        graph.node("Identity", scaled, output=output)
        return
    places = graph.constant(fitted.with_nulls_, TensorProto.INT64)
    flags = graph.node("Gather", graph.node("Cast", null, to=TensorProto.FLOAT), places, axis=1)
    graph.node("Concat", scaled, flags, output=output, axis=1)


update_registered_converter(Standardizer, "EverloopStandardizer", _shape, _convert)
