"""Linear models that keep the directions of columns, by coefficients of one sign: scikit-learn's own have no bounds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]  # scipy has no types

from everloop.metrics import Floats
from everloop.training.algorithms import Rows
from everloop.training.algorithms._dense import numbers_of

Loss = Callable[[Floats], tuple[Floats, Floats]]
"""Weighted sums [n] to the loss of each row and its derivative [n]; half the squared coefficients are added to it."""

_PRECISE = {"maxiter": 1_000, "ftol": 1e-12, "gtol": 1e-8}


def keep_directions(pipeline: Any, rows: Rows, directions: Sequence[int], loss: Loss) -> None:
    """Fit the estimator behind the front again, with each coefficient on its side of 0.

    The loss is convex and so are the bounds: what L-BFGS-B finds (Byrd, Lu, Nocedal and Zhu, 1995) is the one optimum.
    """
    front, estimator = pipeline[0], pipeline[-1]
    design = front.transform(rows.matrix)
    signs = np.zeros(design.shape[1])  # neither a null's flag nor a level has a direction
    numbers = numbers_of(rows)
    signs[: len(numbers)] = np.take(directions, numbers)
    least, most = (np.where(side, 0, end) for side, end in ((signs > 0, -np.inf), (signs < 0, np.inf)))

    def penalised(weights: Floats) -> tuple[float, Floats]:
        coefficients, intercept = weights[:-1], weights[-1]
        losses, slopes = loss(design @ coefficients + intercept)
        gradient = np.append(design.T @ slopes + coefficients, slopes.sum())
        return float(losses.sum() + coefficients @ coefficients / 2), gradient

    start = np.append(np.clip(estimator.coef_.ravel(), least, most), estimator.intercept_)
    bounds = [*zip(least, most, strict=True), (-np.inf, np.inf)]
    found = minimize(penalised, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_PRECISE).x
    estimator.coef_ = found[:-1].reshape(estimator.coef_.shape)
    estimator.intercept_ = found[-1:].reshape(np.shape(estimator.intercept_))
