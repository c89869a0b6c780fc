"""A trial of the random search: draw its parameters, fit, and judge on the newest part of the training rows."""

import time
from typing import Any

import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.splits import FOLDS, PARTS
from everloop.metrics import METRICS
from everloop.training.algorithms import load_algorithm
from everloop.training.halving import Trial, sample
from everloop.training.learned import learn
from everloop.training.prepared import PreparedDataset


def draw_parameters(algorithm: str, draw: int, seed: int) -> dict[str, Any]:
    """The defaults for draw 0, then uniform over the space; the same seed draws the same."""
    space = load_algorithm(algorithm).SPACE
    rng = np.random.default_rng([seed, draw])
    return {name: values[int(rng.integers(len(values))) if draw else 0] for name, values in space.items()}


def run_trial(trial: Trial, dataset: PreparedDataset, definition: Definition) -> dict[str, Any]:
    """Judge the trial by forward chaining: fit on the oldest rows, score the next fifth, three times over.

    Hyndman and Athanasopoulos, Forecasting: Principles and Practice (2021), section 5.10. On a sample of the training
    rows where the trial says of how many `rows`, and there on the newest fold alone: who goes on is told by less than
    who wins. Returns the trial with its parameters, the metric of each fold, their mean, and the seconds it took.
    """
    started = time.perf_counter()
    seen = sample(dataset, trial.get("rows"), seed=definition.training.seed)
    parameters = draw_parameters(trial["algorithm"], trial["draw"], definition.training.seed)
    judged = range(FOLDS) if seen is dataset else [FOLDS - 1]
    folds = [_score_fold(trial["algorithm"], parameters, seen, definition, fold) for fold in judged]
    return {
        **trial,
        "parameters": parameters,
        "metric": definition.metric,
        "folds": [fold if np.isfinite(fold) else None for fold in folds],
        "value": float(np.mean(folds)) if np.isfinite(folds).all() else None,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _score_fold(
    algorithm: str, parameters: dict[str, Any], dataset: PreparedDataset, definition: Definition, fold: int
) -> float:
    rows = len(dataset.target) - dataset.holdout_rows
    start, end = (int(rows * (PARTS - FOLDS + fold + step) / PARTS) for step in (0, 1))
    learned = learn(algorithm, parameters, dataset, slice(start), seed=definition.training.seed)
    return METRICS[definition.metric](*learned.judge(dataset, slice(start, end)))
