"""What a deployment may choose."""

import json
from pathlib import Path

import pytest
from aws_cdk import App

from infra.app import build_app
from infra.config import Config

DEFAULTS = {
    "everloop:architecture": "arm64",
    "everloop:dependencies": "host",
    "everloop:removal": "retain",
    "everloop:models": "tests/infra/models",
    "everloop:requests-per-second": 500,
    "everloop:predict-concurrency": 0,
    "everloop:snap-start": True,
    "everloop:tracing": True,
}


def config(**chosen: object) -> Config:
    context = {**DEFAULTS, **{f"everloop:{name.replace('_', '-')}": value for name, value in chosen.items()}}
    return Config.from_context(App(context=context).node)


def test_numbers_of_the_command_line_are_text() -> None:
    assert config(predict_concurrency="25").predict_concurrency == 25


def test_switches_are_true_and_false_or_the_words_for_them() -> None:
    assert (config().snap_start, config().tracing) == (True, True)
    assert (config(snap_start=False).snap_start, config(tracing="false").tracing) == (False, False)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"architecture": "arm"}, "everloop:architecture: expected one of arm64, x86_64, got 'arm'"),
        ({"removal": "delete"}, "everloop:removal: expected one of retain, destroy, got 'delete'"),
        ({"requests_per_second": "many"}, "everloop:requests-per-second: expected a whole number"),
        ({"tracing": "off"}, "everloop:tracing: expected true or false, got 'off'"),
        ({"predict_concurrency": -1}, "everloop:predict-concurrency: expected a whole number"),
    ],
)
def test_a_wrong_choice_is_named_with_what_was_expected(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**chosen)


def test_without_snapshots_and_traces_nothing_of_them_is_deployed(tmp_path: Path) -> None:
    context = {"everloop:dependencies": "host", "everloop:models": "tests/infra/models"}
    build_app({**context, "everloop:snap-start": False, "everloop:tracing": False}, outdir=str(tmp_path)).synth()
    templates = "".join(path.read_text() for path in tmp_path.glob("*.template.json"))
    assert "SnapStart" not in templates
    assert "xray" not in templates
    assert '"Mode": "Active"' not in templates
    assert '"TracingEnabled": true' not in templates


def test_a_throwaway_deployment_leaves_nothing_behind(tmp_path: Path) -> None:
    context = {"everloop:dependencies": "host", "everloop:models": "tests/infra/models", "everloop:removal": "destroy"}
    build_app(context, outdir=str(tmp_path)).synth()
    kept = {
        f"{path.stem}/{logical_id}"
        for path in tmp_path.glob("*.template.json")
        for logical_id, resource in json.loads(path.read_text())["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert kept == set()
