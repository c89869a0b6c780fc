"""The champion's predictions of a window, joined with what really happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from everloop.contracts.definition import Definition
from everloop.monitoring.comparable import Texts
from everloop.sql import fetch_number, identifier, open_database
from everloop.stores.predictions import INPUT_PREFIX

STRAY = 0.01
"""Of the rows, those whose own times may lie far back without being believed: of what happened before them, years of
outcomes would have to be read."""


@dataclass(frozen=True)
class CurrentWindow:
    rows: int
    columns: dict[str, npt.NDArray[Any]]
    """Raw inputs [rows] as profiles take them, oldest first: float64 with NaN, or text with ''."""
    actual: Texts
    score: npt.NDArray[np.float64]
    label: Texts
    """Of the rows whose outcome was known by the time of the check."""

    def halves(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
        """The older and the newer half of the columns: two windows, for what must have lasted to count."""
        middle = self.rows // 2
        older = {name: values[:middle] for name, values in self.columns.items()}
        return older, {name: values[middle:] for name, values in self.columns.items()}


def read_window(
    definition: Definition,
    predictions: Sequence[Path],
    outcomes: Sequence[Path],
    *,
    folder: Path,
    version: int,
    start: datetime,
    end: datetime,
    input_names: Sequence[str],
) -> CurrentWindow:
    """Rows of [start, end) that `version` answered as the champion's model; outcomes observed until `end`.

    Their order does not depend on ids, which are random, so that the same traffic gives the same verdict.
    Of repeated records one stays; of several outcomes for a prediction the newest `observed_at` wins. Those of a
    recommendation are all items that were taken, in one JSON array.
    """
    with open_database(folder) as connection:
        rows = 0
        if predictions:
            connection.execute(
                "create temp table served as select * from read_parquet($files, union_by_name = true) "
                "where version = $version and variant = 'champion' and answered_by = 'model' "
                "and event_time >= $start and event_time < $end "
                "qualify row_number() over (partition by prediction_id) = 1 order by event_time, score, prediction_id",
                {"files": [str(path) for path in predictions], "version": version, "start": start, "end": end},
            )
            rows = fetch_number(connection.execute("select count(*) from served"))
        columns = _columns(connection, definition, input_names) if rows else {}
        if rows and outcomes:
            told = "read_parquet($files, union_by_name = true) where observed_at <= $end"
            joined = connection.execute(
                "select actual, score, coalesce(label, '') as label from served"
                f" join {counted_outcomes(definition, told)} using (prediction_id)"
                " order by event_time, score, actual, prediction_id",
                {"files": [str(path) for path in outcomes], "end": end},
            ).fetchnumpy()
        else:
            joined = {"actual": np.array([], str), "score": np.array([], float), "label": np.array([], str)}
    return CurrentWindow(
        rows=rows,
        columns=columns,
        actual=np.asarray(joined["actual"], object),
        score=np.asarray(joined["score"], dtype=np.float64),
        label=np.asarray(joined["label"], object),
    )


def counted_outcomes(definition: Definition, told: str) -> str:
    """SQL for `prediction_id` and what counts of its outcomes as `actual`; `told`: the outcomes, as FROM takes them."""
    counts = (
        "to_json(list_sort(list(distinct actual)))" if definition.recommendation else "arg_max(actual, observed_at)"
    )
    return f"(select prediction_id, {counts} as actual from {told} group by prediction_id)"


def _columns(
    connection: duckdb.DuckDBPyConnection, definition: Definition, input_names: Sequence[str]
) -> dict[str, npt.NDArray[Any]]:
    present = {row[0] for row in connection.execute("select column_name from (describe served)").fetchall()}
    declared = definition.served_columns
    selected = []
    for name in input_names:
        logged = INPUT_PREFIX + name
        if logged not in present or name not in declared:
            continue  # declared after these rows were logged, or no more
        quoted = identifier(logged)
        textual = declared[name].type.is_textual
        value = f"coalesce({quoted}, '')" if textual else f"coalesce(cast({quoted} as double), 'nan'::double)"
        selected.append(f"{value} as {identifier(name)}")
    if not selected:
        return {}
    fetched = connection.execute(f"select {', '.join(selected)} from served").fetchnumpy()
    return {name: np.asarray(values) for name, values in fetched.items()}
