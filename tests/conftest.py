"""What all tests share: never a real account, a clean everloop_models package, and AWS in memory."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from everloop.adapters import definitions
from layers.definitions import deployed_files

if TYPE_CHECKING:
    from tests.plant import Plant

# Two pytest workers with two OpenMP threads each wait for one another more than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tables keep to it, and a test reads them as wide as a pipe is.
os.environ.pop("COLUMNS", None)

settings.register_profile(
    "everloop",
    # A machine that stalls is no bug, neither of an example nor of what makes examples.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # The same examples in each run: what fails, fails for everybody. Others with `make explore`.
    derandomize="EVERLOOP_EXPLORE" not in os.environ,
)
settings.load_profile("everloop")

AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nowhere/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
    "POWERTOOLS_METRICS_NAMESPACE": "Everloop",
    "POWERTOOLS_SERVICE_NAME": "tests",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
AWS_STRANGERS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test forgets to fake, it has no credentials for."""
    for name in AWS_STRANGERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws(_no_real_account: None) -> Iterator[None]:
    """Every AWS client talks to moto."""
    from moto import mock_aws

    with mock_aws():
        yield


@pytest.fixture
def atomic_aws(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """`aws` whose requests run one at a time: moto's compare-and-swap is not atomic under threads."""
    from moto.core.botocore_stubber import BotocoreStubber

    lock, answer = RLock(), BotocoreStubber.__call__

    def answer_alone(self: BotocoreStubber, *args: Any, **kwargs: Any) -> Any:
        with lock:
            return answer(self, *args, **kwargs)

    monkeypatch.setattr(BotocoreStubber, "__call__", answer_alone)


@contextmanager
def fine_switching(seconds: float = 1e-5) -> Iterator[None]:
    """Threads take turns so often that a race that can happen does happen."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@pytest.fixture
def deploy_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Call it with TOML files: they become the package `everloop_models`, as in the layer of a deploy."""
    package = tmp_path / "models-layer" / definitions.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    sys.modules.pop(definitions.PACKAGE, None)

    def deploy(*files: Path) -> None:
        for path in files:
            for name, content in deployed_files(path).items():
                (package / name).write_bytes(content)
        definitions.known_models.cache_clear()
        definitions.load_definition.cache_clear()

    deploy()  # forgets what an earlier test deployed
    yield deploy
    sys.modules.pop(definitions.PACKAGE, None)
    definitions.known_models.cache_clear()
    definitions.load_definition.cache_clear()


@pytest.fixture
def cold_functions() -> Iterator[None]:
    """Handlers without warm state: each composition root builds anew, before and after the test."""
    _cool()
    yield
    _cool()


def _cool() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("functions."):
            for root in vars(module).values():
                if hasattr(root, "cache_clear") and getattr(root, "__module__", "") == name:
                    root.cache_clear()


@pytest.fixture
def plant(
    aws: None, cold_functions: None, deploy_models: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> "Plant":
    """Buckets, queue, bus, settings and the definition of pump-failure: whatever a handler looks for."""
    from tests.plant import Plant
    from tests.samples import MODELS

    deploy_models(MODELS / "pump-failure.toml")
    plant = Plant()
    for name, value in plant.environment.items():
        monkeypatch.setenv(name, value)
    return plant
