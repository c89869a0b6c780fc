"""Random search: draw a trial's parameters, fit, and judge on the newest part of the training rows."""

import time
from typing import Any

import numpy as np

from everloop.contracts.definition import LOWER_IS_BETTER, Definition, Task
from everloop.errors import AllTrialsFailedError
from everloop.metrics import METRICS
from everloop.training.algorithms import Shape, load_algorithm
from everloop.training.encoding import CategoryEncoder
from everloop.training.prepared import Inputs, PreparedDataset

_VALIDATION_SHARE = 0.2

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
    """Fit on the older rows of the training part, score the newest ones; returns the trial with metric and seconds."""
    started = time.perf_counter()
    inputs, target = dataset.train
    validation = max(1, int(len(target) * _VALIDATION_SHARE))
    parameters = draw_parameters(trial["algorithm"], trial["draw"], definition.training.seed)
    encoder, estimator = fit(
        trial["algorithm"],
        parameters,
        dataset.task,
        inputs[:-validation],
        target[:-validation],
        seed=definition.training.seed,
    )
    score = predict(estimator, dataset.task, encoder.transform(inputs[-validation:]))
    value = METRICS[definition.metric](target[-validation:], score)
    return {
        **trial,
        "parameters": parameters,
        "metric": definition.metric,
        "value": value if np.isfinite(value) else None,
        "seconds": round(time.perf_counter() - started, 3),
    }


def best_trial(trials: list[Trial], metric: str) -> Trial:
    """Raises AllTrialsFailedError with each trial's reason when none has a value."""
    done = [trial for trial in trials if trial.get("value") is not None and np.isfinite(trial["value"])]
    if not done:
        reasons = "; ".join(f"trial {trial.get('trial')}: {trial.get('error', 'no finite metric')}" for trial in trials)
        raise AllTrialsFailedError(f"all {len(trials)} trials failed: {reasons}"[:4000])
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return max(done, key=lambda trial: (sign * trial["value"], -trial["trial"]))


def fit(
    algorithm: str, parameters: dict[str, Any], task: Task, inputs: Inputs, target: Any, *, seed: int
) -> tuple[CategoryEncoder, Any]:
    encoder = CategoryEncoder.fit(inputs.texts, target)
    shape = Shape(inputs.numbers.shape[1], inputs.texts.shape[1])
    estimator = load_algorithm(algorithm).build(task, shape, parameters, seed)
    labels = target if task is Task.REGRESSION else target.astype(np.int64)
    return encoder, estimator.fit(encoder.transform(inputs), labels)


def predict(estimator: Any, task: Task, matrix: Any) -> Any:
    """Probability of class 1 [n], probabilities [n, classes], or values [n]."""
    if task is Task.REGRESSION:
        return estimator.predict(matrix)
    probabilities = estimator.predict_proba(matrix)
    return probabilities[:, 1] if task is Task.BINARY else probabilities
