"""What the variants of an experiment answered, from the prediction log, and what really happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt

from everloop.contracts.definition import Definition
from everloop.contracts.traffic import Traffic
from everloop.monitoring.comparable import Texts
from everloop.monitoring.window import STRAY, counted_outcomes
from everloop.sql import identifier, open_database
from everloop.stores.predictions import INPUT_PREFIX

SETTLING = timedelta(seconds=2)
"""Until then every worker has learned of a change of traffic; what it answers before belongs to the share before."""


OUTCOME_COLUMNS = ("prediction_id", "actual", "observed_at")
_ANSWER = ("answered_by", "latency_ms", "score", "label")
_BESIDE = ("shadow_version", "shadow_score", "shadow_label", "shadow_error", "shadow_latency_ms")
_FAILED = "error"
"""What stands for who answered where a shadow could not score a row."""
_SHADOW = (
    f"if(shadow_error is null, 'model', '{_FAILED}') as beside_answered_by, shadow_latency_ms as beside_latency_ms,"
    " shadow_score as beside_score, shadow_label as beside_label,"
)


class Counts(NamedTuple):
    """Of the rows of one variant, without those that a rule answered."""

    rows: int = 0
    units: int = 0
    latency_ms: float | None = None
    """Median, of those that the version scored itself."""
    answered_by: dict[str, int] = {}

    @property
    def fallback_share(self) -> float:
        return 1 - self.answered_by.get("model", 0) / self.rows if self.rows else 0.0


CHAMPION, CHALLENGER = False, True
ByVariant = dict[bool, Counts]
"""Under `CHAMPION` and `CHALLENGER`, where they have rows."""


@dataclass(frozen=True)
class KnownRows:
    """Rows [n] whose outcome is known; a shadow's come twice, the champion's answer before the challenger's."""

    challenger: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    unit: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Numbers the entities."""
    step: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Numbers the shares there have been."""
    actual: Texts = field(default_factory=lambda: np.empty(0, np.str_))
    score: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    label: Texts = field(default_factory=lambda: np.empty(0, np.str_))


@dataclass(frozen=True)
class Trial:
    whole: ByVariant
    """Since the experiment began."""
    present: ByVariant
    """Since the present share began."""
    known: KnownRows
    knows_units: bool
    """False where the entity is kept out of the log: rows of one cannot be told from those of many."""


def read_trial(
    definition: Definition,
    traffic: Traffic,
    predictions: Sequence[Path],
    outcomes_since: Callable[[date], Sequence[Path]],
    *,
    folder: Path,
    shares_since: Sequence[datetime],
    until: datetime,
) -> Trial:
    """Rows answered until then; `shares_since` is when each share began, the first one with the experiment.

    Of repeated records one stays, and outcomes count as they do in `read_window`.
    """
    knows_units = definition.data.entity not in definition.inputs or _entity_column(definition) is not None
    if not predictions:
        return Trial({}, {}, KnownRows(), knows_units)
    with open_database(folder) as connection:
        _read_answers(connection, definition, traffic, predictions, shares_since=shares_since, until=until)
        newest = f"where step = {len(shares_since) - 1}"
        stray = f"select quantile_disc(event_time, {STRAY})::date from answers"
        [(first,)] = connection.execute(stray).fetchall()
        outcomes = outcomes_since(min(first, shares_since[0].date())) if first else ()
        known = _join(connection, definition, outcomes) if outcomes else KnownRows()
        return Trial(_count(connection), _count(connection, newest), known, knows_units)


def answer_columns(definition: Definition) -> list[str]:
    """Of the prediction log, those that are read here."""
    entity = _entity_column(definition)
    read = ("prediction_id", "predicted_at", "event_time", "variant", *_ANSWER, *_BESIDE)
    return [*read, entity] if entity else [*read]


def _entity_column(definition: Definition) -> str | None:
    """Where the log has it."""
    entity = definition.data.entity
    if entity is None or entity not in definition.inputs or definition.inputs[entity].pii == "drop":
        return None
    return INPUT_PREFIX + entity


def _read_answers(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    traffic: Traffic,
    predictions: Sequence[Path],
    *,
    shares_since: Sequence[datetime],
    until: datetime,
) -> None:
    """Make the table `answers`, one row for each answer of a variant."""
    entity = _entity_column(definition)
    named = f"cast({identifier(entity)} as varchar)" if entity else "null"
    connection.execute("create temp table shares (step bigint, since timestamptz)")
    connection.executemany(
        "insert into shares values (?, ?)", [[step, since + SETTLING] for step, since in enumerate(shares_since)]
    )
    is_shadow = traffic.mode == "shadow"
    connection.execute(
        f"create temp table served as select prediction_id, event_time, variant, {', '.join(_ANSWER)},"
        f" {_SHADOW if is_shadow else ''} step, coalesce({named}, prediction_id) as unit"
        # Not by union of their names, which would open all files twice: what is read here all of them have.
        " from read_parquet($files) log asof join shares on predicted_at >= since where predicted_at <= $until"
        " and variant in ('champion', 'challenger') and not starts_with(answered_by, 'rule:')"
        f" {f'and shadow_version = {traffic.challenger}' if is_shadow else ''}"
        " qualify row_number() over (partition by prediction_id) = 1",
        {"files": [str(path) for path in predictions], "until": until},
    )
    row = "select prediction_id, event_time, unit, step"
    own = f"{row}, variant = 'challenger' as challenger, {', '.join(_ANSWER)} from served"
    beside = f"{row}, true, {', '.join(f'beside_{name}' for name in _ANSWER)} from served"
    connection.execute(f"create temp table answers as {own} {f'union all {beside}' if is_shadow else ''}")


def _count(connection: duckdb.DuckDBPyConnection, where: str = "") -> ByVariant:
    counted = connection.execute(
        "select challenger, count(*), count(distinct unit), median(latency_ms) filter (answered_by = 'model'),"
        f" histogram(answered_by) from answers {where} group by challenger"
    )
    return {challenger: Counts(*counts) for challenger, *counts in counted.fetchall()}


def _join(connection: duckdb.DuckDBPyConnection, definition: Definition, outcomes: Sequence[Path]) -> KnownRows:
    joined: dict[str, Any] = connection.execute(
        "select challenger, dense_rank() over (order by unit) - 1 as unit, step, actual,"
        " coalesce(score, 'nan'::double) as score, coalesce(label, '') as label from answers join"
        f" {counted_outcomes(definition, 'read_parquet($files)')} using (prediction_id)"
        f" where prediction_id not in (select prediction_id from answers where answered_by = '{_FAILED}')"
        " order by prediction_id, challenger",
        {"files": [str(path) for path in outcomes]},
    ).fetchnumpy()
    return KnownRows(
        challenger=np.asarray(joined["challenger"], np.bool_),
        unit=np.asarray(joined["unit"], np.int64),
        step=np.asarray(joined["step"], np.int64),
        actual=np.asarray(joined["actual"], object),
        score=np.asarray(joined["score"], np.float64),
        label=np.asarray(joined["label"], object),
    )
