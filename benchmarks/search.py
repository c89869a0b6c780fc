"""What successive halving saves: a training of 12 trials on 200,000 rows through the local cloud.

The rows are made with a fixed seed: 24 numbers, 6 categories, a binary target. Printed are the seconds of each step,
from the execution's history, the trials of each rung with the best value among them, and the CPU seconds of all
functions. Then the deployed function judges the same trials on all rows, 4 at once as the workflow does. Fails if the
run takes longer than three minutes; `--halving` leaves the comparison out.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import sysconf
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from infra.constructs.training_workflow import MAX_TRIALS_AT_ONCE
from local.cloud.process_table import living_processes
from local.loop import Loop, wait_for
from tests.e2e.clouds import deployed_loop
from tests.e2e.steps import executions

MODEL = "two-hundred-thousand"
ROWS, NUMBERS, TRIALS, SEED = 200_000, 24, 12, 11
LEVELS = (3, 5, 10, 25, 60, 150)
BOUND_S = 180
TIMEOUT_S = 3600

DEFINITION = f"""
name = "{MODEL}"
task = "binary-classification"
[data]
target = "y"
[columns]
y = "boolean"
{{columns}}
[training]
trials = {TRIALS}
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (models := folder / "models").mkdir()
        columns = [f'n{number} = "number"' for number in range(NUMBERS)]
        columns += [f'c{number} = "category"' for number in range(len(LEVELS))]
        (models / f"{MODEL}.toml").write_text(DEFINITION.format(columns="\n".join(columns)))
        with deployed_loop(folder, models) as loop:
            loop.wait_for_report(MODEL, loop.upload(MODEL, write_rows(folder / "rows.parquet")), TIMEOUT_S)
            return measure(loop)


def write_rows(path: Path) -> Path:
    """Interactions, thresholds, levels that count, and as much noise as signal."""
    rng = np.random.default_rng(SEED)
    numbers = rng.normal(size=(ROWS, NUMBERS)).round(4)
    levels = [rng.integers(count, size=ROWS) for count in LEVELS]
    effects = [rng.normal(size=count)[level] for count, level in zip(LEVELS, levels, strict=True)]
    signal = numbers[:, 0] - numbers[:, 1] * numbers[:, 2] + np.abs(numbers[:, 3]) + 0.4 * sum(effects)
    numbers[rng.random((ROWS, NUMBERS)) < 0.02] = np.nan
    rows = {f"n{place}": values for place, values in enumerate(numbers.T)}
    rows |= {f"c{place}": np.char.add("level ", level.astype(str)).astype(object) for place, level in enumerate(levels)}
    rows["y"] = signal + 1.5 * rng.normal(size=ROWS) > 1
    with duckdb.connect() as connection:
        connection.execute(f"copy (select * from rows) to '{path}' (format parquet)")
    return path


def measure(loop: Loop) -> int:
    before, started = cpu_seconds(loop), time.perf_counter()
    run_id = loop.train(MODEL)
    report = loop.wait_for_run(MODEL, run_id, TIMEOUT_S)
    seconds, cpu = time.perf_counter() - started, cpu_seconds(loop) - before
    print(f"run {report['status']}: {report['reason']}")
    for step, taken in step_seconds(loop, run_id):
        print(f"  {step:<28}{taken:>8.1f} s")
    print_rungs(loop, run_id, report["rungs"])
    print(f"{'with halving':<30}{seconds:>8.1f} s {cpu:>8.1f} s of CPU")
    if "--halving" not in sys.argv:
        print_without(loop, run_id, report, seconds)
    return int(seconds > BOUND_S or report["status"] == "failed")


def step_seconds(loop: Loop, run_id: str) -> list[tuple[str, float]]:
    """Of the states of the execution, in the order they were left; those within the map are left out."""
    [execution] = executions(loop, run_id)
    client = loop.target.client("stepfunctions")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
    entered: dict[str, float] = {}
    left = []
    for event in (event for page in pages for event in page["events"]):
        at = event["timestamp"].timestamp()
        if details := event.get("stateEnteredEventDetails"):
            entered[details["name"]] = at
        elif details := event.get("stateExitedEventDetails"):
            left.append((details["name"], at - entered[details["name"]]))
    return [(name, taken) for name, taken in left if name not in ("RunTrial", "TrialFailed")]


def print_rungs(loop: Loop, run_id: str, rungs: Sequence[int]) -> None:
    for rung, rows in enumerate(rungs):
        print_trials(f"rung {rung + 1}: {rows:,} rows", results(loop, run_id, rung))


def print_trials(title: str, trials: Sequence[dict[str, Any]]) -> None:
    best = max(trials, key=lambda trial: trial["value"])
    taken: dict[str, float] = defaultdict(float)
    for trial in trials:
        taken[trial["algorithm"]] += trial["seconds"]
    print(
        f"  {title:<24}{len(trials):>3} trials, {sum(taken.values()):,.0f} s in sum, best {best['value']:.4f}", end=""
    )
    print(f" (trial {best['trial']}, {best['algorithm']})")
    print("    " + ", ".join(f"{algorithm} {seconds:.0f}" for algorithm, seconds in taken.items()))


def results(loop: Loop, run_id: str, rung: int) -> list[dict[str, Any]]:
    names = [name for name in loop.work_files(MODEL, run_id) if name.startswith(f"trials/{rung}/")]
    return [loop.work_file(MODEL, run_id, name) for name in names if not name.endswith("selection.json")]


def print_without(loop: Loop, run_id: str, report: dict[str, Any], seconds: float) -> None:
    """Every trial as if there were one rung more: its results lie beside the others of the run."""
    rung, rows = len(report["rungs"]), report["rungs"][-1]
    planned = loop.work_file(MODEL, run_id, "plan.json")["trials"]
    trials = [{**trial, "rung": rung, "rows": rows} for trial in planned]
    client = loop.target.client("lambda")
    [function] = [
        each["FunctionName"]
        for page in client.get_paginator("list_functions").paginate()
        for each in page["Functions"]
        if each["Handler"] == "run_trial.lambda_handler"
    ]

    def judge(trial: dict[str, Any]) -> None:
        request = {"model": MODEL, "run_id": run_id, "trial": trial}
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(request))
        name = f"trials/{rung}/{trial['trial']}.json"
        wait_for(lambda: name in loop.work_files(MODEL, run_id) or None, name, TIMEOUT_S)

    before, started = cpu_seconds(loop), time.perf_counter()
    with ThreadPoolExecutor(MAX_TRIALS_AT_ONCE) as pool:
        list(pool.map(judge, trials))
    taken, cpu = time.perf_counter() - started, cpu_seconds(loop) - before
    search = sum(spent for step, spent in step_seconds(loop, run_id) if step in ("Trials", "SelectTrials"))
    print_trials("without halving", results(loop, run_id, rung))
    print(f"{'the search without halving':<30}{taken:>8.1f} s {cpu:>8.1f} s of CPU; with it {search:.1f} s")
    whole = seconds - search + taken
    print(f"{'the run would take':<30}{whole:>8.1f} s, {whole / seconds:.1f} times as long")


def cpu_seconds(loop: Loop) -> float:
    """Of the cloud and all its functions so far: user and system, with what ended children took."""
    assert loop.target.cloud is not None
    group = loop.target.cloud.pid
    stats = [Path("/proc", str(process.pid), "stat") for process in living_processes() if process.group == group]
    fields = [path.read_text().rpartition(")")[2].split() for path in stats if path.exists()]
    return sum(int(tick) for each in fields for tick in each[11:15]) / sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
