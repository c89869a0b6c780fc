"""What the read API shows."""

import hashlib
from datetime import timedelta

import pytest

from everloop.contracts.registry import Gate, RunReport, TrialReport
from everloop.errors import IntegrityError, NotFoundError, RequestError
from everloop.registry.views import ModelViews
from everloop.stores.checks import CheckStore
from tests.samples import NOW, pump_failure
from tests.unit.registry.conftest import MODEL, World

HOUR = timedelta(hours=1)


@pytest.fixture
def views(world: World) -> ModelViews:
    return ModelViews(world.with_versions(2).registry, CheckStore(world.store))


def test_a_model_shows_its_inputs_and_state(world: World, views: ModelViews) -> None:
    world.operations.promote(MODEL, {"version": 2}, by="ann")
    shown = views.model(pump_failure())
    assert (shown["champion"], shown["epoch"], shown["versions"]) == (2, 1, [1, 2])
    assert shown["traffic"] is None
    assert shown["inputs"]["measured_at"] == "timestamp"
    assert "failed" not in shown["inputs"]


def test_versions_tell_which_one_is_champion(world: World, views: ModelViews) -> None:
    world.operations.promote(MODEL, {"version": 2}, by="ann")
    world.operations.change_traffic(pump_failure(), {"mode": "ab", "challenger": 1}, by="ann")
    first, second = views.versions(MODEL)["versions"]
    assert [(version["champion"], version["challenger"]) for version in (first, second)] == [
        (False, True),
        (True, False),
    ]


def test_a_version_shows_lineage_metrics_and_card(views: ModelViews) -> None:
    shown = views.version(MODEL, "1")
    assert shown["lineage"] == {"run_id": "run-1"}
    assert shown["metrics"] == {"roc_auc": 0.8}
    assert shown["files"]["card.md"] == hashlib.sha256(b"# Card of run-1").hexdigest()
    assert shown["plots"] == ["roc.svg"]
    assert views.card(MODEL, "1") == "# Card of run-1"


@pytest.mark.parametrize("name", ["pr.svg", "model.onnx", "../roc.svg", "", "x" * 5_000])
def test_a_plot_that_is_none_is_not_found_and_those_there_are_are_listed(views: ModelViews, name: str) -> None:
    with pytest.raises(NotFoundError, match=r"it has roc\.svg") as caught:
        views.plot(MODEL, "1", name)
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize("text", ["0", "3", "-1", "1.0", "one", "", "²", "9" * 5_000, "../aliases.json"])
def test_a_version_that_is_none_is_not_found(views: ModelViews, text: str) -> None:
    for view in (views.version, views.card, lambda model, version: views.plot(model, version, "roc.svg")):
        with pytest.raises(NotFoundError) as caught:
            view(MODEL, text)
        assert len(caught.value.detail) < 300


def test_a_damaged_card_is_not_shown(world: World, views: ModelViews) -> None:
    world.store.objects[f"{MODEL}/versions/1/card.md"] = b"# Forged"
    with pytest.raises(IntegrityError):
        views.card(MODEL, "1")


def test_who_was_champion_at_a_moment_is_told_with_the_change_and_its_end(world: World, views: ModelViews) -> None:
    for version in (1, 2):
        world.clock.advance(HOUR)
        world.operations.promote(MODEL, {"version": version, "reason": f"version {version}"}, by="ann")
    before, first, second = (views.champion_at(MODEL, (NOW + hours * HOUR).isoformat()) for hours in (0.5, 1.5, 9))
    assert (before["champion"], before["change"], before["until"]) == (None, None, (NOW + HOUR).isoformat())
    assert (first["champion"], first["until"]) == (1, (NOW + 2 * HOUR).isoformat())
    assert (first["change"]["reason"], first["change"]["by"], first["change"]["epoch"]) == ("version 1", "ann", 1)
    assert (second["champion"], second["until"]) == (2, None)


def test_a_model_and_a_moment_tell_of_the_experiment_beside_the_champion(world: World, views: ModelViews) -> None:
    world.operations.promote(MODEL, {"version": 1}, by="ann")
    world.clock.advance(HOUR)
    world.operations.change_traffic(pump_failure(), {"mode": "canary", "challenger": 2}, by="ann")
    shown = views.model(pump_failure())["traffic"]
    assert (shown["mode"], shown["challenger"], shown["share"]) == ("canary", 2, 0.05)
    before, during = (views.champion_at(MODEL, (NOW + hours * HOUR).isoformat()) for hours in (0.5, 1.5))
    assert (before["traffic"], during["traffic"]) == (None, shown)
    assert (before["change"], before["until"]) == (during["change"], None), "the same champion, by the same change"


@pytest.mark.parametrize("at", ["noon", "", "0001-01-01", "9" * 1_000])
def test_a_moment_that_is_none_is_refused(views: ModelViews, at: str) -> None:
    with pytest.raises(RequestError, match="at: expected a timestamp") as caught:
        views.champion_at(MODEL, at)
    assert len(caught.value.detail) < 300


def test_runs_are_listed_in_the_order_they_ended_with_what_compares_them(world: World, views: ModelViews) -> None:
    for run_id, hours in (("b", 1), ("a", 2), ("c", 0)):
        gates = (Gate(name="parity", passed=True, detail=""), Gate(name="champion", passed=False, detail="worse"))
        trial = TrialReport(trial=3, algorithm="ridge", parameters={"alpha": 1.0}, value=0.5, seconds=0.1)
        world.registry.save_report(
            RunReport(
                model=MODEL,
                run_id=run_id,
                status="refused",
                gates=gates,
                trials=(trial,),
                chosen_trial=3,
                algorithm="ridge",
                finished_at=NOW + hours * HOUR,
            )
        )
    listed = views.runs(MODEL)["runs"]
    assert [run["run_id"] for run in listed] == ["c", "b", "a"]
    assert {(run["algorithm"], run["trials"], *run["gates_failed"]) for run in listed} == {("ridge", 1, "champion")}
    assert listed[0]["parameters"] == {"alpha": 1.0}
    assert views.runs("pump") == {"model": "pump", "runs": []}


def test_of_many_runs_the_newest_are_listed(world: World) -> None:
    for number in range(5):
        world.registry.save_report(RunReport(model=MODEL, run_id=f"run-{number}", status="failed", finished_at=NOW))
    assert [report.run_id for report in world.registry.reports(MODEL, newest=2)] == ["run-3", "run-4"]


def test_a_model_without_history_has_an_empty_one(views: ModelViews) -> None:
    assert views.history(MODEL) == {"model": MODEL, "epoch": 0, "champion": None, "traffic": None, "history": []}
    assert views.monitoring(MODEL) == {"model": MODEL, "checks": []}
