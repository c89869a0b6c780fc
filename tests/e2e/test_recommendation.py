"""From a file of purchases to recommendations over HTTP, and whether they were taken."""

from pathlib import Path
from typing import Any

import pytest

from everloop.contracts.batches import BatchStatus
from local.loop import Loop, wait_for
from tests.e2e.clouds import deployed_loop
from tests.e2e.steps import ANSWER_TIMEOUT_S, TIMEOUT_S, upload
from tests.shoppers import DEFINITION, GROUPS, MODEL, NEWEST, group_of, purchases, write_csv

pytestmark = pytest.mark.server


def champion_answers(loop: Loop, row: dict[str, Any]) -> dict[str, Any]:
    def answer() -> dict[str, Any] | None:
        given = loop.predict(MODEL, [row])
        return given["predictions"][0] if given["version"] else None

    return wait_for(answer, "an answer of the champion", ANSWER_TIMEOUT_S)


def test_shoppers_are_recommended_what_their_group_likes_and_hits_are_counted(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / f"{MODEL}.toml").write_text(DEFINITION + "[monitoring]\nminimum_rows = 50\n", "utf-8")
    with deployed_loop(tmp_path, models) as loop:
        [early] = loop.predict(MODEL, [{"shopper": "0-s0"}])["predictions"]
        assert early["answered_by"] == "fallback:default"
        assert [each["item"] for each in early["items"]] == ["0-ä0", "1-ä0"]

        report = upload(loop, MODEL, write_csv(tmp_path / "purchases.csv", purchases()))
        assert report.status is BatchStatus.ACCEPTED, report
        run = loop.wait_for_run(MODEL, loop.train(MODEL), TIMEOUT_S)
        assert run["status"] == "promoted", run
        known = champion_answers(loop, {"shopper": "1-s1"})
        assert {group_of(each["item"]) for each in known["items"]} == {1}

        rows = [{"items": ["2-ä1", "2-ä3"]}, {"shopper": "nobody"}]
        by_items, stranger = loop.predict(MODEL, rows)["predictions"]
        assert {group_of(each["item"]) for each in by_items["items"]} == {2}
        assert len(stranger["items"]) == 5
        assert "It recommended 5 items to each of the 1" in loop.card(MODEL, 1)

        moment = NEWEST.isoformat()
        rows = [{"shopper": f"{n % GROUPS}-s{n}", "bought_at": moment} for n in range(60)]
        asked = loop.predict(MODEL, rows)["predictions"]
        takes = [(each["prediction_id"], "9-nothing of it") for each in asked]
        takes += [(each["prediction_id"], each["items"][2]["item"]) for each in asked[:45]]
        loop.record(MODEL, [{"prediction_id": asked, "actual": item, "observed_at": moment} for asked, item in takes])
        loop.wait_until_logged(TIMEOUT_S)
        check = loop.check(MODEL, NEWEST.replace(minute=30).isoformat())
        performance = check["performance"]
        assert (check["outcomes"], performance["metric"], performance["rows"]) == (60, "hit_rate", 60)
        assert performance["value"] == pytest.approx(0.75)
        assert check["columns"] == []
