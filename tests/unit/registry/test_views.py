"""What the read API shows."""

import pytest

from everloop.errors import IntegrityError, NotFoundError
from everloop.registry.views import ModelViews
from everloop.stores.checks import CheckStore
from tests.samples import pump_failure
from tests.unit.registry.conftest import MODEL, World


@pytest.fixture
def views(world: World) -> ModelViews:
    return ModelViews(world.with_versions(2).registry, CheckStore(world.store))


def test_a_model_shows_its_inputs_and_state(world: World, views: ModelViews) -> None:
    world.operations.promote(MODEL, {"version": 2}, by="ann")
    shown = views.model(pump_failure())
    assert (shown["champion"], shown["epoch"], shown["versions"]) == (2, 1, [1, 2])
    assert shown["inputs"]["measured_at"] == "timestamp"
    assert "failed" not in shown["inputs"]


def test_versions_tell_which_one_is_champion(world: World, views: ModelViews) -> None:
    world.operations.promote(MODEL, {"version": 2}, by="ann")
    assert [version["champion"] for version in views.versions(MODEL)["versions"]] == [False, True]


def test_a_version_shows_lineage_metrics_and_card(views: ModelViews) -> None:
    shown = views.version(MODEL, "1")
    assert shown["lineage"] == {"run_id": "run-1"}
    assert shown["metrics"] == {"roc_auc": 0.8}
    assert views.card(MODEL, "1") == "# Card of run-1"


@pytest.mark.parametrize("text", ["0", "3", "-1", "1.0", "one", "", "²", "9" * 5_000, "../aliases.json"])
def test_a_version_that_is_none_is_not_found(views: ModelViews, text: str) -> None:
    for view in (views.version, views.card):
        with pytest.raises(NotFoundError) as caught:
            view(MODEL, text)
        assert len(caught.value.detail) < 300


def test_a_damaged_card_is_not_shown(world: World, views: ModelViews) -> None:
    world.store.objects[f"{MODEL}/versions/1/card.md"] = b"# Forged"
    with pytest.raises(IntegrityError):
        views.card(MODEL, "1")


def test_a_model_without_history_has_an_empty_one(views: ModelViews) -> None:
    assert views.history(MODEL) == {"model": MODEL, "epoch": 0, "champion": None, "history": []}
    assert views.monitoring(MODEL) == {"model": MODEL, "checks": []}
