"""A prediction followed back to its file and made again, and logged traffic through a second version."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from local import cli
from local.errors import ApiError
from local.loop import Loop
from tests.e2e.pumps import end_of_week, readings, request_rows
from tests.e2e.steps import ROWS, TIMEOUT_S, train_first_champion
from tests.foreign import linear

pytestmark = pytest.mark.server

MODEL = "pump-traced"

Run = Callable[..., str]


class Answered(NamedTuple):
    rows: list[dict[str, Any]]
    predictions: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(cloud_folder: Path) -> Run:
    """`everloop …` in this process."""
    environment = {"EVERLOOP_HOME": str(cloud_folder / "home"), "EVERLOOP_TARGET": "local"}

    def typed(*arguments: Any) -> str:
        shown = CliRunner().invoke(cli.app, list(map(str, arguments)), env=environment)
        assert shown.exit_code == 0, (shown.output, shown.exception)
        return shown.stdout

    return typed


@pytest.fixture(scope="module")
def answered(loop: Loop, files: Path) -> Answered:
    """Rows that a trained version with history answered, and the log has."""
    train_first_champion(loop, MODEL, files, with_history=True)
    rows = request_rows(readings(300, seed=3))
    predictions = loop.predict(MODEL, rows)["predictions"]
    loop.wait_until_logged(TIMEOUT_S)
    return Answered(rows, predictions)


def test_a_prediction_is_followed_to_its_file_and_made_again(run: Run, answered: Answered) -> None:
    row, prediction = answered.rows[-5], answered.predictions[-5]
    told = json.loads(run("why", prediction["prediction_id"], "--json"))
    assert told["answer"]["score"] == prediction["score"]
    assert told["reexecution"] == {
        "reproduced": True,
        "score": prediction["score"],
        "label": str(prediction["label"]),
    }
    assert told["request"]["pressure"] == row["pressure"]
    assert told["history"]["starts_7d"] > 0
    assert [(each["file"], each["rows"]) for each in told["dataset"]["batches"]] == [
        (f"uploads/{MODEL}/{MODEL}.csv", ROWS)
    ]
    assert (told["version"]["version"], told["missing"], told["outcomes"]) == (1, [], [])
    shown = run("why", prediction["prediction_id"])
    assert "made again: the same, bit for bit" in shown
    assert f"uploads/{MODEL}/{MODEL}.csv" in shown


def test_an_outcome_that_came_is_told(loop: Loop, run: Run, answered: Answered) -> None:
    prediction_id = answered.predictions[6]["prediction_id"]
    run("outcome", MODEL, prediction_id, "true")
    loop.wait_until_logged(TIMEOUT_S)
    assert "outcome: 1.0, observed at" in run("why", prediction_id)


def test_an_id_of_nobody_is_refused_in_plain_words(loop: Loop, answered: Answered) -> None:
    prediction_id = answered.predictions[0]["prediction_id"]
    with pytest.raises(ApiError, match=r"is in the log; .* ask again \(HTTP 404\)"):
        loop.explain(prediction_id[:-4] + ("ffff" if prediction_id.endswith("0000") else "0000"))
    with pytest.raises(ApiError, match=r"expected a UUID of version 7.*HTTP 404"):
        loop.explain("P-7")


def test_logged_traffic_is_replayed_through_another_version(
    loop: Loop, run: Run, answered: Answered, files: Path
) -> None:
    rows = [*answered.rows, *request_rows(readings(3, seed=9))]  # the last ones were asked until the champion answered
    nothing = run("replay", MODEL, 1, "--last", "1 day")
    assert "nothing to compare with" in nothing
    assert f"not replayed: {len(rows)} rows (version 1 answered them itself)" in nothing
    with pytest.raises(ApiError, match=f"version 2 was not replayed: model '{MODEL}' has no version 2"):
        loop.replay_version(MODEL, 2, last="1 day", until=end_of_week(0))

    path = files / f"{MODEL}.onnx"
    path.write_bytes(linear(width=1, scale=0.06, bias=-5.0))
    run("import", MODEL, path, "--inputs", "pressure", "--answer", "logit", "--as-of", end_of_week(0))
    report = json.loads(run("replay", MODEL, 2, "--last", "12h", "--by", "kind", "--json"))
    first, second = (loop.predict(MODEL, rows, version=version)["predictions"] for version in (1, 2))
    flips = sum(a["label"] != b["label"] for a, b in zip(first, second, strict=True))
    assert (report["rows"], report["logged_versions"]) == (len(rows), {"1": len(rows)})
    assert report["flips"] == flips > 0
    assert sum(each["flips"] for each in report["segments"]) == flips
    moved = [b["score"] - a["score"] for a, b in zip(first, second, strict=True)]
    assert report["differences"]["mean"] == pytest.approx(sum(moved) / len(moved))
    stored = loop.target.client("s3").get_object(Bucket=loop.target.output("LakeBucketName"), Key=report["key"])
    assert json.loads(stored["Body"].read())["flips"] == flips
    assert f"flips: {flips:,}" in run("replay", MODEL, 2)
