from collections.abc import Callable

import pytest

from everloop.contracts.definition import Definition
from tests.unit.features.engines import Engines, define


@pytest.fixture(scope="session")
def engines() -> Engines:
    return Engines()


@pytest.fixture(scope="session")
def definition() -> Callable[..., Definition]:
    return define
