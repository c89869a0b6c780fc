"""Synthesis runs when a source changed, and says what went wrong."""

from pathlib import Path

import pytest

from local.cloud.synth import synthesize
from local.errors import SynthesisError
from local.project import Project

APP = """
import os, pathlib
for name in ("CDK_CONTEXT_JSON", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
    print(name, os.environ.get(name))
pathlib.Path(os.environ["CDK_OUTDIR"], "manifest.json").write_text(os.environ["CDK_CONTEXT_JSON"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "__init__.py").touch()
    (tmp_path / "infra" / "app.py").write_text(APP)
    return Project(root=tmp_path, home=tmp_path / ".everloop")


def test_an_assembly_is_made_once_for_the_same_sources(project: Project) -> None:
    first = synthesize(project)
    assert not first.cached
    assert (first.folder / "manifest.json").read_text() == '{"everloop:dependencies": "host"}'
    assert synthesize(project).cached
    (project.root / "infra" / "__pycache__").mkdir(exist_ok=True)
    (project.root / "infra" / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    assert synthesize(project).cached, "compiled files are no sources"


@pytest.mark.parametrize(
    "source",
    ["models/demand.toml", "functions/inference/predict.py", "layers/everloop/python/everloop/x.py", "cdk.json"],
)
def test_a_changed_source_makes_a_new_assembly(project: Project, source: str) -> None:
    synthesize(project)
    path = project.root / source
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    assert not synthesize(project).cached
    path.unlink()
    assert not synthesize(project).cached, "a file that is gone counts, too"


def test_a_failure_shows_what_the_app_printed_and_keeps_the_last_assembly(project: Project) -> None:
    synthesize(project)
    (project.root / "infra" / "app.py").write_text("raise ValueError('no such memory size')")
    with pytest.raises(
        SynthesisError, match=r"`python -m infra.app` failed \(exit code 1\):(.|\n)*no such memory size"
    ):
        synthesize(project)
    assert (project.assembly / "manifest.json").exists()
