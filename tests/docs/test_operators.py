"""Every operator of the table is documented and none that is not there, and what may also be written compiles."""

import re
from pathlib import Path

import pytest

from everloop.contracts.definition import Definition
from everloop.features.check import check_expressions
from everloop.features.operators import OPERATORS

PAGE = Path(__file__).parents[2] / "docs" / "definition.md"
PIPE = re.compile(r"(?<!\\)\|")
COLUMNS = dict.fromkeys(("x", "y", "base", "low", "high"), "number") | {
    "c": "boolean",
    "s": "text",
    "t": "timestamp",
    "u": "timestamp",
}


def column(index: int) -> list[str]:
    """The code spans of one column of the table of operators."""
    table = PAGE.read_text("utf-8").partition("| operators | also written |")[2].partition("\n\n")[0]
    cells = [PIPE.split(line)[index + 1] for line in table.splitlines()[2:]]
    return [span.replace(r"\|", "|") for cell in cells for span in re.findall("`([^`]+)`", cell)]


def test_the_table_lists_each_operator_once():
    assert sorted(column(0)) == sorted(operator.name for operator in OPERATORS.values())


@pytest.mark.parametrize("sql", column(1))
def test_what_may_also_be_written_so_compiles(sql):
    check_expressions(
        Definition.model_validate(
            {
                "name": "example",
                "task": "regression",
                "data": {"target": "target"},
                "columns": {"target": "number", **COLUMNS},
                "features": {"feature": f"({sql}) IS NULL"},
            }
        )
    )
