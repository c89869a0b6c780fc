"""From a file of hours to forecasts of the day that follows, and whether they came true."""

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from everloop.contracts.batches import BatchStatus
from local import cli
from local.loop import wait_for
from tests.e2e.clouds import deployed_loop
from tests.e2e.steps import TIMEOUT_S, upload

pytestmark = pytest.mark.server

MODEL = "hires"
NEWEST = datetime(2026, 3, 14, 8, tzinfo=UTC)
HOURS = 24 * 40
NOISE = 2.0
COMING = [NEWEST + timedelta(hours=n) for n in range(1, 25)]


def truth(moment: datetime) -> float:
    """Of five days of the week and of two; the noise is beside it."""
    return 100 + 40 * math.sin(2 * math.pi * (moment.hour - 6) / 24) + 30 * (moment.weekday() < 5)


def write_hours(path: Path, moments: list[datetime], *, seed: int) -> Path:
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["moment", "bikes"])
        rows.writerows((at.isoformat(), round(truth(at) + chance.gauss(0, NOISE), 2)) for at in moments)
    return path


def test_the_day_that_follows_is_forecast_and_its_lags_are_those_of_training(tmp_path: Path) -> None:
    past = [NEWEST - timedelta(hours=n) for n in reversed(range(HOURS))]
    file, models = write_hours(tmp_path / "hours.csv", past, seed=1), tmp_path / "models"
    arguments = ["new", MODEL, str(file), "--target", "bikes", "--task", "forecasting", "--models", str(models)]
    drafted = CliRunner().invoke(cli.app, arguments)
    assert drafted.exit_code == 0, drafted.output
    with deployed_loop(tmp_path, models) as loop:
        assert upload(loop, MODEL, file).status is BatchStatus.ACCEPTED
        run = loop.wait_for_run(MODEL, loop.train(MODEL), TIMEOUT_S)
        assert run["status"] == "promoted", run

        rows = [{"moment": at.isoformat()} for at in COMING]

        def knows_all_lags() -> bool | None:
            """Asked of one version, which does not count in monitoring."""
            asked = loop.predict(MODEL, rows, version=1)["predictions"]
            return not any(each["missing_lags"] for each in asked) or None

        wait_for(knows_all_lags, "the lags of the day that follows", TIMEOUT_S)
        answers: list[dict[str, Any]] = loop.predict(MODEL, rows)["predictions"]
        assert {answer["answered_by"] for answer in answers} == {"model"}
        errors = [abs(answer["value"] - truth(at)) for answer, at in zip(answers, COMING, strict=True)]
        assert sum(errors) / len(errors) < 2 * NOISE, errors
        beyond = loop.predict(MODEL, [{"moment": (COMING[-1] + timedelta(hours=1)).isoformat()}])["predictions"][0]
        assert beyond["missing_lags"] == ["lag_1d"], "its newest lag has not happened yet"

        day = write_hours(tmp_path / "next day.csv", COMING, seed=2)
        assert upload(loop, MODEL, day).status is BatchStatus.ACCEPTED
        loop.wait_until_logged(TIMEOUT_S)
        skew = loop.check(MODEL, (COMING[-1] + timedelta(minutes=1)).isoformat())["history_skew"]
        assert skew == {"rows": len(COMING), "different": 0, "columns": {}}
