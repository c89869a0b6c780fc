"""A checkout without a model says how to define one."""

from pathlib import Path

import pytest

from everloop.errors import DefinitionError
from local.definitions import checked_definitions


def test_a_folder_without_definitions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as refused:
        checked_definitions(tmp_path / "models")
    assert str(refused.value) == f"no model is defined: expected a file such as models/churn.toml in {tmp_path}"
