"""Numbers for models that add columns up: standardised, without nulls, and never far from what was seen."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator, TransformerMixin

FARTHEST = 8.0
"""Standard deviations from the mean: a wilder value counts as this far, as in training so in serving."""

Matrix = npt.NDArray[np.float32]


class Standardizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """[n, k] with NaN to [n, k + columns that had nulls]: values about 0, 0 for null, then 1 where a null was.

    WARNING: float32 throughout and in the order of the graph below, so that both give the same bits. scikit-learn's
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

    def transform(self, matrix: Matrix) -> Matrix:
        null = np.isnan(matrix)
        known = np.where(null, self.mean_, matrix)
        with np.errstate(over="ignore"):  # what grows to infinity is held like all that is far
            scaled = np.clip((known - self.mean_) * self.scale_, np.float32(-FARTHEST), np.float32(FARTHEST))
        return np.hstack([scaled, null[:, self.with_nulls_].astype(np.float32)])


def _shape(operator: Any) -> None:
    fitted = operator.raw_operator
    width = fitted.n_features_in_ + len(fitted.with_nulls_)
    operator.outputs[0].type = FloatTensorType([None, width])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    fitted = operator.raw_operator
    [matrix], [output] = ([each.full_name for each in tensors] for tensors in (operator.inputs, operator.outputs))

    def constant(name: str, kind: int, values: Any) -> str:
        unique = str(scope.get_unique_variable_name(name))
        container.add_initializer(unique, kind, list(np.shape(values)), np.ravel(values).tolist())
        return unique

    def node(kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        result = output or str(scope.get_unique_variable_name(kind.lower()))
        container.add_node(kind, list(inputs), [result], op_version=container.target_opset, **attributes)
        return result

    mean = constant("mean", TensorProto.FLOAT, fitted.mean_)
    bounds = [constant(name, TensorProto.FLOAT, value) for name, value in (("least", -FARTHEST), ("most", FARTHEST))]
    null = node("IsNaN", matrix)
    centred = node("Sub", node("Where", null, mean, matrix), mean)
    scaled = node("Clip", node("Mul", centred, constant("scale", TensorProto.FLOAT, fitted.scale_)), *bounds)
    if len(fitted.with_nulls_):
        flags = node("Cast", null, to=TensorProto.FLOAT)
        chosen = node("Gather", flags, constant("with_nulls", TensorProto.INT64, fitted.with_nulls_), axis=1)
        node("Concat", scaled, chosen, output=output, axis=1)
    else:
        node("Identity", scaled, output=output)


update_registered_converter(Standardizer, "EverloopStandardizer", _shape, _convert)
