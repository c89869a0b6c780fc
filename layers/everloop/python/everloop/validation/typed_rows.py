"""The rows of a scan as SQL: each declared column in its type, and what would make a row invalid."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from everloop.contracts.batches import Reading
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.features.column_profile import ColumnProfile
from everloop.features.profile import Profile
from everloop.reading.scan import Scan
from everloop.reading.types import SQL_TYPES
from everloop.sql import as_enumeration, identifier
from everloop.validation.cells import Cell, cells_of
from everloop.validation.checks import CHECKS
from everloop.validation.look import LookedAt

MAXIMUM_EXAMPLE_CHARACTERS = 200


class Rule(NamedTuple):
    """One check of one column."""

    number: int
    cell: Cell
    reason: str
    condition: str
    expected: str
    is_ruled_out: Callable[[ColumnProfile], bool] | None


class TypedRows:
    def __init__(self, scan: Scan, definition: Definition, reading: Reading) -> None:
        self.scan = scan
        self.cells = cells_of(definition, reading, scan)
        self.rules = _rules_of(self.cells)
        self._row_id = definition.data.row_id
        self._timestamp = definition.data.timestamp
        self._values = {cell.name: cell.value for cell in self.cells}
        self._numbers = {cell.value for cell in self.cells if cell.column.type is ColumnType.NUMBER}

    @property
    def profiled(self) -> Sequence[LookedAt]:
        """All but row ids, which are all different, and free text, whose levels say nothing."""
        return [
            LookedAt(cell.name, cell.column.type, cell.level if cell.levels else cell.value, cell.levels)
            for cell in self.cells
            if cell.column.type.is_profiled and cell.name not in self._row_id
        ]

    def sql(self, *, with_row_number: bool = False, delivered: Sequence[str] = ()) -> str:
        """Rows with r<place> as delivered, v<place> in its declared type, l<place> as an enumeration where its levels
        are listed, and d<i> for each column of `delivered`."""
        raws = [f"{cell.source} AS {cell.raw}" for cell in self.cells]
        values = [f"CAST({cell.reader.value} AS {SQL_TYPES[cell.column.type]}) AS {cell.value}" for cell in self.cells]
        values.extend(
            f"{as_enumeration(cell.value, cell.levels)} AS {cell.level}" for cell in self.cells if cell.levels
        )
        if with_row_number:
            raws.append(f"{self.scan.row_number} AS _row")
        raws.extend(f"{identifier(name)} AS d{i}" for i, name in enumerate(delivered))
        return f"(SELECT *, {', '.join(values)} FROM (SELECT {', '.join(raws)} FROM {self.scan.table}))"

    def is_invalid(self) -> str:
        return _any_of(*(rule.condition for rule in self.rules))

    def is_odd(self) -> str:
        """Cheaper, and true for each row that fails by what no profile shows, and for some that are sound."""
        profiled = {column.name for column in self.profiled}
        unseen = (rule.condition for rule in self.rules if not rule.is_ruled_out or rule.cell.name not in profiled)
        return _any_of(*(cell.is_odd for cell in self.cells if cell.is_odd), *unseen)

    def are_shown_valid_by(self, profile: Profile) -> bool:
        """Given that no row is odd."""
        return all(
            rule.is_ruled_out(profile.columns[rule.cell.name])
            for rule in self.rules
            if rule.is_ruled_out and rule.cell.name in profile.columns
        )

    def first_failure(self, cell: Cell) -> str:
        got = (
            f"CASE WHEN NOT {cell.is_missing} THEN left(CAST({cell.raw} AS VARCHAR), {MAXIMUM_EXAMPLE_CHARACTERS}) END"
        )
        cases = " ".join(
            f"WHEN {rule.condition} THEN struct_pack(rule := {rule.number}, got := {got})"
            for rule in self.rules
            if rule.cell is cell
        )
        return f"CASE {cases} END" if cases else "CAST(NULL AS STRUCT(rule INTEGER, got VARCHAR))"

    def row_key(self) -> str | None:
        """64 bits of a hash that stays the same from one version of DuckDB to the next; None without a row id."""
        if not self._row_id:
            return None
        # Zero has two signs, which are equal and written differently.
        values = [f"{value} + 0.0" if value in self._numbers else value for value in self._row_id_values]
        return f"md5_number_lower(concat_ws(chr(31), {', '.join(values)}))"

    def is_newest(self) -> str:
        """Whether a row is the one that counts of those with its row id."""
        order = [*([f"{self._values[self._timestamp]} DESC"] if self._timestamp else []), "_row DESC"]
        return f"row_number() OVER (PARTITION BY {', '.join(self._row_id_values)} ORDER BY {', '.join(order)}) = 1"

    @property
    def _row_id_values(self) -> list[str]:
        return [self._values[name] for name in self._row_id]


def _rules_of(cells: Sequence[Cell]) -> list[Rule]:
    found = ((cell, reason, check(cell)) for cell in cells for reason, check in CHECKS.items())
    failing = [(cell, reason, failure) for cell, reason, failure in found if failure]
    return [Rule(number, cell, reason, *failure) for number, (cell, reason, failure) in enumerate(failing)]


def _any_of(*conditions: str) -> str:
    """True or false, never NULL."""
    return f"coalesce({' OR '.join(f'({condition})' for condition in conditions)}, false)" if conditions else "false"
