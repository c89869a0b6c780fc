"""Why a prediction was what it was."""

from typing import Annotated, Any

import typer

from local.console import AsJson, print_json, print_table, stdout
from local.loop import Loop
from local.target import Target

SHOWN_BATCHES = 20


def why(
    prediction_id: Annotated[str, typer.Argument(help="As the prediction gave it.")],
    as_json: AsJson = False,
) -> None:
    """Follow a prediction back to the files its model learned from, and make it again."""
    found = Loop(Target.current()).explain(prediction_id)
    if as_json:
        print_json(found)
    else:
        print_explanation(found)


def print_explanation(found: dict[str, Any]) -> None:
    """From the answer back to the files."""
    answer, version, dataset = found["answer"], found["version"], found["dataset"]
    stdout.print(f"{found['model']}: predicted at {found['predicted_at']} for {found['event_time']}")
    stdout.print(f"answered by {answer['answered_by']} ({answer['variant']}): {_answered(answer)}")
    if rule := found["rule"]:
        told = f"{rule['answer']} when {rule['when']}" if rule["when"] else "no longer declared"
        stdout.print(f"rule {rule['name']}: {told}")
    _print_values(found)
    if found["shadow"]:
        shadow = found["shadow"]
        stdout.print(f"shadow version {shadow['version']}: {shadow['error'] or _answered(shadow)}")
    for outcome in found["outcomes"]:
        stdout.print(f"outcome: {outcome['actual']}, observed at {outcome['observed_at']}")
    if not found["outcomes"]:
        stdout.print("outcome: none is known yet")
    if version:
        told = ", ".join(
            f"{name} {version[name]}" for name in ("run_id", "algorithm", "created_at") if version.get(name)
        )
        stdout.print(f"version {version['version']}: {told or 'nothing more is known of it'}")
    if dataset:
        _print_dataset(dataset)
    for each in found["missing"]:
        stdout.print(f"missing: {each}")
    stdout.print(_again(found["reexecution"]))


def _answered(answer: dict[str, Any]) -> str:
    told = [f"{name} {answer[name]}" for name in ("score", "label") if answer[name] is not None]
    return ", ".join(told) or "nothing"


def _print_values(found: dict[str, Any]) -> None:
    rows = [(name, value, kind) for kind in ("request", "history", "features") for name, value in found[kind].items()]
    rows += [
        (name, "not in the log", f"personal, {what}") for name, what in found["personal"].items() if what == "drop"
    ]
    print_table(["input", "value", "from"], rows)


def _print_dataset(dataset: dict[str, Any]) -> None:
    batches = dataset.get("batches", [])
    stdout.print(f"dataset {dataset['version']}: {len(batches)} batch(es), as of {dataset.get('as_of') or 'then'}")
    shown = [
        (each["batch_id"], each["rows"], each.get("file"), each.get("received_at")) for each in batches[:SHOWN_BATCHES]
    ]
    print_table(["batch", "rows", "file", "received"], shown)
    if len(batches) > SHOWN_BATCHES:
        stdout.print(f"and {len(batches) - SHOWN_BATCHES} more; --json has all")


def _again(reexecution: dict[str, Any]) -> str:
    made = {True: "made again: the same, bit for bit", False: "made again: DIFFERENT", None: "not made again"}
    detail = reexecution.get("detail")
    return made[reexecution["reproduced"]] + (f" ({detail})" if detail else "")
