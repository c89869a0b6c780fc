"""Choose the accepted rows a run learns from, name them in a manifest, and bring them into typed arrays."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.contracts.datasets import DatasetBatch, DatasetManifest
from everloop.contracts.definition import ColumnType, Definition, Task
from everloop.errors import TooFewRowsError, UnusableTargetError
from everloop.features.compile import CompiledFeatures
from everloop.features.execute import read_model_inputs, read_raw_columns
from everloop.features.profile import Profile, centres_of
from everloop.sql import fetch_number, identifier
from everloop.training.prepared import Inputs, PreparedDataset
from everloop.training.probes import PROBES_TABLE, create_probes
from everloop.training.search import FOLDS, PARTS

ROWS_TABLE = "training_rows"
_BATCH = '"everloop batch"'
"""Which selected batch a row came in; the space keeps the name apart from any sane column's."""
_MINIMUM_CLASS_ROWS = 5
"""Of each class, in the oldest rows that trials fit on: fewer teach nothing and break the search's split."""


@dataclass(frozen=True)
class Selection:
    """The batches that may hold rows of the window, in the order they were received."""

    since: datetime | None
    as_of: datetime
    reports: tuple[BatchReport, ...]


def select_batches(definition: Definition, reports: Sequence[BatchReport], as_of: datetime) -> Selection:
    window = definition.training.window
    since = as_of - window if window else None
    accepted = (report for report in reports if report.status is BatchStatus.ACCEPTED)
    chosen = (report for report in accepted if _overlaps(report, since, as_of))
    return Selection(since, as_of, tuple(sorted(chosen, key=lambda report: (report.received_at, report.batch_id))))


def _overlaps(report: BatchReport, since: datetime | None, as_of: datetime) -> bool:
    if report.first_timestamp is None or report.last_timestamp is None:  # a model without a timestamp
        return report.received_at <= as_of
    first, last = _aware(report.first_timestamp), _aware(report.last_timestamp)
    return first < as_of and (since is None or last >= since)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def create_rows(
    connection: duckdb.DuckDBPyConnection, definition: Definition, selection: Selection, files: Sequence[Path]
) -> DatasetManifest:
    """Fill the table `training_rows`, oldest first or shuffled by the seed, from one file for each selected batch.

    Of rows with the same row id the newest stays. Raises TooFewRowsError.
    """
    columns = ", ".join(identifier(name) for name in definition.columns)
    source = "read_parquet($files, filename = true, file_row_number = true, union_by_name = true)"
    rows = 0
    if files:
        connection.execute(
            f"create or replace temp table {ROWS_TABLE} as "
            f"select {columns}, cast(parse_filename(filename, true) as bigint) as {_BATCH} from "
            f"(select * from {source} where {_in_window(definition)} {_newest(definition)}) "
            f"order by {_order(definition)}",
            {"files": [str(path) for path in files], **_window_parameters(definition, selection)},
        )
        rows = fetch_number(connection.execute(f"select count(*) from {ROWS_TABLE}"))
    if rows < definition.training.minimum_rows:
        period = f"from {selection.since:%Y-%m-%d %H:%M} " if selection.since else ""
        raise TooFewRowsError(
            f"{definition.name}: {rows} accepted rows {period}until {selection.as_of:%Y-%m-%d %H:%M}, "
            f"training.minimum_rows is {definition.training.minimum_rows}; upload more data or lower it"
        )
    batches = tuple(DatasetBatch(batch_id=r.batch_id, rows=r.rows.accepted) for r in selection.reports)
    return DatasetManifest(
        model=definition.name,
        definition_hash=definition.hash,
        since=selection.since,
        as_of=selection.as_of,
        batches=batches,
        rows=rows,
    )


def prepare(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    compiled: CompiledFeatures,
    manifest: DatasetManifest,
) -> PreparedDataset:
    """Typed arrays of `training_rows`; raises UnusableTargetError with what is wrong."""
    inputs = _model_inputs(connection, ROWS_TABLE, compiled)
    target, classes = _target(connection, definition)
    holdout_rows = max(1, round(len(target) * definition.holdout.fraction))
    _check_classes(definition, target[:-holdout_rows], classes)
    _check_holdout(definition, target[-holdout_rows:])
    create_probes(connection, compiled.raw_columns)
    return PreparedDataset(
        task=definition.task,
        classes=classes,
        dataset_version=manifest.version,
        batches=[batch.batch_id for batch in manifest.batches],
        split_id=_split_id(connection, definition),
        holdout_time=_column(connection, _epoch_sql(definition), np.float64)[-holdout_rows:],
        holdout_batch=_column(connection, _BATCH, np.int64)[-holdout_rows:],
        number_names=list(compiled.numbers),
        text_names=list(compiled.texts),
        inputs=inputs,
        target=target,
        holdout_rows=holdout_rows,
        holdout_raw={
            name: values[-holdout_rows:] for name, values in read_raw_columns(connection, ROWS_TABLE, compiled).items()
        },
        probes=_model_inputs(connection, PROBES_TABLE, compiled),
        probes_raw=read_raw_columns(connection, PROBES_TABLE, compiled),
    )


def training_profile(connection: duckdb.DuckDBPyConnection, compiled: CompiledFeatures) -> Profile:
    """The reference that monitoring compares with: the raw columns the model takes, over all training rows.

    Timestamps are left out: time moves on, and that is no drift.
    """
    columns = {
        name: values[:, 0]
        for name, values in read_raw_columns(connection, ROWS_TABLE, compiled).items()
        if compiled.raw_columns[name] is not ColumnType.TIMESTAMP
    }
    return Profile.of(columns, centres_of(columns))


def _split_id(connection: duckdb.DuckDBPyConnection, definition: Definition) -> str:
    """Follows from the rows (their moments, batches, targets) and from how they are split, not from their columns."""
    names = [name for name in (definition.data.timestamp, definition.data.target) if name]
    key = ", ".join([*map(identifier, names), _BATCH])
    rows = connection.execute(f"select count(*), sum(hash({key})::hugeint) from {ROWS_TABLE}").fetchone()
    split = f"{rows} {definition.training.seed} {definition.holdout.model_dump_json()}"
    return hashlib.sha256(split.encode()).hexdigest()[:16]


def _model_inputs(connection: duckdb.DuckDBPyConnection, table: str, compiled: CompiledFeatures) -> Inputs:
    read = read_model_inputs(connection, table, compiled)
    return Inputs(read.numbers, read.texts)


def _target(connection: duckdb.DuckDBPyConnection, definition: Definition) -> tuple[npt.NDArray[np.float64], list[Any]]:
    name = definition.data.target
    kind = definition.columns[name].type
    values = _column(connection, identifier(name))
    if definition.task is Task.REGRESSION:
        return values.astype(np.float64), []
    if definition.task is Task.MULTICLASS:
        classes, index = np.unique(values.astype(np.str_) if kind.is_textual else values, return_inverse=True)
        return index.astype(np.float64), classes.tolist()
    if kind.is_textual:
        positive = str(definition.data.positive)
        others = sorted(set(values.tolist()) - {positive})
        if len(others) > 1:
            raise UnusableTargetError(
                f"target {name!r}: expected {positive!r} and one other level, got {', '.join(map(str, others[:3]))}; "
                "declare the task multiclass-classification or mend the data"
            )
        return (values == positive).astype(np.float64), [*(others or [f"not {positive}"]), positive]
    numbers = values.astype(np.float64)
    strange = numbers[(numbers != 0) & (numbers != 1)]
    if len(strange):
        raise UnusableTargetError(f"target {name!r}: expected 0 or 1, got {strange[0]:g} in {len(strange)} rows")
    return numbers, [False, True] if kind is ColumnType.BOOLEAN else [0, 1]


def _column(connection: duckdb.DuckDBPyConnection, sql: str, dtype: Any = None) -> npt.NDArray[Any]:
    return np.asarray(connection.execute(f"select {sql} as c from {ROWS_TABLE}").fetchnumpy()["c"], dtype=dtype)


def _epoch_sql(definition: Definition) -> str:
    timestamp = definition.data.timestamp
    return f"epoch({identifier(timestamp)})" if timestamp else "'nan'::double"


def _check_classes(definition: Definition, train_target: npt.NDArray[np.float64], classes: list[Any]) -> None:
    name = definition.data.target
    if definition.task is Task.REGRESSION:
        if np.ptp(train_target) == 0:
            raise UnusableTargetError(f"target {name!r} is {train_target[0]:g} in every training row: nothing to learn")
        return
    if len(classes) < 2:
        raise UnusableTargetError(f"target {name!r}: every row is {classes[0]!r}; at least two classes are needed")
    # The search's first fit is on the oldest parts alone; a class that only comes later cannot be scored.
    oldest = train_target[: int(len(train_target) * (PARTS - FOLDS) / PARTS)]
    counts = np.bincount(oldest.astype(int), minlength=len(classes))
    found = zip(classes, counts, strict=True)
    rare = [f"{label!r} ({count} rows)" for label, count in found if count < _MINIMUM_CLASS_ROWS]
    if rare:
        raise UnusableTargetError(
            f"target {name!r}: too few rows of {', '.join(rare[:5])} among the oldest training rows; "
            f"{_MINIMUM_CLASS_ROWS} are needed of each class"
        )


def _check_holdout(definition: Definition, target: npt.NDArray[np.float64]) -> None:
    if definition.task is not Task.MULTICLASS and np.ptp(target) == 0:
        raise UnusableTargetError(
            f"target {definition.data.target!r} is the same in all {len(target)} rows of the holdout: nothing can be "
            "judged on them; raise training.holdout.fraction, draw it with by = 'random', or upload more data"
        )


def _in_window(definition: Definition) -> str:
    timestamp = definition.data.timestamp
    if timestamp is None:
        return "true"
    return f"{identifier(timestamp)} < $as_of and ($since is null or {identifier(timestamp)} >= $since)"


def _window_parameters(definition: Definition, selection: Selection) -> dict[str, Any]:
    if definition.data.timestamp is None:
        return {}
    return {
        "as_of": selection.as_of.astimezone(UTC).replace(tzinfo=None),
        "since": selection.since.astimezone(UTC).replace(tzinfo=None) if selection.since else None,
    }


def _newest(definition: Definition) -> str:
    if not definition.data.row_id:
        return ""
    key = ", ".join(identifier(name) for name in definition.data.row_id)
    newest = f"{identifier(definition.data.timestamp)} desc nulls last, " if definition.data.timestamp else ""
    return f"qualify row_number() over (partition by {key} order by {newest}filename desc, file_row_number desc) = 1"


def _order(definition: Definition) -> str:
    arrival = "filename, file_row_number"
    if definition.holdout.by == "time":
        return f"{identifier(str(definition.data.timestamp))}, {arrival}"
    # Files are named by their place in the selection, so the shuffle is the same wherever they lie.
    return f"hash(parse_filename(filename), file_row_number, {definition.training.seed}), {arrival}"
