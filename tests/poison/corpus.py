"""All poison files; `decide` has each of them delivered."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.poison.files import encodings, foreign, json_rows, names, packed, parquet, shapes, values
from tests.poison.harness import ENVIRONMENT, Decision
from tests.poison.poison import Poison

CORPUS: tuple[Poison, ...] = (
    *packed.POISON,
    *foreign.POISON,
    *encodings.POISON,
    *shapes.POISON,
    *values.POISON,
    *json_rows.POISON,
    *parquet.POISON,
    *names.POISON,
)


def decide(folder: Path, *, processes: int) -> dict[str, Decision]:
    """By upload key; `folder` takes the files, each under its number, and `keys.json` with the keys they come under."""
    for number, poison in enumerate(CORPUS):
        (folder / str(number)).write_bytes(poison.make())
    (folder / "keys.json").write_text(json.dumps([poison.upload_key for poison in CORPUS]), "utf-8")
    command = [sys.executable, "-m", "tests.poison.harness", str(folder), str(processes)]
    run = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    decisions = {CORPUS[place].upload_key: Decision(**told) for place, told in map(json.loads, run.stdout.splitlines())}
    if len(decisions) != len(CORPUS):
        raise RuntimeError(f"{len(decisions)} of {len(CORPUS)} files were decided: {run.stderr}")
    return decisions


def is_as_expected(poison: Poison, decision: Decision) -> bool:
    expected = poison.expected
    return (
        decision.status == expected.status
        and decision.reason in (expected.reasons or (None,))
        and decision.problems == expected.problems
        and (decision.status != "accepted" or decision.delivered == poison.delivered)
        and set(poison.keeps) <= set(decision.notes)
        and not decision.events
    )
