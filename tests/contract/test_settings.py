"""What infra writes into a function's environment is what the function reads."""

import importlib
from pathlib import Path

import pytest

from everloop import settings
from everloop.errors import SettingsError
from everloop.settings import PredictSettings, Settings

ALL = sorted(Settings.__subclasses__(), key=lambda kind: kind.__name__)
HANDLERS = sorted((Path(__file__).parents[2] / "functions").glob("*/*.py"))


def filled(kind: type[Settings]) -> Settings:
    return kind.model_validate({name: f"value-of-{name}" for name in required(kind)})


def required(kind: type[Settings]) -> list[str]:
    return [name for name, field in kind.model_fields.items() if field.is_required()]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_settings_survive_the_way_through_the_environment(kind: type[Settings]) -> None:
    environment = filled(kind).to_env()
    assert all(isinstance(value, str) and name.startswith("EVERLOOP_") for name, value in environment.items())
    assert kind.from_env({**environment, "PATH": "/bin", "EVERLOOP_UNRELATED": "x"}) == filled(kind)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_missing_variable_is_named(kind: type[Settings]) -> None:
    for name in required(kind):
        environment = filled(kind).to_env()
        variable = f"EVERLOOP_{name.upper()}"
        del environment[variable]
        with pytest.raises(SettingsError, match=variable):
            kind.from_env(environment)


def test_a_variable_of_the_wrong_type_is_named() -> None:
    environment = filled(PredictSettings).to_env() | {"EVERLOOP_ALIASES_MAX_AGE_S": "soon"}
    with pytest.raises(SettingsError, match=r"EVERLOOP_ALIASES_MAX_AGE_S.*number"):
        PredictSettings.from_env(environment)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in filled(PredictSettings).to_env().items():
        monkeypatch.setenv(name, value)
    assert PredictSettings.from_env().models_bucket == "value-of-models_bucket"


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_handler_has_settings_of_its_own_name_and_reads_nothing_at_import(path: Path) -> None:
    name = "".join(word.capitalize() for word in path.stem.split("_")) + "Settings"
    kind = getattr(settings, name)
    module = importlib.import_module(f"functions.{path.parent.name}.{path.stem}")
    assert getattr(module, name) is kind
