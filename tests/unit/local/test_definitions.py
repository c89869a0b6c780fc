"""A checkout without a model says how to define one."""

from pathlib import Path

import pytest

from everloop.errors import DefinitionError
from local.definitions import checked_definitions


def test_a_folder_without_definitions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as refused:
        checked_definitions(tmp_path / "models")
    assert str(refused.value) == f"no model is defined: expected a file such as models/churn.toml in {tmp_path}"


PUMP = """
name = "pump"
task = "regression"
[data]
target = "y"
csv = { timestamp_format = "%d/%m/%Y" }
[columns]
y = "number"
x = "number"
at = { type = "timestamp", format = ["%d.%m.%Y", "%Q"] }
"""


@pytest.mark.parametrize(
    ("format", "reason"),
    [
        ("%Y-%", "Trailing format character %"),
        ("%H:%Q", "Unrecognized format for strftime/strptime: %Q"),
        ("", "Empty"),
    ],
)
def test_what_is_wrong_with_a_format_is_said_where_it_stands(tmp_path: Path, format: str, reason: str) -> None:
    (tmp_path / "pump.toml").write_text(PUMP.replace('"%d/%m/%Y"', f'["%Y", "{format}"]').replace(', "%Q"', ""))
    with pytest.raises(DefinitionError) as refused:
        checked_definitions(tmp_path)
    assert str(refused.value).startswith("pump.toml: data.csv.timestamp_format: expected a format such as ")
    assert f"got {format!r}: {reason}" in str(refused.value)


def test_formats_that_strptime_knows_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "pump.toml").write_text(PUMP.replace("%Q", "%b %-d, %Y at %I:%M %p"))
    assert [definition.name for definition in checked_definitions(tmp_path)] == ["pump"]


def test_a_format_that_no_timestamp_can_have_is_named_before_a_file_comes(tmp_path: Path) -> None:
    (tmp_path / "pump.toml").write_text(PUMP)
    with pytest.raises(DefinitionError, match=r"pump.toml: columns.at.format: expected a format such as .*, got '%Q'"):
        checked_definitions(tmp_path)
