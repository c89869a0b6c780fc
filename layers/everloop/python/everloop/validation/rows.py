"""Judge the rows of one staged batch: read, check, split into accepted and quarantined, drop duplicates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from everloop.contracts.batches import Problem, Reading
from everloop.contracts.columns import REASONS, RESERVED_COLUMNS, ROW_NUMBER, ColumnType
from everloop.contracts.definition import Definition
from everloop.features.number_profile import NumberProfile
from everloop.features.profile import Profile
from everloop.reading.limits import Limits
from everloop.reading.paths import path_literal
from everloop.reading.readers.parquet import BATCH_METADATA
from everloop.reading.scan import explained, open_quick_scan, open_scan
from everloop.sql import fetch_number, identifier, literal
from everloop.validation.look import Look, LookedAt, look
from everloop.validation.typed_rows import TypedRows

MAXIMUM_REASONS_PER_ROW = 20
"""More of them would not help to mend the row; the report counts all."""
LARGEST_EXACT_INTEGER = 2**53
"""Of those that a double can hold."""


class JudgedRows:
    """The rows of a plain file under a definition.

    `look` is the only pass over a clean file. Where it finds invalid rows, a second pass brings them and their faults
    into the table `faulty`; what is accepted is read once more to be written: reading is cheap, keeping all typed rows
    is not.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        plain: Path,
        reading: Reading,
        definition: Definition,
        *,
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> None:
        """Raises BatchRejectedError, as do `look`, `find_faults` and `write_all_to_quarantine`, which read the file."""
        self.database = database
        self._explained = partial(explained, reading, plain)
        self._definition = definition
        self._rows = TypedRows(open_scan(database, plain, reading, limits=limits), definition, reading)
        self._delivered = [name for name in self._rows.scan.types if name.lower() not in RESERVED_COLUMNS]
        self._quick: TypedRows | None = None
        if not definition.data.csv.missing:
            doubles = [name for name, column in definition.columns.items() if column.type.is_numeric]
            quick_scan = open_quick_scan(plain, reading, doubles, limits=limits) if doubles else None
            self._quick = TypedRows(quick_scan, definition, reading) if quick_scan else None

    def look(self, centres: Mapping[str, float]) -> Look:
        """The quick look tells of a clean file that it is clean; only where it does not is each value judged."""
        with self._explained():
            for rows in (self._quick, self._rows):
                quick = rows and self._look_quickly(rows, centres)
                if rows and quick and quick.is_plain and rows.are_shown_valid_by(quick.profile):
                    self._rows = rows
                    return quick
            return self._look(self._rows, centres, self._rows.is_invalid())

    def _look_quickly(self, rows: TypedRows, centres: Mapping[str, float]) -> Look | None:
        if rows is not self._quick:
            return self._look(rows, centres, rows.is_odd(), stop_at_invalid=True)
        try:
            found = self._look(rows, centres, rows.is_odd(), stop_at_invalid=True)
        except (duckdb.Error, RuntimeError):
            return None  # a text that is no number, or what the exact look will explain
        return found if self._integers_are_exact(found.profile) else None

    def _look(
        self, rows: TypedRows, centres: Mapping[str, float], invalid: str, *, stop_at_invalid: bool = False
    ) -> Look:
        return look(
            self.database,
            rows.sql(),
            rows.profiled,
            centres,
            invalid=invalid,
            key=rows.row_key(),
            stop_at_invalid=stop_at_invalid,
        )

    def _integers_are_exact(self, profile: Profile) -> bool:
        """Whether no integer was too large to come through a double unharmed."""
        return all(
            column.minimum > -LARGEST_EXACT_INTEGER and column.maximum < LARGEST_EXACT_INTEGER
            for name, column in profile.columns.items()
            if isinstance(column, NumberProfile)
            and column.rows
            and self._definition.columns[name].type is ColumnType.INTEGER
        )

    def look_again(self, accepted: Path, centres: Mapping[str, float]) -> Profile:
        """The profile of the rows that were written: fewer than those that are valid, where some were duplicates."""
        columns = [LookedAt(column.name, column.type, identifier(column.name)) for column in self._rows.profiled]
        return look(self.database, f"read_parquet({path_literal(accepted)})", columns, centres).profile

    def find_faults(self) -> None:
        """Fill `faulty` with each invalid row: its number, its failures, and its columns d<place> as delivered."""
        rows = self._rows
        cases = ", ".join(f"{rows.first_failure(cell)} AS c{cell.place}" for cell in rows.cells)
        places = ", ".join(f"c{cell.place}" for cell in rows.cells)
        with self._explained():
            self.database.execute(
                f"""
                CREATE TABLE faulty AS SELECT * FROM (
                    SELECT _row, {"".join(f"d{i}, " for i in range(len(self._delivered)))}
                        list_filter([{places}], lambda failure: failure IS NOT NULL) AS failures
                    FROM (SELECT *, {cases} FROM {rows.sql(with_row_number=True, delivered=self._delivered)})
                ) WHERE len(failures) > 0
                """
            )
        self.database.execute(
            "CREATE TABLE rules (rule INTEGER, column_name VARCHAR, reason VARCHAR, expected VARCHAR)"
        )
        rules = [(rule.number, rule.cell.name, rule.reason, rule.expected) for rule in rows.rules]
        self.database.executemany("INSERT INTO rules VALUES (?, ?, ?, ?)", rules)

    def problems(self) -> tuple[Problem, ...]:
        """In the definition's order of columns; after `find_faults`."""
        found = self.database.execute(
            """
            SELECT reason, column_name, rows, expected, example FROM (
                SELECT failure.rule AS rule, count(*) AS rows, arg_min(failure.got, _row) AS example
                FROM (SELECT _row, unnest(failures) AS failure FROM faulty) GROUP BY rule
            ) JOIN rules USING (rule) ORDER BY rule
            """
        ).fetchall()
        return tuple(
            Problem(reason=reason, column=column, rows=rows, expected=expected, example=example)
            for reason, column, rows, expected, example in found
        )

    def write_quarantine(self, target: Path, batch_id: str) -> int:
        """The invalid rows as delivered, with row number and reasons, after `find_faults`; returns their number."""
        columns = "".join(f"d{i} AS {identifier(name)}, " for i, name in enumerate(self._delivered))
        return self._copy(
            f"""
            SELECT {columns} _row AS {ROW_NUMBER}, found.reasons AS {REASONS}
            FROM faulty JOIN ({_REASONS_BY_ROW}) AS found USING (_row) ORDER BY _row
            """,
            target,
            batch_id=batch_id,
        )

    def write_all_to_quarantine(self, target: Path, batch_id: str) -> int:
        """Each row as delivered, with the reasons of those that are invalid, after `find_faults`."""
        columns = "".join(f"{identifier(name)}, " for name in self._delivered)
        scan = self._rows.scan
        with self._explained():
            return self._copy(
                f"""
                SELECT delivered.*, coalesce(found.reasons, '[]') AS {REASONS}
                FROM (SELECT {columns} {scan.row_number} AS {ROW_NUMBER} FROM {scan.table}) AS delivered
                LEFT JOIN ({_REASONS_BY_ROW}) AS found ON found._row = delivered.{ROW_NUMBER}
                ORDER BY delivered.{ROW_NUMBER}
                """,
                target,
                batch_id=batch_id,
            )

    def write_accepted(self, target: Path, *, newest_only: bool) -> int:
        """The valid rows in their types and order, with `newest_only` one of each row id; returns their number."""
        rows = self._rows
        selected = ", ".join(f"{cell.value} AS {identifier(cell.name)}" for cell in rows.cells)
        newest = f"QUALIFY {rows.is_newest()} ORDER BY _row" if newest_only else ""
        return self._copy(
            f"SELECT {selected} FROM {rows.sql(with_row_number=newest_only)} WHERE NOT {rows.is_invalid()} {newest}",
            target,
        )

    def time_span(self, accepted: Path) -> tuple[datetime | None, datetime | None]:
        """First and last timestamp of the accepted rows."""
        if not self._definition.data.timestamp:
            return None, None
        column = identifier(self._definition.data.timestamp)
        [(first, last)] = self.database.execute(
            f"SELECT min({column}), max({column}) FROM read_parquet(?)", [str(accepted)]
        ).fetchall()
        return _aware(first), _aware(last)

    def _copy(self, query: str, target: Path, *, batch_id: str | None = None) -> int:
        """A file that names its batch is known again when it is replayed, and no two batches have the same one."""
        name = f", KV_METADATA {{{BATCH_METADATA}: {literal(batch_id)}}}" if batch_id else ""
        self.database.execute(f"COPY ({query}) TO ? (FORMAT parquet, COMPRESSION zstd{name})", [str(target)])
        return fetch_number(self.database)


_REASONS_BY_ROW = f"""
SELECT _row, to_json(list(struct_pack(
    "column" := column_name, reason := reason, got := got, expected := expected) ORDER BY rule
))::VARCHAR AS reasons
FROM (
    SELECT _row, failure.rule AS rule, failure.got AS got
    FROM (SELECT _row, unnest(failures[:{MAXIMUM_REASONS_PER_ROW}]) AS failure FROM faulty)
) JOIN rules USING (rule) GROUP BY _row
"""


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
