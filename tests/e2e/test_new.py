"""From a file alone to a champion that answers: the definition is written by `everloop new`."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from everloop.contracts.batches import BatchStatus
from local import cli
from local.loop import wait_for
from tests.e2e.clouds import deployed_loop
from tests.e2e.steps import TIMEOUT_S, upload

pytestmark = pytest.mark.server

MODEL = "rentals"
ROWS = 1_200


def write_rentals(path: Path) -> None:
    """European numbers and dates, a date apart from its hour, a sentinel, a row counter, and parts of the target."""
    chance = random.Random(4)
    with path.open("w", newline="", encoding="cp1252") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["nr", "day", "hour", "wärme", "bezirk", "members", "guests", "rentals"])
        for n in range(ROWS):
            at = datetime(2024, 3, 1) + timedelta(hours=n)
            heat = chance.uniform(-5, 30)
            members = round(max(0, 20 + 2 * heat + 10 * (7 < at.hour < 20) + chance.gauss(0, 4)))
            guests = chance.randint(0, 12)
            shown = "-999" if n % 50 == 0 else f"{heat:.1f}".replace(".", ",")
            district = chance.choice(["Mitte", "Süd", "West"])
            rows.writerow([n + 1, f"{at:%d/%m/%Y}", at.hour, shown, district, members, guests, members + guests])


def test_a_file_alone_leads_to_a_model_that_answers(tmp_path: Path) -> None:
    file, models = tmp_path / "rentals.csv", tmp_path / "models"
    write_rentals(file)
    drafted = CliRunner().invoke(cli.app, ["new", MODEL, str(file), "--target", "rentals", "--models", str(models)])
    assert drafted.exit_code == 0, drafted.output
    with deployed_loop(tmp_path, models) as loop:
        report = upload(loop, MODEL, file)
        assert report.status is BatchStatus.ACCEPTED, report
        assert report.rows.accepted == ROWS
        run = loop.wait_for_run(MODEL, loop.train(MODEL), TIMEOUT_S)
        assert run["status"] == "promoted", run
        row = {"timestamp": "2024-05-01T12:00:00Z", "wärme": 21.5, "bezirk": "Süd"}
        answer = wait_for(
            lambda: given if (given := loop.predict(MODEL, [row]))["version"] == 1 else None, "an answer", TIMEOUT_S
        )
        assert 50 < answer["predictions"][0]["value"] < 110
