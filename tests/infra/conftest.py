"""What the tests of the infrastructure share."""

import pytest

from tests.infra.templates import Assembly, synthesize


@pytest.fixture(scope="session")
def assembly() -> Assembly:
    return synthesize()
