"""A definition that was wrong: what it kept out comes in after it was mended, once."""

from pathlib import Path

import pytest

from everloop.contracts.batches import BatchReport, BatchStatus
from local.errors import ApiError
from local.loop import Loop
from local.replay import Totals, candidates, totals
from tests.e2e.clouds import redeploy
from tests.e2e.pumps import readings, write_csv, write_definition
from tests.e2e.steps import TIMEOUT_S, upload

pytestmark = pytest.mark.server

MODEL = "pump-mended"
ROWS = 400


def replay(loop: Loop) -> list[BatchReport]:
    """The reports of all that may come in again."""
    started = [loop.replay(MODEL, candidate) for candidate in candidates(loop.batches(MODEL))]
    return [loop.wait_for_report(MODEL, batch_id, TIMEOUT_S) for batch_id in started]


def test_what_a_wrong_definition_kept_out_comes_in_once(loop: Loop, cloud_folder: Path, tmp_path: Path) -> None:
    rows = readings(ROWS, seed=7)
    high = sum((row["pressure"] or 0) > 100 for row in rows)
    rows[3]["failed"] = "perhaps"  # wrong under any definition
    first = upload(loop, MODEL, write_csv(tmp_path / "rows.csv", rows))
    assert (first.rows.delivered, first.rows.quarantined) == (ROWS, high + 1)
    short = tmp_path / "short.csv"
    short.write_text("reading,measured_at,failed\nlast,2026-03-09T00:00:00Z,true\n")
    refused = upload(loop, MODEL, short)
    assert refused.reason == "missing_columns"
    with pytest.raises(ApiError, match="judged by this very definition; change it and deploy"):
        replay(loop)

    definition = write_definition(
        cloud_folder / "models",
        MODEL,
        {'starts = { type = "integer", nullable = false, minimum = 0 }': 'starts = { type = "integer", minimum = 0 }'},
    )
    assert "maximum = 1000" in definition.read_text("utf-8")
    loop.wait_until_logged(TIMEOUT_S)  # a deployment stops functions, and what one was working on comes again late
    redeploy(loop, tmp_path / "cdk.out", cloud_folder / "models")
    reports = {report.source.replay_of: report for report in replay(loop)}
    assert reports.keys() == {first.batch_id, None}
    assert reports[None].batch_id == refused.batch_id
    assert (reports[None].status, reports[None].rows.accepted) == (BatchStatus.ACCEPTED, 1)
    replayed = reports[first.batch_id].rows
    assert (replayed.delivered, replayed.accepted, replayed.quarantined) == (high + 1, high, 1)
    every = loop.batches(MODEL)
    assert totals(every) == Totals(delivered=ROWS + 1, accepted=ROWS, duplicates=0, waiting=1)

    with pytest.raises(ApiError, match="judged by this very definition"):
        replay(loop)
    assert loop.batches(MODEL) == every
