"""The search's plan, who goes on from rung to rung, and which trial is the best at the end."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from everloop.contracts.tasks import ALGORITHMS, LOWER_IS_BETTER, Task
from everloop.errors import AllTrialsFailedError
from everloop.training.halving import (
    ETA,
    FEWEST_CLASS_ROWS,
    FEWEST_LEFT,
    FEWEST_ROWS,
    FEWEST_TRIALS,
    best_trial,
    explain_choice,
    plan_search,
    plan_trials,
    sample,
    select_trials,
)
from everloop.training.prepared import PreparedDataset
from everloop.training.search import draw_parameters, run_trial
from tests.samples import example, prepared

ROWS = 160_000
MAXIMUM_STATE_BYTES = 262_144


def trial(number: int, value: float | None, **more: Any) -> dict[str, Any]:
    return {"trial": number, "algorithm": "ridge", "draw": 0, "value": value, "folds": [value] * 3, **more}


@cache
def large(task: Task = Task.BINARY) -> PreparedDataset:
    return prepared(task, rows=ROWS + 200)


def search_of(trials: int, task: Task = Task.BINARY, dataset: PreparedDataset | None = None) -> dict[str, Any]:
    definition = example(task, training={"trials": trials})
    return plan_search(plan_trials(definition), dataset or large(task), seed=7)


def judged(search: dict[str, Any], *values: float | None) -> list[dict[str, Any]]:
    """A trial without a value was lost."""
    return [
        {**planned, "error": "Sandbox.Timedout"} if value is None else {**planned, "value": value, "folds": [value] * 3}
        for planned, value in zip(search["trials"], values, strict=True)
    ]


def numbers(trials: list[dict[str, Any]]) -> list[int]:
    return [trial["trial"] for trial in trials]


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


@pytest.mark.parametrize("trials", [1, 6, FEWEST_TRIALS - 1])
def test_few_trials_are_all_judged_on_all_rows(trials: int) -> None:
    search = search_of(trials)
    assert (search["rungs"], search["is_last"]) == ([ROWS], True)
    assert {trial["rows"] for trial in search["trials"]} == {ROWS}


def test_few_rows_are_judged_at_once() -> None:
    assert search_of(200, dataset=prepared(Task.BINARY))["rungs"] == [400]
    assert search_of(200, dataset=prepared(Task.BINARY, rows=ETA * FEWEST_ROWS + 199))["rungs"] == [29_999]
    assert search_of(200, dataset=prepared(Task.BINARY, rows=ETA * FEWEST_ROWS + 200))["rungs"] == [10_000, 30_000]


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_each_rung_has_three_times_the_rows_of_the_one_before_and_the_last_has_all(task: Task) -> None:
    search = search_of(12, task)
    assert search["rungs"] == [17_777, 53_333, ROWS]
    assert not search["is_last"]
    assert {(trial["rung"], trial["rows"]) for trial in search["trials"]} == {(0, 17_777)}


def test_a_rung_keeps_enough_rows_of_each_class_to_judge_by() -> None:
    """Of a class of one row in 300, 59 are in a sample of 17,777: too few for five parts."""
    dataset = prepared(Task.BINARY, rows=ROWS + 200)
    dataset.target[:] = np.arange(len(dataset.target)) % 300 == 0
    assert search_of(12, dataset=dataset)["rungs"] == [53_333, ROWS]
    parts = np.array_split(sample(dataset, 53_333, seed=7).target, 5)
    assert min(part.sum() for part in parts) >= FEWEST_CLASS_ROWS


def test_a_class_that_the_newest_rows_lack_stops_halving() -> None:
    dataset = prepared(Task.BINARY, rows=ROWS + 200)
    dataset.target[120_000:ROWS] = 0
    assert search_of(12, dataset=dataset)["rungs"] == [ROWS]


def test_a_sample_is_drawn_from_all_training_rows_and_keeps_their_order() -> None:
    dataset = large()
    dataset.inputs.numbers[:, 0] = np.arange(len(dataset.target))
    small, larger = (sample(dataset, rows, seed=7).inputs.numbers[:, 0] for rows in (17_777, 53_333))
    assert (np.diff(small) > 0).all()
    assert small.max() < ROWS, "none of the holdout"
    assert np.isin(small, larger).all()
    share = np.histogram(small, bins=10, range=(0, ROWS))[0] / len(small)
    assert np.abs(share - 0.1).max() < 0.01, "as many of each time"
    assert not np.array_equal(small, sample(dataset, 17_777, seed=8).inputs.numbers[:, 0])
    assert sample(dataset, ROWS, seed=7) is sample(dataset, None, seed=7) is dataset


@pytest.mark.parametrize("sign", [1, -1], ids=["higher is better", "lower is better"])
def test_the_best_third_goes_on_and_the_others_are_kept_as_they_ended(sign: int) -> None:
    metric = "roc_auc" if sign > 0 else "log_loss"
    search = search_of(12)
    results = judged(search, *(sign * value for value in (9, 1, 1, 1, 1, 1, 8, 1, 1, 2, 7, 6)))
    following = select_trials(search, results, metric)
    best, defaults = [0, 6, 10, 11], [4, 5]
    assert numbers(following["trials"]) == sorted(best + defaults)
    assert {(trial["rung"], trial["rows"]) for trial in following["trials"]} == {(1, 53_333)}
    assert following["dropped"] == [results[number] for number in (1, 2, 3, 7, 8, 9)]
    assert not following["is_last"]


def test_the_defaults_go_on_as_long_as_a_draw_of_their_algorithm_does() -> None:
    """So that the one-standard-error rule can prefer them on all rows."""
    search = search_of(12)
    following = select_trials(search, judged(search, *range(12)), "roc_auc")
    assert numbers(following["trials"]) == [2, 3, 4, 5, 8, 9, 10, 11]
    last = select_trials(following, judged(following, 1, 1, 1, 1, 2, 3, 4, 5), "roc_auc")
    assert (numbers(last["trials"]), last["is_last"]) == ([4, 5, 10, 11], True)
    assert sorted(numbers(last["dropped"])) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert {trial["trial"]: trial["rung"] for trial in last["dropped"]} == dict.fromkeys(
        [0, 1, 6, 7], 0
    ) | dict.fromkeys([2, 3, 8, 9], 1)


def test_one_alone_never_goes_on() -> None:
    search = search_of(9)
    following = select_trials(search, judged(search, 9, *range(8)), "roc_auc")
    last = select_trials(following, judged(following, *range(len(following["trials"]))), "roc_auc")
    assert len(last["trials"]) >= FEWEST_LEFT


def test_a_lost_trial_is_dropped_with_its_error() -> None:
    search = search_of(12)
    following = select_trials(search, judged(search, None, *[0.5] * 11), "roc_auc")
    assert 0 not in numbers(following["trials"])
    [lost] = [trial for trial in following["dropped"] if "error" in trial]
    assert (lost["trial"], lost["algorithm"], lost["error"]) == (0, "hist-gradient-boosting", "Sandbox.Timedout")


def test_a_rung_that_lost_all_ends_the_search() -> None:
    search = search_of(9)
    with pytest.raises(AllTrialsFailedError, match=r"all 9 trials failed: trial 0: Sandbox\.Timedout; trial 1"):
        select_trials(search, judged(search, *[None] * 9), "roc_auc")


def test_the_same_results_in_any_order_select_the_same() -> None:
    search = search_of(12)
    results = judged(search, *[0.5] * 12)
    assert (
        select_trials(search, results[::-1], "roc_auc")["trials"] == select_trials(search, results, "roc_auc")["trials"]
    )


def test_the_state_of_the_largest_search_fits_into_the_workflow() -> None:
    search = search_of(200)
    sizes = []
    while True:
        results = [
            {
                **planned,
                "parameters": draw_parameters("xgboost", planned["draw"], 7),
                "metric": "roc_auc",
                "value": 0.8123456789012345 + planned["trial"] / 7e5,
                "folds": [0.8123456789012345] * 3,
                "seconds": 123.456,
            }
            for planned in search["trials"]
        ]
        sizes.append(len(json.dumps({"search": search, "trials": results})))
        if search["is_last"]:
            break
        search = select_trials(search, results, "roc_auc")
    assert max(sizes) < MAXIMUM_STATE_BYTES / 2
    assert len(sizes) == 3
    assert sorted(numbers(search["dropped"]) + numbers(results)) == list(range(200))


def test_a_trial_of_a_small_rung_is_judged_on_the_newest_of_its_rows_alone() -> None:
    dataset, definition = large(Task.REGRESSION), example(Task.REGRESSION)
    planned = {"trial": 1, "algorithm": "ridge", "draw": 0, "rung": 0, "rows": 17_777}
    result = run_trial(planned, dataset, definition)
    assert result.items() >= planned.items()
    alone = run_trial({"trial": 1, "algorithm": "ridge", "draw": 0}, sample(dataset, 17_777, seed=7), definition)
    assert result["folds"] == alone["folds"][-1:]
    on_all = run_trial({**planned, "rows": ROWS}, dataset, definition)
    assert len(on_all["folds"]) == 3
    assert on_all["value"] == pytest.approx(result["value"], abs=0.02)


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


@pytest.mark.parametrize(("metric", "values"), [("roc_auc", (0.7, 0.8)), ("rmse", (0.8, 0.7))])
def test_a_choice_is_explained_where_another_trial_did_better(metric: str, values: tuple[float, float]) -> None:
    trials = [trial(number, value) for number, value in enumerate(values)]
    told = explain_choice(trials, trials[0], metric)
    first, second = values
    assert f"trial 1 did better than the chosen trial 0 ({metric} {second:.4f}, not {first:.4f})" in told
    assert explain_choice(trials, trials[1], metric) == ""


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


def test_a_sample_with_a_part_of_one_value_would_leave_the_metric_unknown_so_all_rows_are_judged() -> None:
    """As claims and sparse demand have it: almost all are 0, and the others come in a few places."""
    target = np.zeros(ROWS + 200)
    target[:: ROWS // 100] = 1.0
    rare = prepared(Task.REGRESSION, rows=ROWS + 200, target=target)
    for rows in search_of(12, Task.REGRESSION, rare)["rungs"]:
        drawn = sample(rare, rows, seed=7).target[:rows]
        assert all(np.ptp(part) > 0 for part in np.array_split(drawn, 5))
    target[1:] = 0.0
    assert search_of(12, Task.REGRESSION, prepared(Task.REGRESSION, rows=ROWS + 200, target=target))["rungs"] == [ROWS]


def test_interactions_are_never_sampled_for_that_would_thin_the_histories() -> None:
    dataset = replace(large(), task=Task.RECOMMENDATION)
    assert plan_search([{"trial": number} for number in range(12)], dataset, seed=7)["rungs"] == [ROWS]
