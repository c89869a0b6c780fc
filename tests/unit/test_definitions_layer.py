"""The layer of the definitions: the TOML files, the graphs of their rules, and a name that follows both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from everloop.adapters.definitions import known_models, load_definition, load_rules
from everloop.errors import DefinitionError
from everloop.features.rules import compile_rules
from layers.definitions import build_definitions
from tests.samples import MODELS

PLAIN = (MODELS / "pump-failure.toml").read_text("utf-8")
RULE = '\n[[serving.rules]]\nname = "at-rest"\nwhen = "{}"\nanswer = 0\n'


def models(folder: Path, when: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pump-failure.toml").write_text(PLAIN + (RULE.format(when) if when else ""))
    return folder


def test_the_graph_of_the_rules_lies_beside_the_definition(tmp_path: Path) -> None:
    package = build_definitions(models(tmp_path, "pressure < 1")) / "python" / "everloop_models"
    assert {path.name for path in package.iterdir()} == {
        "__init__.py",
        "pump-failure.toml",
        "pump-failure.rules.onnx",
    }


def test_a_layer_is_the_same_for_the_same_rules_and_another_for_others(tmp_path: Path) -> None:
    built = [build_definitions(models(tmp_path, when)) for when in (None, "pressure < 1", "pressure < 2", None)]
    assert built[0] == built[3]
    assert len(set(built)) == 3
    assert not list(built[0].rglob("*.onnx"))


def test_a_wrong_rule_is_named_with_its_file_before_anything_is_deployed(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as refused:
        build_definitions(models(tmp_path, "presure < 1"))
    assert str(refused.value).startswith("pump-failure.toml: serving.rules[0] (at-rest): at character 1, 'presure < 1'")


def test_a_function_reads_the_rules_of_its_layer(tmp_path: Path, deploy_models: Callable[..., None]) -> None:
    deploy_models(models(tmp_path / "with", "pressure < 1") / "pump-failure.toml")
    assert known_models() == ("pump-failure",)
    assert load_rules("pump-failure") == compile_rules(load_definition("pump-failure"))


def test_a_model_without_rules_has_no_graph(deploy_models: Callable[..., None]) -> None:
    deploy_models(MODELS / "pump-failure.toml")
    assert load_rules("pump-failure") is None
