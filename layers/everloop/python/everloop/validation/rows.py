"""Judge the rows of one staged batch: cast, check, split into accepted and quarantined, drop duplicates."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from everloop.contracts.batches import Problem
from everloop.contracts.definition import REASONS, ROW_NUMBER, Definition
from everloop.sql import fetch_number, identifier, literal, open_database
from everloop.validation.cells import Cell, cells_of
from everloop.validation.checks import CHECKS
from everloop.validation.types import READINGS

ABSENT_COLUMN = "absent_column"
MAXIMUM_EXAMPLE_CHARACTERS = 200
MAXIMUM_REASONS_PER_ROW = 20
"""More of them would not help to mend the row; the report counts all."""


class JudgedRows:
    """The rows of `staged` (text columns) under a definition; made by `judge_rows`.

    In the database: the view `judged` (row number, typed value v<place> and failure c<place> of each declared column,
    whether the row is invalid), the tables `faulty` (row number and failures of the invalid rows) and `rules`.
    The view is read twice, for the valid and the invalid rows: reading is cheap, keeping all typed rows is not.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, staged: Path, definition: Definition) -> None:
        self.database = database
        self._staged = str(staged)
        self._definition = definition
        self._cells = cells_of(definition)
        described = database.execute("DESCRIBE FROM read_parquet(?)", [self._staged]).fetchall()
        self.columns = [str(row[0]) for row in described]
        """As delivered, in the order of the file."""

    def judge(self) -> None:
        conditions = self._write_rules()
        texts = ", ".join(f"{self._text_of(cell)} AS {cell.text}" for cell in self._cells)
        values = ", ".join(f"{_value_of(cell)} AS {cell.value}" for cell in self._cells)
        failures = ", ".join(f"{conditions[cell.name]} AS c{cell.place}" for cell in self._cells)
        invalid = " OR ".join(f"c{cell.place} IS NOT NULL" for cell in self._cells)
        self.database.execute(
            f"""
            CREATE VIEW judged AS SELECT *, {invalid} AS invalid FROM (
                SELECT *, {failures} FROM (
                    SELECT *, {values} FROM (
                        SELECT file_row_number + 1 AS _row, {texts}
                        FROM read_parquet({literal(self._staged)}, file_row_number = true))))
            """
        )
        places = ", ".join(f"c{cell.place}" for cell in self._cells)
        self.database.execute(
            f"""
            CREATE TABLE faulty AS
            SELECT _row, list_filter([{places}], lambda failure: failure IS NOT NULL) AS failures
            FROM judged WHERE invalid
            """
        )

    def _write_rules(self) -> dict[str, str]:
        """Number each check of each column in the table `rules`; give the SQL that finds a column's first failure."""
        self.database.execute(
            "CREATE TABLE rules (rule INTEGER, column_name VARCHAR, reason VARCHAR, expected VARCHAR)"
        )
        rules: list[tuple[int, str, str, str]] = []
        conditions = {}
        for cell in self._cells:
            cases = []
            got = f"left({cell.text}, {MAXIMUM_EXAMPLE_CHARACTERS})"
            for reason, check in CHECKS.items():
                if failure := check(cell):
                    cases.append(f"WHEN {failure.condition} THEN struct_pack(rule := {len(rules)}, got := {got})")
                    rules.append((len(rules), cell.name, reason, failure.expected))
            no_case = "CAST(NULL AS STRUCT(rule INTEGER, got VARCHAR))"
            conditions[cell.name] = f"CASE {' '.join(cases)} END" if cases else no_case
        if rules:
            self.database.executemany("INSERT INTO rules VALUES (?, ?, ?, ?)", rules)
        return conditions

    def _text_of(self, cell: Cell) -> str:
        """Empty means missing, in every format; around numbers and times, so do blanks."""
        if cell.name not in self.columns:
            return "CAST(NULL AS VARCHAR)"
        text = identifier(cell.name)
        return f"nullif({text if cell.column.type.is_textual else f'trim({text})'}, '')"

    def count_delivered(self) -> int:
        return self._count("SELECT count(*) FROM read_parquet(?)", [self._staged])

    def count_invalid(self) -> int:
        return self._count("SELECT count(*) FROM faulty")

    def problems(self) -> tuple[Problem, ...]:
        """In the definition's order of columns; then the nullable columns that the file lacks, which harms no row."""
        found = self.database.execute(
            """
            SELECT reason, column_name, rows, expected, example FROM (
                SELECT failure.rule AS rule, count(*) AS rows, arg_min(failure.got, _row) AS example
                FROM (SELECT _row, unnest(failures) AS failure FROM faulty) GROUP BY rule
            ) JOIN rules USING (rule) ORDER BY rule
            """
        ).fetchall()
        failed = [
            Problem(reason=reason, column=column, rows=rows, expected=expected, example=example)
            for reason, column, rows, expected, example in found
        ]
        absent = [
            Problem(
                reason=ABSENT_COLUMN, column=cell.name, rows=self.count_delivered(), expected="a column of this name"
            )
            for cell in self._cells
            if cell.name not in self.columns and not cell.is_required
        ]
        return (*failed, *absent)

    def write_quarantine(self, target: Path, *, whole: bool) -> int:
        """The invalid rows (`whole`: each row) as delivered, with row number and reasons; returns their number."""
        self.database.execute(
            f"""
            COPY (
                SELECT delivered.* EXCLUDE (file_row_number), file_row_number + 1 AS {ROW_NUMBER},
                    coalesce(reasons, '[]') AS {REASONS}
                FROM read_parquet(?, file_row_number = true) AS delivered
                {"LEFT" if whole else "INNER"} JOIN (
                    SELECT _row, to_json(list(struct_pack(
                        "column" := column_name, reason := reason, got := got, expected := expected) ORDER BY rule
                    ))::VARCHAR AS reasons
                    FROM (
                        SELECT _row, failure.rule AS rule, failure.got AS got
                        FROM (SELECT _row, unnest(failures[:{MAXIMUM_REASONS_PER_ROW}]) AS failure FROM faulty)
                    ) JOIN rules USING (rule) GROUP BY _row
                ) ON _row = file_row_number + 1
                ORDER BY file_row_number
            ) TO ? (FORMAT parquet, COMPRESSION zstd)
            """,
            [self._staged, str(target)],
        )
        return fetch_number(self.database)

    def write_accepted(self, target: Path) -> int:
        """The valid rows in their types and their order, the newest of each row id; returns their number."""
        selected = ", ".join(f"{cell.value} AS {identifier(cell.name)}" for cell in self._cells)
        self.database.execute(
            f"COPY (SELECT {selected} FROM judged WHERE NOT invalid {self._newest} ORDER BY _row)"
            " TO ? (FORMAT parquet, COMPRESSION zstd)",
            [str(target)],
        )
        return fetch_number(self.database)

    @property
    def _newest(self) -> str:
        values = {cell.name: cell.value for cell in self._cells}
        data = self._definition.data
        if not data.row_id:
            return ""
        ids = ", ".join(values[name] for name in data.row_id)
        order = [*([f"{values[data.timestamp]} DESC"] if data.timestamp else []), "_row DESC"]
        return f"QUALIFY row_number() OVER (PARTITION BY {ids} ORDER BY {', '.join(order)}) = 1"

    def time_span(self, accepted: Path) -> tuple[datetime | None, datetime | None]:
        """First and last timestamp of the accepted rows."""
        if not self._definition.data.timestamp:
            return None, None
        column = identifier(self._definition.data.timestamp)
        span = self.database.execute(
            f"SELECT min({column}), max({column}) FROM read_parquet(?)", [str(accepted)]
        ).fetchone()
        first, last = span or (None, None)
        return _aware(first), _aware(last)

    def _count(self, query: str, parameters: Sequence[str] = ()) -> int:
        self.database.execute(query, list(parameters))
        return fetch_number(self.database)


def _value_of(cell: Cell) -> str:
    reading = READINGS[cell.column.type]
    return f"CAST({reading.read.format(text=cell.text)} AS {reading.sql_type})"


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


@contextmanager
def judge_rows(staged: Path, definition: Definition, *, folder: Path) -> Iterator[JudgedRows]:
    """`folder` takes what does not fit into memory."""
    with open_database(folder) as database:
        rows = JudgedRows(database, staged, definition)
        rows.judge()
        yield rows
