"""What Lambda can hold, and that what it holds is enough: the real layers, and every handler on nothing else."""

import platform
import subprocess
import tomllib
from pathlib import Path

import pytest
from uv import find_uv_bin

from infra.config import REPOSITORY
from layers.build import LAYERS, PLATFORMS, build, build_package, export, find_python, requirements, size_bytes
from layers.definitions import build_definitions
from tests.infra.templates import MODELS_DIR, synthesize

LIMIT_BYTES = 262_144_000
"""Unzipped function and layers together: Lambda quotas, 'Deployment package size'."""

HEADROOM_BYTES = 4 * 2**20
"""For the package, the definitions and the handler, which grow with every commit."""

PYTHON = find_python()
needs_lambda_python = pytest.mark.skipif(
    PYTHON is None or platform.machine() != "x86_64" or platform.system() != "Linux",
    reason="imports the x86_64 layers with Lambda's own Python 3.13",
)

LEARN_AND_CONVERT = """
import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier

rows = np.random.default_rng(7).normal(size=(300, 4)).astype(np.float32)
model = HistGradientBoostingClassifier(max_iter=5).fit(rows, rows[:, 0] > 0)
open(MODEL, "wb").write(to_onnx(model, rows[:1], options={"zipmap": False}).SerializeToString())
"""
ANSWER = """
import numpy as np
import onnxruntime

_, probabilities = onnxruntime.InferenceSession(MODEL).run(None, {"X": np.array([[2, 0, 0, 0]], np.float32)})
assert probabilities[0, 1] > 0.5
"""


def third_party_layer(module: str) -> str:
    """Which of the three layers the deployed function has."""
    attached = [layer["Ref"] for layer in synthesize().functions()[module]["Layers"]]
    [name] = [name for name in LAYERS for reference in attached if reference.startswith(f"Layers{name.title()}")]
    return name


def run_isolated(code: str, *path: Path) -> None:
    """Run code in Lambda's Python with these directories and no site-packages, leaving no bytecode behind."""
    program = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}\n{code}"
    done = subprocess.run([str(PYTHON), "-I", "-S", "-B", "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def lambda_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the python3.13 runtime brings: boto3 and its own needs."""
    target = tmp_path_factory.mktemp("runtime")
    locked = tomllib.loads((REPOSITORY / "uv.lock").read_text("utf-8"))["package"]
    pins = [
        f"{package['name']}=={package['version']}"
        for package in locked
        if package["name"] in {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
    ]
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--target", str(target), *pins], check=True
    )
    return target


@pytest.mark.parametrize("name", LAYERS)
def test_requirements_are_those_of_the_lock(name: str) -> None:
    assert requirements(name).read_text("utf-8") == export(name), "run `python layers/build.py lock`"


def test_requirements_name_no_registry_and_nothing_that_must_stay_out() -> None:
    training = requirements("training").read_text("utf-8")
    assert "pandas" not in training
    assert "protobuf==6." in training
    for name in LAYERS:
        text = requirements(name).read_text("utf-8")
        assert "://" not in text, name
        assert "boto" not in text, name


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("architecture", PLATFORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_function_and_layers_fit_into_lambda(name: str, architecture: str) -> None:
    code = [*(REPOSITORY / "models").glob("*.toml"), *(REPOSITORY / "functions").rglob("*.py")]
    ours = sum(path.stat().st_size for path in code)
    assert ours + size_bytes(build_package()) < HEADROOM_BYTES
    assert size_bytes(build(name, architecture)) + HEADROOM_BYTES <= LIMIT_BYTES


@pytest.mark.slow
@pytest.mark.network
@needs_lambda_python
@pytest.mark.parametrize(
    "handler", sorted((REPOSITORY / "functions").glob("*/*.py")), ids=lambda handler: str(handler.stem)
)
def test_every_handler_imports_with_nothing_but_its_layers(handler: Path, lambda_runtime: Path) -> None:
    run_isolated(
        f"import {handler.stem}; assert callable({handler.stem}.lambda_handler)",
        handler.parent,
        build_package() / "python",
        build_definitions(REPOSITORY / MODELS_DIR) / "python",
        build(third_party_layer(handler.stem), "x86_64") / "python",
        lambda_runtime,
    )


@pytest.mark.slow
@pytest.mark.network
@needs_lambda_python
def test_a_model_converted_on_the_training_layer_answers_on_the_serving_layer(tmp_path: Path) -> None:
    model = f"MODEL = {str(tmp_path / 'model.onnx')!r}\n"
    run_isolated(model + LEARN_AND_CONVERT, build("training", "x86_64") / "python")
    run_isolated(model + ANSWER, build("serving", "x86_64") / "python")


@pytest.mark.slow
@pytest.mark.network
@needs_lambda_python
@pytest.mark.parametrize("module", ["pydantic/main", "everloop/scorer"])
def test_bytecode_of_what_serves_is_valid_after_a_zip_reset_its_times(module: str) -> None:
    layer = build("serving", "x86_64") if module.startswith("pydantic") else build_package()
    folder, name = module.split("/")
    [compiled] = (layer / "python" / folder / "__pycache__").glob(f"{name}.*.pyc")
    assert compiled.name == f"{name}.cpython-313.pyc"
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 1  # PEP 552: hash-based, not checked
