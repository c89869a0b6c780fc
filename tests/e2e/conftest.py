"""One cloud for all tests of this folder that do not bring their own."""

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from local.loop import Loop
from tests.docs.markdown import README, whole_definitions
from tests.e2e.clouds import deployed_loop
from tests.e2e.pumps import WITH_HISTORY, write_definition

MODELS = MappingProxyType(
    {
        "pump-lived": {},
        "pump-steady": {},
        "pump-doubled": {},
        "pump-chosen": {'mode = "automatic"': 'mode = "manual"'},
        "pump-filed": {},
        "pump-mended": {"maximum = 1000 }": "maximum = 100 }"},
        "pump-asked": {},
        "pump-killed": {},
        "pump-remembered": WITH_HISTORY,
        "pump-imported": {"minimum = {": "must_beat_champion = false\nminimum = {"},
        "pump-traced": {**WITH_HISTORY, "minimum = {": "must_beat_champion = false\nminimum = {"},
        "pump-watched": {'every = "1 day"': 'every = "1 minute"'},
        "pump-rivals": {
            'mode = "automatic"': 'mode = "canary"\ncanary.guardrails = { minimum_rows = 20 }',
            "minimum = { roc_auc = 0.6 }": "must_beat_champion = false",
        },
    }
)
"""Who uses which: one test module, or one story in it, for each model."""


@pytest.fixture(scope="session")
def cloud_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="session")
def loop(cloud_folder: Path) -> Iterator[Loop]:
    definitions = cloud_folder / "models"
    definitions.mkdir()
    for name, changes in MODELS.items():
        write_definition(definitions, name, changes)
    for name, text in whole_definitions(README).items():
        (definitions / f"{name}.toml").write_text(text, "utf-8")
    with deployed_loop(cloud_folder, definitions) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests write what they upload."""
    return tmp_path_factory.mktemp("files")
