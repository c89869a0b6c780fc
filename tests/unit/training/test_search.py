"""The random search: seeded draws, a validation part that is never fitted on, a best trial."""

import json
from typing import Any

import pytest

from everloop.contracts.definition import ALGORITHMS, LOWER_IS_BETTER, Task
from everloop.errors import AllTrialsFailedError
from everloop.training.algorithms import load_algorithm
from everloop.training.search import best_trial, draw_parameters, plan_trials, run_trial
from tests.samples import LEARNERS, example, prepared


def trial(number: int, value: float | None, **more: Any) -> dict[str, Any]:
    return {"trial": number, "algorithm": "ridge", "draw": 0, "value": value, "folds": [value] * 3, **more}


def test_trials_take_the_algorithms_in_turn() -> None:
    two = ["hist-gradient-boosting", "logistic-regression"]
    plan = plan_trials(example(Task.BINARY, training={"trials": 5, "algorithms": two}))
    assert [(trial["trial"], trial["algorithm"], trial["draw"]) for trial in plan] == [
        (0, "hist-gradient-boosting", 0),
        (1, "logistic-regression", 0),
        (2, "hist-gradient-boosting", 1),
        (3, "logistic-regression", 1),
        (4, "hist-gradient-boosting", 2),
    ]


def test_few_trials_still_see_every_algorithm() -> None:
    plan = plan_trials(example(Task.BINARY, training={"trials": 1}))
    assert [trial["algorithm"] for trial in plan] == [
        name for name, tasks in ALGORITHMS.items() if Task.BINARY in tasks
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_draws_are_seeded_and_start_with_the_defaults(algorithm: str) -> None:
    space = load_algorithm(algorithm).SPACE
    assert draw_parameters(algorithm, 0, seed=1) == {name: values[0] for name, values in space.items()}
    draws = [draw_parameters(algorithm, draw, seed=1) for draw in range(20)]
    assert draws == [draw_parameters(algorithm, draw, seed=1) for draw in range(20)]
    assert draws != [draw_parameters(algorithm, draw, seed=2) for draw in range(20)]
    assert all(values[name] in space[name] for values in draws for name in space)
    assert len({json.dumps(values) for values in draws}) > 3


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_a_trial_tells_all_that_is_needed_to_repeat_it(algorithm: str, task: Task) -> None:
    planned = {"trial": 3, "algorithm": algorithm, "draw": 1}
    result = run_trial(planned, prepared(task), example(task))
    assert result.items() >= planned.items()
    assert result["parameters"] == draw_parameters(algorithm, 1, 7)
    assert result["metric"] == example(task).metric
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    again = run_trial(planned, prepared(task), example(task))
    assert again["value"] == result["value"]


def test_a_trial_never_looks_at_the_holdout() -> None:
    plain = prepared(Task.REGRESSION)
    poisoned = prepared(Task.REGRESSION)
    poisoned.target[-poisoned.holdout_rows :] = 1e9
    planned = {"trial": 0, "algorithm": "ridge", "draw": 0}
    results = [run_trial(planned, dataset, example(Task.REGRESSION))["value"] for dataset in (plain, poisoned)]
    assert results[0] == results[1]


def test_a_metric_that_cannot_be_told_is_null_and_no_nan_in_the_answer() -> None:
    """The newest training rows may all be of one class: Step Functions refuses NaN."""
    dataset = prepared(Task.BINARY)
    dataset.target[320:400] = 0
    result = run_trial({"trial": 0, "algorithm": "logistic-regression", "draw": 0}, dataset, example(Task.BINARY))
    assert result["value"] is None
    json.dumps(result, allow_nan=False)
    with pytest.raises(AllTrialsFailedError, match="trial 0: no finite metric"):
        best_trial([result], "roc_auc")


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "r2", "log_loss", "mae", "rmse"])
def test_the_best_trial_is_the_highest_or_for_losses_the_lowest(metric: str) -> None:
    best = best_trial([trial(0, 0.5), trial(1, 0.7), trial(2, 0.3)], metric)
    assert best["trial"] == (2 if metric in LOWER_IS_BETTER else 1)


def test_of_equals_the_first_trial_is_the_best_in_whatever_order_they_come() -> None:
    trials = [trial(2, 0.7), trial(1, 0.7), trial(0, 0.5)]
    assert best_trial(trials, "roc_auc")["trial"] == 1


@pytest.mark.parametrize("sign", [1, -1], ids=["higher is better", "lower is better"])
def test_luck_within_one_standard_error_does_not_displace_an_earlier_trial(sign: int) -> None:
    metric = "r2" if sign > 0 else "rmse"

    def folds(*values: float) -> dict[str, Any]:
        return {"value": sign * sum(values) / 3, "folds": [sign * value for value in values]}

    clearly_worse = {**trial(0, 0), **folds(0.50, 0.51, 0.52)}
    as_good = {**trial(1, 0), **folds(0.60, 0.70, 0.80)}
    lucky = {**trial(2, 0), **folds(0.70, 0.69, 0.80)}
    steadily_better = {**trial(3, 0), **folds(0.71, 0.81, 0.91)}
    assert best_trial([lucky, clearly_worse, as_good], metric)["trial"] == 1
    assert best_trial([clearly_worse, as_good, steadily_better], metric)["trial"] == 3


def test_failed_trials_are_passed_over() -> None:
    trials = [{"trial": 0, "error": "Sandbox.Timedout"}, trial(1, None), trial(2, float("nan")), trial(3, 0.6)]
    assert best_trial(trials, "roc_auc")["trial"] == 3


def test_when_all_failed_each_says_why() -> None:
    with pytest.raises(AllTrialsFailedError) as caught:
        best_trial([{"trial": 0, "error": "Sandbox.Timedout"}, trial(1, None)], "roc_auc")
    assert str(caught.value) == "all 2 trials failed: trial 0: Sandbox.Timedout; trial 1: no finite metric"
    with pytest.raises(AllTrialsFailedError) as caught:
        best_trial([{"trial": number, "error": "x" * 200} for number in range(200)], "roc_auc")
    assert len(str(caught.value)) <= 4_000
