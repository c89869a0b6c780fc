"""Rows whose fate is known before they are delivered: one in a hundred is faulty, one in ten repeats another's id."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb

from everloop.contracts.batches import BatchReport, RowCounts
from everloop.contracts.definition import Definition
from everloop.sql import literal
from tests.poison.delivery import Delivery

LEDGER = Definition.model_validate(
    {
        "name": "ledger",
        "task": "regression",
        "data": {"target": "y", "timestamp": "at", "row_id": ["id"]},
        "columns": {
            "id": "text",
            "at": "timestamp",
            "x": {"type": "number", "minimum": 0, "maximum": 100},
            "n": {"type": "integer", "nullable": False},
            "kind": {"type": "category", "allowed": ["a", "b", "c"]},
            "sold": "boolean",
            "y": "number",
        },
    }
)


class Fault(NamedTuple):
    column: str
    value: str
    reason: str


FAULTS = (
    Fault("y", "", "target_missing"),
    Fault("id", "", "missing_value"),
    Fault("at", "", "missing_value"),
    Fault("n", "", "missing_value"),
    Fault("n", "12.5", "wrong_type"),
    Fault("at", "2026-02-31", "wrong_type"),
    Fault("sold", "perhaps", "wrong_type"),
    Fault("x", "1e400", "not_finite"),
    Fault("x", "-0.01", "below_minimum"),
    Fault("x", "100.01", "above_maximum"),
    Fault("kind", "z", "not_allowed"),
    Fault("x", "ten", "wrong_type"),
)
"""The last one cannot be said in Parquet, where `x` is a DOUBLE."""

_TYPED = """
id, "at", coalesce(TRY_CAST(x AS DOUBLE), 'infinity') AS x, TRY_CAST(n AS DOUBLE) AS n, kind, sold,
TRY_CAST(y AS DOUBLE) AS y
"""
FORMATS = {
    "csv": "SELECT * FROM delivered|FORMAT csv, HEADER",
    "csv.gz": "SELECT * FROM delivered|FORMAT csv, HEADER, COMPRESSION gzip",
    "tsv.zst": "SELECT * FROM delivered|FORMAT csv, HEADER, DELIMITER '\t', COMPRESSION zstd",
    "jsonl": "SELECT * FROM delivered|FORMAT json",
    "json.gz": "SELECT * FROM delivered|FORMAT json, ARRAY, COMPRESSION gzip",
    "parquet": f"SELECT {_TYPED} FROM delivered|FORMAT parquet",
}
"""By the file's suffix: the rows of a file, and how DuckDB writes them."""


class Account(NamedTuple):
    """What became of one file, beside what had to."""

    suffix: str
    expected: RowCounts
    report: BatchReport
    wrong_reasons: int
    """Rows quarantined that should not be or the other way round, or with other reasons."""
    wrong_rows: int
    """Rows accepted that should not be or the other way round, or with other values."""


def settle(rows: int, folder: Path) -> Iterator[Account]:
    """Deliver so many rows, shared out among a file of each format, and settle each file's account."""
    delivery = Delivery({LEDGER.name: LEDGER})
    for place, suffix in enumerate(FORMATS):
        share = rows // len(FORMATS) + (place < rows % len(FORMATS))
        with duckdb.connect(config={"threads": 2}) as database:
            _make(database, suffix, share)
            file = folder / f"ledger.{suffix}"
            query, options = FORMATS[suffix].split("|")
            database.execute(f"COPY ({query}) TO {literal(str(file))} ({options})")
            report = delivery.deliver(file, f"uploads/ledger/{file.name}")
            delivery.download_accepted(report, folder / "accepted.parquet")
            delivery.download_quarantine(report, folder / "quarantine.parquet")
            counts = _fetch(database, _COUNTS)
            expected = RowCounts(delivered=counts[0], accepted=counts[1], quarantined=counts[2], duplicates=counts[3])
            database.execute(
                f"CREATE VIEW quarantine AS FROM read_parquet({literal(str(folder / 'quarantine.parquet'))})"
            )
            database.execute(f"CREATE VIEW accepted AS FROM read_parquet({literal(str(folder / 'accepted.parquet'))})")
            yield Account(suffix, expected, report, *_fetch(database, _WRONG_REASONS), *_fetch(database, _WRONG_ROWS))


def _make(database: duckdb.DuckDBPyConnection, suffix: str, rows: int) -> None:
    """`truth` has each row as it should be read, with its fault and its fate; `delivered` has the texts of the file."""
    faults = FAULTS[:-1] if suffix == "parquet" else FAULTS
    database.execute("CREATE TABLE faults (fault INTEGER, spoiled VARCHAR, value VARCHAR, reason VARCHAR)")
    database.executemany(
        "INSERT INTO faults VALUES (?, ?, ?, ?)", [(place, *fault) for place, fault in enumerate(faults)]
    )
    database.execute(_TRUTH.format(rows=rows, faults=len(faults), prefix=suffix))
    columns = ", ".join(
        f"""CASE WHEN spoiled = '{name}' THEN value ELSE "{name}"::VARCHAR END AS "{name}\""""
        for name in LEDGER.columns
    )
    database.execute(
        f"CREATE VIEW delivered AS SELECT {columns} FROM truth LEFT JOIN faults USING (fault) ORDER BY number"
    )


_TRUTH = """
CREATE TABLE truth AS
WITH drawn AS (
    SELECT range AS number,
        CASE WHEN hash(range, 1) % 100 = 0 THEN hash(range, 2) % {faults} END AS fault,
        CASE WHEN range % 10 = 9 THEN hash(range, 3) % range ELSE range END AS twin,
        TIMESTAMP '2026-01-01' + to_seconds((hash(range, 4) % 1_000_000)::BIGINT) AS "at",
        (hash(range, 5) % 10_001) / 100 AS x, (hash(range, 6) % 1_000)::BIGINT AS n,
        ['a', 'b', 'c'][(1 + hash(range, 7) % 3)::BIGINT] AS kind, hash(range, 8) % 2 = 0 AS sold, range / 8 AS y
    FROM range({rows})
), named AS (
    SELECT *, '{prefix}-' || (twin - (twin % 10 = 9)::INTEGER)::VARCHAR AS id FROM drawn
)
SELECT *, CASE
    WHEN fault IS NOT NULL THEN 'quarantined'
    WHEN row_number() OVER (PARTITION BY fault IS NULL, id ORDER BY "at" DESC, number DESC) = 1 THEN 'accepted'
    ELSE 'duplicate' END AS fate
FROM named
"""
_COUNTS = """
SELECT count(*), count(*) FILTER (fate = 'accepted'), count(*) FILTER (fate = 'quarantined'),
    count(*) FILTER (fate = 'duplicate') FROM truth
"""
_WRONG_REASONS = """
WITH expected AS (
    SELECT number + 1 AS row, spoiled AS "column", reason FROM truth JOIN faults USING (fault)
), got AS (
    SELECT _row AS row, reason ->> 'column' AS "column", reason ->> 'reason' AS reason
    FROM (SELECT _row, unnest(from_json(_reasons, '["JSON"]')) AS reason FROM quarantine)
)
SELECT (SELECT count(*) FROM (FROM expected EXCEPT ALL FROM got))
    + (SELECT count(*) FROM (FROM got EXCEPT ALL FROM expected))
"""
_WRONG_ROWS = """
WITH expected AS (SELECT id, "at", x, n, kind, sold, y FROM truth WHERE fate = 'accepted'),
got AS (SELECT id, "at", x, n, kind, sold, y FROM accepted)
SELECT (SELECT count(*) FROM (FROM expected EXCEPT ALL FROM got))
    + (SELECT count(*) FROM (FROM got EXCEPT ALL FROM expected))
"""


def _fetch(database: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    [found] = database.execute(query).fetchall()
    return tuple(map(int, found))
