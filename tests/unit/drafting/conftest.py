import csv
import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from everloop.contracts.columns import Column
from everloop.contracts.definition import Definition, parse_definition
from everloop.drafting.draft import draft
from everloop.drafting.drafted import Draft, Role
from everloop.drafting.render import render
from everloop.features.check import check_expressions

NAME = "drafted"


@dataclass(frozen=True)
class Written:
    """A draft, and what its TOML says."""

    draft: Draft
    toml: str
    definition: Definition

    def column(self, name: str) -> Column:
        return self.definition.columns[name]

    def role(self, name: str) -> Role:
        return next(column.role for column in self.draft.columns if column.name == name)

    def why(self, name: str) -> str:
        return next(column.why for column in self.draft.columns if column.name == name)


Drafting = Callable[..., Written]


def written(path: Path, target: str, **options: Any) -> Written:
    drafted = draft(NAME, path, target, **options)
    toml = render(drafted)
    definition = parse_definition(toml, source=f"{NAME}.toml")
    check_expressions(definition)
    return Written(drafted, toml, definition)


@pytest.fixture
def drafting(tmp_path: Path) -> Drafting:
    """Draft from the text of a file, or from columns, each a list of values; `y` is the target unless said."""

    def of(content: str | bytes | Mapping[str, Sequence[Any]], target: str = "y", **options: Any) -> Written:
        text = content if isinstance(content, str | bytes) else table(content)
        path = tmp_path / "rows.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return written(path, target, **options)

    return of


def table(columns: Mapping[str, Sequence[Any]]) -> str:
    """CSV with `y`, a number that follows from nothing, unless it is given; short columns are repeated."""
    rows = max(map(len, columns.values()))
    complete = dict(columns) if "y" in columns else {**columns, "y": noise(rows)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(complete)
    writer.writerows([values[row % len(values)] for values in complete.values()] for row in range(rows))
    return text.getvalue()


def noise(rows: int, *, seed: int = 1) -> list[float]:
    """The same numbers each time, and of another seed others."""
    chance = random.Random(seed)
    return [round(chance.uniform(0, 100), 4) for _ in range(rows)]
