"""Successive halving: all trials are judged on a sample of the training rows, the best third on three times as many.

Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (AISTATS 2016); eta as
in Li et al., "Hyperband" (JMLR 2018). The last rung is the judgement on all training rows.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.splits import MINIMUM_CLASS_ROWS, PARTS
from everloop.contracts.tasks import LOWER_IS_BETTER, Task
from everloop.errors import AllTrialsFailedError
from everloop.training.prepared import PreparedDataset

Trial = dict[str, Any]

ETA = 3
FEWEST_TRIALS = ETA**2
"""With fewer there is next to nothing to save, and all are judged on all rows."""
FEWEST_ROWS = 10_000
"""Of a rung: a fit on fewer takes a second, and tells too little of the fit on all to drop a trial by."""
FEWEST_CLASS_ROWS = 4 * MINIMUM_CLASS_ROWS
"""Of each class, in each part of a rung's sample: with fewer the metric is luck, or none."""
FEWEST_LEFT = 2
"""Trials that go on: one alone could be lost, for want of memory or time, where the rows are most."""


def plan_trials(definition: Definition) -> list[Trial]:
    """Which algorithm each trial tries: all in turn, so that few trials still see every one."""
    algorithms = definition.algorithms
    return [
        {"trial": number, "algorithm": algorithms[number % len(algorithms)], "draw": number // len(algorithms)}
        for number in range(max(definition.training.trials, len(algorithms)))
    ]


def plan_search(trials: list[Trial], dataset: PreparedDataset, *, seed: int) -> dict[str, Any]:
    """The search at its start: the rows of each rung, and the trials of the first one."""
    return _at_rung(0, _plan_rungs(len(trials), dataset, seed), trials, dropped=[])


def select_trials(search: dict[str, Any], results: list[Trial], metric: str) -> dict[str, Any]:
    """The search at its next rung, with the best third of the trials; the others are in `dropped`, as they ended.

    The defaults of an algorithm go on as long as one of its draws does: `best_trial` prefers them unless they are
    clearly beaten, and that is told on all rows. Raises AllTrialsFailedError with each trial's reason.
    """
    ranked = _ranked(results, metric)
    best = ranked[: max(FEWEST_LEFT, len(results) // ETA)]
    algorithms = {trial["algorithm"] for trial in best}
    defaults = [trial for trial in ranked if trial["draw"] == 0 and trial["algorithm"] in algorithms]
    chosen = {trial["trial"] for trial in best + defaults}
    going_on = [trial for trial in search["trials"] if trial["trial"] in chosen]
    dropped = [trial for trial in results if trial["trial"] not in chosen]
    return _at_rung(search["rung"] + 1, search["rungs"], going_on, dropped=[*search["dropped"], *dropped])


def best_trial(trials: list[Trial], metric: str) -> Trial:
    """The earliest trial that the best one does not beat by more than a standard error of their paired differences.

    Defaults come first, and luck must not displace them: the one-standard-error rule of Breiman, Friedman, Olshen and
    Stone, Classification and Regression Trees (1984), section 3.4.3. Raises AllTrialsFailedError with each trial's
    reason when none has a value.
    """
    ranked = _ranked(trials, metric)
    sign = _sign(metric)

    def is_as_good(trial: Trial) -> bool:
        gain = sign * (np.array(ranked[0]["folds"]) - np.array(trial["folds"]))
        return bool(gain.mean() <= gain.std(ddof=1) / np.sqrt(len(gain)))

    return next(trial for trial in sorted(ranked, key=lambda trial: int(trial["trial"])) if is_as_good(trial))


def explain_choice(trials: list[Trial], chosen: Trial, metric: str) -> str:
    """Why `best_trial` took this one; nothing where no trial did better."""
    best = _ranked(trials, metric)[0]
    if best["value"] == chosen["value"]:
        return ""
    return (
        f"trial {best['trial']} did better than the chosen trial {chosen['trial']} ({metric} {best['value']:.4f}, not"
        f" {chosen['value']:.4f}), but within a standard error, which may be luck: of such trials the earliest is"
        " taken, and the defaults come first"
    )


def sample(dataset: PreparedDataset, rows: int | None, *, seed: int) -> PreparedDataset:
    """The dataset with so many of its training rows, in their order, and no holdout; as it is with all of them.

    Drawn, not the newest: a rung then sees every season that all rows show, and is cut by time like them. A larger
    sample holds the smaller ones.
    """
    inputs, target = dataset.train
    if rows is None or rows >= len(target):
        return dataset
    drawn = np.sort(np.random.default_rng(seed).permutation(len(target))[:rows])
    return replace(dataset, inputs=inputs[drawn], target=target[drawn], holdout_rows=0)


def _plan_rungs(trials: int, dataset: PreparedDataset, seed: int) -> list[int]:
    """Training rows of each rung, fewest first."""
    _, target = dataset.train
    rungs = [len(target)]
    while trials >= FEWEST_TRIALS and trials >= ETA ** len(rungs):
        rows = rungs[0] // ETA
        if rows < FEWEST_ROWS or not _can_be_judged(sample(dataset, rows, seed=seed)):
            break
        rungs.insert(0, rows)
    return rungs


def _can_be_judged(dataset: PreparedDataset) -> bool:
    """In each part: enough of every class, or different values. Of interactions a sample would thin the histories."""
    if dataset.task is Task.RECOMMENDATION:
        return False
    parts = np.array_split(dataset.target, PARTS)
    if dataset.task.answers_value:
        return all(np.ptp(part) > 0 for part in parts)
    counts = (np.bincount(part.astype(np.int64), minlength=len(dataset.classes)) for part in parts)
    return all(count.min() >= FEWEST_CLASS_ROWS for count in counts)


def _at_rung(rung: int, rungs: list[int], trials: list[Trial], *, dropped: list[Trial]) -> dict[str, Any]:
    return {
        "rung": rung,
        "rungs": rungs,
        "is_last": rung == len(rungs) - 1,
        "trials": [{**trial, "rung": rung, "rows": rungs[rung]} for trial in trials],
        "dropped": dropped,
    }


def _ranked(trials: list[Trial], metric: str) -> list[Trial]:
    """Those with a value, the best first, of equals the earliest; raises AllTrialsFailedError if there are none."""
    done = [trial for trial in trials if trial.get("value") is not None and np.isfinite(trial["value"])]
    if not done:
        reasons = "; ".join(f"trial {trial.get('trial')}: {trial.get('error', 'no finite metric')}" for trial in trials)
        raise AllTrialsFailedError(f"all {len(trials)} trials failed: {reasons}"[:4000])
    return sorted(done, key=lambda trial: (-_sign(metric) * trial["value"], trial["trial"]))


def _sign(metric: str) -> int:
    return -1 if metric in LOWER_IS_BETTER else 1
