"""Datasets as the read API shows them, and how two of them differ."""

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from everloop.contracts.columns import ColumnType
from everloop.contracts.datasets import DatasetStatistics, build_manifest
from everloop.contracts.definition import Definition
from everloop.errors import NotFoundError, RequestError
from everloop.features.profile import Profile
from everloop.monitoring.drift import compare
from everloop.registry.datasets import DatasetViews
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from tests.samples import NOW, pump_failure, version_files
from tests.unit.registry.conftest import MODEL, World

ROWS = 2_000
DAY = timedelta(days=1)
CENTRES = {"pressure": 500.0, "measured_at": NOW.timestamp()}
KINDS = {name: column.type for name, column in pump_failure().columns.items()}


class Lake:
    def __init__(self, world: World) -> None:
        self.world = world
        self.batches, self.datasets = BatchStore(world.store), DatasetStore(world.store)
        self.views = DatasetViews(
            datasets=self.datasets, batches=self.batches, registry=world.registry, clock=world.clock, compare=compare
        )

    def receive(self, batch_id: str, *, day: int = 0) -> None:
        self.batches.save_report(
            BatchReport(
                batch_id=batch_id,
                model=MODEL,
                status=BatchStatus.ACCEPTED,
                rows=RowCounts(delivered=ROWS, accepted=ROWS),
                rows_sha256=f"sha256 of {batch_id}",
                source=Source(bucket="landing", key="uploads/pump-failure/a.csv", size_bytes=1),
                received_at=NOW + day * DAY,
                first_timestamp=NOW + (day - 1) * DAY,
                last_timestamp=NOW + day * DAY - timedelta(seconds=1),
                timestamp_column="measured_at",
            )
        )

    def reject(self, batch_id: str, *, day: int) -> None:
        self.batches.save_report(
            BatchReport(
                batch_id=batch_id,
                model=MODEL,
                status=BatchStatus.REJECTED,
                reason="missing_columns",
                source=Source(bucket="landing", key="uploads/pump-failure/a.csv", size_bytes=1),
                received_at=NOW + day * DAY,
            )
        )

    def prepare(
        self,
        *,
        columns: dict[str, Any] | None = None,
        kinds: dict[str, ColumnType] | None = None,
        centres: dict[str, float] | None = None,
        shift: float = 0,
    ) -> str:
        """A dataset of all batches that were received so far."""
        _, manifest = build_manifest(pump_failure(), self.batches.reports(MODEL), as_of=NOW + 9 * DAY)
        number = len(manifest.batches)
        statistics = DatasetStatistics(
            delivered=number * ROWS,
            left_out=0,
            superseded=7,
            rows=number * ROWS - 7,
            prepared_at=NOW + number * DAY,
            columns=kinds or KINDS,
        )
        rng = np.random.default_rng(number)
        profiled = {
            "pressure": rng.normal(500 + shift, 100, ROWS),
            "measured_at": np.full(ROWS, NOW.timestamp() + number * 1e6),
            "kind": rng.choice(["axial", "radial"], ROWS).astype(np.str_),
            **(columns or {}),
        }
        return self.datasets.save(manifest, statistics, Profile.of(profiled, centres or CENTRES).to_json())


@pytest.fixture
def lake(world: World) -> Lake:
    return Lake(world)


def drift_of(diff: dict[str, Any]) -> dict[str, Any]:
    return {column["column"]: column["drift"] for column in diff["columns"]}


def test_datasets_are_listed_oldest_first_with_what_learned_from_them(lake: Lake) -> None:
    lake.receive("a")
    first = lake.prepare()
    lake.receive("b", day=1)
    second = lake.prepare()
    lineage = json.dumps({"run_id": "run-1", "dataset_version": second}).encode()
    lake.world.registry.register(MODEL, "run-1", version_files("run-1") | {"lineage.json": lineage}, now=NOW)
    shown = lake.views.datasets(MODEL)["datasets"]
    assert [dataset["version"] for dataset in shown] == [first, second]
    assert [dataset["rows"] for dataset in shown] == [ROWS - 7, 2 * ROWS - 7]
    assert [dataset["batches"] for dataset in shown] == [1, 2]
    assert [dataset["model_versions"] for dataset in shown] == [[], [1]]
    assert shown[0]["superseded"] == 7


def test_a_dataset_shows_its_batches_counts_and_columns(lake: Lake) -> None:
    lake.receive("a")
    shown = lake.views.dataset(MODEL, lake.prepare())
    assert shown["manifest"]["batches"] == [{"batch_id": "a", "rows": ROWS, "sha256": "sha256 of a"}]
    assert shown["statistics"]["columns"]["pressure"] == "number"
    assert shown["columns"]["pressure"]["mean"] == pytest.approx(500, abs=10)
    json.dumps(shown, allow_nan=False)


def test_an_unknown_version_is_told_those_there_are(lake: Lake) -> None:
    lake.receive("a")
    version = lake.prepare()
    told = rf"has no dataset version '\.\./a'; there are: {version}$"
    with pytest.raises(NotFoundError, match=told):
        lake.views.dataset(MODEL, "../a")
    with pytest.raises(NotFoundError, match=told):
        lake.views.diff(MODEL, version, "../a")
    with pytest.raises(NotFoundError, match=r"has no dataset version '.*\.profile'"):
        lake.views.dataset(MODEL, f"{version}.profile")


def test_a_dataset_differs_from_itself_in_nothing(lake: Lake) -> None:
    lake.receive("a")
    version = lake.prepare()
    diff = lake.views.diff(MODEL, version, version)
    assert diff["batches"] == {"kept": 1, "added": [], "removed": []}
    assert diff["schema"] == {"added": {}, "removed": {}, "changed": {}}
    assert not any(drift["drifted"] for drift in drift_of(diff).values() if drift)


def test_a_diff_names_batches_columns_types_and_drift(lake: Lake) -> None:
    lake.receive("a")
    before = lake.prepare(columns={"gone": np.zeros(ROWS, np.str_)}, kinds={**KINDS, "gone": ColumnType.CATEGORY})
    lake.receive("b", day=1)
    kinds = {**KINDS, "kind": ColumnType.TEXT, "depth": ColumnType.NUMBER}
    after = lake.prepare(shift=80, kinds=kinds)
    diff = lake.views.diff(MODEL, before, after)
    assert diff["batches"] == {"kept": 1, "added": [{"batch_id": "b", "rows": ROWS}], "removed": []}
    assert diff["schema"] == {
        "added": {"depth": "number"},
        "removed": {"gone": "category"},
        "changed": {"kind": {"from": "category", "to": "text"}},
    }
    drifts = drift_of(diff)
    assert (drifts["pressure"]["drifted"], drifts["kind"]["drifted"]) == (True, False)
    assert drifts["pressure"].keys() == {"statistic", "effect", "threshold", "p_value", "psi", "drifted"}
    assert drifts["measured_at"] is drifts["gone"] is None
    json.dumps(diff, allow_nan=False)


def test_columns_about_other_centres_are_shown_but_not_compared(lake: Lake) -> None:
    lake.receive("a")
    before = lake.prepare()
    lake.receive("b", day=1)
    diff = lake.views.diff(MODEL, before, lake.prepare(centres={**CENTRES, "pressure": 0.0}))
    assert drift_of(diff)["pressure"] is None
    assert {column["column"] for column in diff["columns"] if column["from"] and column["to"]} == {
        "pressure",
        "measured_at",
        "kind",
    }


def planned(lake: Lake, as_of: str | None, known_at: str | None = None) -> dict[str, Any]:
    return lake.views.planned(pump_failure(), as_of, known_at)


def test_a_plan_is_the_version_that_a_training_would_make(lake: Lake) -> None:
    lake.receive("a")
    version = lake.prepare()
    plan = planned(lake, (NOW + 3 * DAY).isoformat())
    assert (plan["version"], plan["exists"]) == (version, True)
    lake.receive("b", day=1)
    plan = planned(lake, (NOW + 3 * DAY).isoformat())
    assert (len(plan["manifest"]["batches"]), plan["exists"]) == (2, False)


def test_a_plan_as_known_earlier_is_the_version_made_then(lake: Lake) -> None:
    lake.receive("a")
    version = lake.prepare()
    lake.receive("b", day=1)
    assert planned(lake, None, NOW.isoformat())["version"] == version


def test_a_plan_without_a_moment_is_for_now_and_one_without_an_offset_is_utc(lake: Lake) -> None:
    assert datetime.fromisoformat(planned(lake, None)["as_of"]) == NOW
    assert planned(lake, "2026-03-14")["as_of"] == "2026-03-14T00:00:00+00:00"


def test_a_plan_says_why_a_batch_is_left_out(lake: Lake) -> None:
    for batch_id, day in (("old", -30), ("in", 0), ("divided", 1), ("after", 3), ("late", 9)):
        lake.receive(batch_id, day=day)
    lake.reject("refused", day=2)
    definition = Definition.model_validate(pump_failure().model_dump() | {"training": {"window": "10 days"}})
    as_of, known_at = NOW + timedelta(hours=12), NOW + 8 * DAY
    plan = lake.views.planned(definition, as_of.isoformat(), known_at.isoformat())
    assert [batch["batch_id"] for batch in plan["manifest"]["batches"]] == ["in", "divided"]
    assert (plan["timestamp"], plan["divided"]) == ("measured_at", ("divided",))
    left_out = {batch["batch_id"]: (batch["rows"], batch["reason"]) for batch in plan["left_out"]}
    since = as_of - 10 * DAY
    shown = {name: f"{moment:%Y-%m-%d %H:%M:%S} UTC" for name, moment in (("since", since), ("late", NOW + 9 * DAY))}
    old, after = NOW - 30 * DAY - timedelta(seconds=1), NOW + 2 * DAY
    assert left_out == {
        "old": (
            ROWS,
            f"its rows end at {old:%Y-%m-%d %H:%M:%S} UTC, before the training window, which begins at"
            f" {shown['since']}",
        ),
        "refused": (0, "no row of it was accepted: missing_columns"),
        "after": (ROWS, f"its rows begin at {after:%Y-%m-%d %H:%M:%S} UTC, none is before as-of"),
        "late": (ROWS, f"received at {shown['late']}, after known-at"),
    }
    json.dumps(plan)


def test_without_a_timestamp_what_came_later_is_left_out(lake: Lake) -> None:
    lake.receive("in")
    lake.receive("later", day=1)
    bare = pump_failure().model_dump(exclude={"features", "training", "promotion", "monitoring", "serving"})
    definition = Definition.model_validate(
        bare | {"data": {**bare["data"], "timestamp": None}, "training": {"holdout": {"by": "random"}}}
    )
    plan = lake.views.planned(definition, NOW.isoformat(), None)
    assert (plan["timestamp"], plan["divided"]) == (None, ())
    [left_out] = plan["left_out"]
    assert (left_out["batch_id"], left_out["reason"].endswith("after as-of")) == ("later", True)


@pytest.mark.parametrize("arguments", [("soon", None), (None, "32.01.2026")])
def test_a_moment_that_is_none_is_refused(lake: Lake, arguments: tuple[str | None, str | None]) -> None:
    with pytest.raises(RequestError, match=r"(as_of|known_at): expected a timestamp such as 2026-01-31T00:00") as told:
        planned(lake, *arguments)
    assert told.value.status == 400


@pytest.mark.parametrize("text", ["0001-01-05", "0001-01-01T00:00:00+05:00", "1899-12-31", "9999-12-31T23:59:59-01:00"])
@pytest.mark.parametrize("name", ["as_of", "known_at"])
def test_a_moment_that_no_window_can_be_counted_back_from_is_refused(lake: Lake, name: str, text: str) -> None:
    lake.receive("a")
    definition = Definition.model_validate(pump_failure().model_dump() | {"training": {"window": "1000 days"}})
    with pytest.raises(
        RequestError, match=f"^{name}: expected a timestamp (such as|of the years 1900 to 9999)"
    ) as told:
        lake.views.planned(definition, **{"as_of": None, "known_at": None, name: text})
    assert told.value.status == 400
