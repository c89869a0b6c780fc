"""Random search: draw a trial's parameters, fit, and judge on the newest part of the training rows."""

import time
from typing import Any

import numpy as np

from everloop.contracts.definition import LOWER_IS_BETTER, Definition
from everloop.contracts.splits import FOLDS, PARTS
from everloop.errors import AllTrialsFailedError
from everloop.metrics import METRICS
from everloop.training.algorithms import load_algorithm
from everloop.training.learned import fit
from everloop.training.prepared import PreparedDataset

Trial = dict[str, Any]


def plan_trials(definition: Definition) -> list[Trial]:
    """Which algorithm each trial tries: all in turn, so that few trials still see every one."""
    algorithms = definition.algorithms
    return [
        {"trial": number, "algorithm": algorithms[number % len(algorithms)], "draw": number // len(algorithms)}
        for number in range(max(definition.training.trials, len(algorithms)))
    ]


def draw_parameters(algorithm: str, draw: int, seed: int) -> dict[str, Any]:
    """The defaults for draw 0, then uniform over the space; the same seed draws the same."""
    space = load_algorithm(algorithm).SPACE
    rng = np.random.default_rng([seed, draw])
    return {name: values[int(rng.integers(len(values))) if draw else 0] for name, values in space.items()}


def run_trial(trial: Trial, dataset: PreparedDataset, definition: Definition) -> dict[str, Any]:
    """Judge the trial by forward chaining: fit on the oldest rows, score the next fifth, three times over.

    Hyndman and Athanasopoulos, Forecasting: Principles and Practice (2021), section 5.10. Returns the trial with its
    parameters, the metric of each fold, their mean, and the seconds it took.
    """
    started = time.perf_counter()
    parameters = draw_parameters(trial["algorithm"], trial["draw"], definition.training.seed)
    folds = [_score_fold(trial["algorithm"], parameters, dataset, definition, fold) for fold in range(FOLDS)]
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
    inputs, target = dataset.train
    start, end = (int(len(target) * (PARTS - FOLDS + fold + step) / PARTS) for step in (0, 1))
    learned = fit(algorithm, parameters, dataset, slice(start), seed=definition.training.seed)
    score = learned.predict(inputs[start:end])
    return METRICS[definition.metric](target[start:end], score)


def best_trial(trials: list[Trial], metric: str) -> Trial:
    """The earliest trial that the best one does not beat by more than a standard error of their paired differences.

    Defaults come first, and luck must not displace them: the one-standard-error rule of Breiman, Friedman, Olshen and
    Stone, Classification and Regression Trees (1984), section 3.4.3. Raises AllTrialsFailedError with each trial's
    reason when none has a value.
    """
    done = [trial for trial in trials if trial.get("value") is not None and np.isfinite(trial["value"])]
    if not done:
        reasons = "; ".join(f"trial {trial.get('trial')}: {trial.get('error', 'no finite metric')}" for trial in trials)
        raise AllTrialsFailedError(f"all {len(trials)} trials failed: {reasons}"[:4000])
    sign = -1 if metric in LOWER_IS_BETTER else 1
    best = max(done, key=lambda trial: sign * trial["value"])

    def is_as_good(trial: Trial) -> bool:
        gain = sign * (np.array(best["folds"]) - np.array(trial["folds"]))
        return bool(gain.mean() <= gain.std(ddof=1) / np.sqrt(len(gain)))

    return next(trial for trial in sorted(done, key=lambda trial: int(trial["trial"])) if is_as_good(trial))
