"""How much one mean exceeds another, with bounds that hold at every look: whoever peeks each hour is not fooled."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ALPHA = 0.05
"""The chance that the bounds ever leave out the true difference, however often and however long one looks."""
SHARPEST_AT = 2_000
"""Independent rows of each variant at which the bounds are the narrowest they can be: what tells a difference of a
tenth of a standard deviation. At a tenth of it they are a quarter wider than the best, at a hundred times a sixth."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Difference(NamedTuple):
    value: float
    """Challenger minus champion, in units of the loss: below 0 the challenger is better."""
    low: float
    high: float


def difference_of_means(
    loss: Floats, challenger: npt.NDArray[np.bool_], unit: Codes, stratum: Codes, *, alpha: float = ALPHA
) -> Difference | None:
    """Of rows [n] that were answered by either variant; None as long as nothing can be said.

    `unit` numbers the entities from 0: rows of one resemble each other, so the variance is that of units, by the
    jackknife (Efron and Stein, Ann. Statist. 1981; few heavy users make it too large rather than too small).
    `stratum` numbers the times in which one share held: a mean over several would compare quiet days with busy ones.
    """
    strata, units = int(stratum.max(initial=-1)) + 1, int(unit.max(initial=-1)) + 1
    cell = (stratum * 2 + challenger) * units + unit
    shape = (strata, 2, units)
    rows = np.bincount(cell, minlength=strata * 2 * units).reshape(shape).astype(np.float64)
    sums = np.bincount(cell, loss, minlength=strata * 2 * units).reshape(shape)
    kept = ((rows > 0).sum(axis=2) > 1).all(axis=1)
    if not kept.any():
        return None
    rows, sums = rows[kept], sums[kept]
    count = rows.sum(axis=2)
    mean = sums.sum(axis=2) / count
    weight = 1 / (1 / count).sum(axis=1)
    weight /= weight.sum()
    rest = count[:, :, None] - rows
    influence = weight[:, None, None] * (sums - mean[:, :, None] * rows) / rest
    own = float(((influence[:, 1] - influence[:, 0]).sum(axis=0) ** 2).sum())
    # A variant that has not met its rare mistakes yet looks surer than it is, so it varies as both together at least.
    common = (sums.sum(axis=(1, 2)) / count.sum(axis=1))[:, None, None]
    per_row = float((count[:, :, None] ** 2 * ((sums - common * rows) / rest) ** 2).sum() / count.sum())
    pooled = per_row * float((weight[:, None] ** 2 / count).sum())
    of_rows = kept[stratum]
    strays = loss[of_rows] - common[:, 0, 0][np.cumsum(kept)[stratum[of_rows]] - 1]
    value = float(weight @ (mean[:, 1] - mean[:, 0]))
    return _bounded(value, max(own, pooled), 2 * float(strays @ strays) / len(strays), loss, alpha)


def mean_of_pairs(excess: Floats, unit: Codes, *, alpha: float = ALPHA) -> Difference | None:
    """Of the challenger's loss beyond the champion's on the same rows [n]; None as long as nothing can be said."""
    rows = np.bincount(unit).astype(np.float64)
    if (rows > 0).sum() < 2:
        return None
    # About 0 rather than about the mean: pairs that all differ alike would have no variance otherwise.
    variance = float(((np.bincount(unit, excess) / (len(excess) - rows)) ** 2).sum())
    return _bounded(float(excess.mean()), variance, float(excess @ excess) / len(excess), excess, alpha)


def _bounded(value: float, variance: float, of_rows: float, loss: Floats, alpha: float) -> Difference | None:
    """`of_rows` is what `variance` would be, times their number, if all rows were independent and evenly split."""
    if of_rows <= np.finfo(np.float64).eps * float(loss @ loss) / len(loss):
        return None  # all rows lost the same
    width = float(boundary(of_rows / variance, alpha)) * variance**0.5
    return Difference(value, value - width, value + width)


def boundary(rows: float | Floats, alpha: float = ALPHA) -> Floats:
    """How many standard errors the estimate may ever be off, by how many independent rows of each variant it rests on.

    The two-sided normal mixture √((V + ρ)·ln((V + ρ) / (α²ρ))) of Howard, Ramdas, McAuliffe and Sekhon (Ann. Statist.
    49, 2021) over √V; with estimated variances it holds asymptotically (Waudby-Smith, Arbour, Sinha, Kennedy and
    Ramdas, Ann. Statist. 52, 2024, whose approximation of the best ρ this is). Rows of one unit that resemble each
    other let the estimate wander less between two looks than independent ones would, so it holds for units, too.
    """
    best = -2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))
    intrinsic = np.asarray(rows, np.float64) * best / SHARPEST_AT
    return np.asarray(np.sqrt((intrinsic + 1) / intrinsic * np.log((intrinsic + 1) / alpha**2)))
