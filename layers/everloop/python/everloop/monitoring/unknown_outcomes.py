"""Outcomes that name a prediction which the log does not have."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from everloop.contracts.definition import Definition
from everloop.ids import moment_of
from everloop.sql import fetch_number, literal, open_database
from everloop.stores.predictions import PredictionLog


def find_unknown_outcomes(
    log: PredictionLog,
    definition: Definition,
    predictions: Sequence[Path],
    outcomes: Sequence[Path],
    *,
    folder: Path,
    start: datetime,
    end: datetime,
) -> tuple[int, Path | None]:
    """How many of those observed from `start` to `end` there are, each counted once, and a Parquet file of them.

    What the window's own predictions do not have is looked up by the hour it was made. What was made longer ago than
    the log is kept may have been there, and is not counted.
    """
    if not outcomes:
        return 0, None
    window = {"files": [str(path) for path in outcomes], "start": start, "end": end}
    with open_database(folder) as connection:
        connection.execute(
            "CREATE TEMP TABLE told AS SELECT DISTINCT * FROM read_parquet($files, union_by_name = true) "
            "WHERE observed_at >= $start AND observed_at <= $end",
            window,
        )
        if predictions:
            connection.execute(
                "DELETE FROM told WHERE prediction_id IN (SELECT prediction_id FROM read_parquet($files))",
                {"files": [str(path) for path in predictions]},
            )
        left = {name for (name,) in connection.execute("SELECT DISTINCT prediction_id FROM told").fetchall()}
        oldest = end - definition.serving.log_retention
        judged = {each for each in left if not _is_older(each, oldest)}
        unknown = judged - log.written(definition.name, judged)
        connection.execute(
            "DELETE FROM told WHERE prediction_id NOT IN (SELECT unnest($ids::VARCHAR[]))", {"ids": sorted(unknown)}
        )
        count = fetch_number(connection.execute("SELECT count(*) FROM told"))
        if not count:
            return 0, None
        path = folder / "unknown-outcomes.parquet"
        connection.execute(
            "COPY (SELECT * FROM told ORDER BY ALL) TO " + literal(str(path)) + " (FORMAT parquet, COMPRESSION zstd)"
        )
    return count, path


def _is_older(prediction_id: str, moment: datetime) -> bool:
    """False of what is no id of ours."""
    try:
        return moment_of(prediction_id) < moment
    except ValueError:
        return False
