"""Profile the rows of a dataset, and make the typed arrays of them that the training steps take."""

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.columns import ColumnType
from everloop.contracts.datasets import DatasetManifest
from everloop.contracts.definition import Definition
from everloop.contracts.splits import FOLDS, MINIMUM_CLASS_ROWS, PARTS
from everloop.contracts.tasks import Task
from everloop.errors import UnusableTargetError
from everloop.features.compile import CompiledFeatures
from everloop.features.execute import read_model_inputs, read_raw_columns
from everloop.features.profile import Profile, centres_of
from everloop.reading.accepted import BATCH
from everloop.sql import identifier
from everloop.training.interactions import check_interactions, first_of_holdout, probes, requests_of
from everloop.training.prepared import Inputs, PreparedDataset
from everloop.training.probes import PROBES_TABLE, create_probes
from everloop.training.rows import ROWS_TABLE

UNKNOWN_OF_ONE_VALUE = ("roc_auc", "roc_auc_ovr", "r2")
"""Metrics that say nothing of rows whose targets are all the same."""
LARGEST_TARGET = 1e30
LEAST_RELATIVE_SPREAD = 1e-5
"""Standard deviation of a target to its largest value: with less, rounding is a hundredth of the deviation."""


def prepare(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    compiled: CompiledFeatures,
    manifest: DatasetManifest,
    columns: Columns,
) -> PreparedDataset:
    """Typed arrays of `training_rows`, of which `columns` were read; raises UnusableTargetError with what is wrong."""
    if definition.recommendation:
        return _interactions(connection, definition, manifest)
    inputs = _model_inputs(connection, ROWS_TABLE, compiled)
    target, classes = _target(connection, definition)
    holdout_rows = max(1, round(len(target) * definition.holdout.fraction))
    _check_classes(definition, target[:-holdout_rows], classes)
    _check_parts(definition, target[:-holdout_rows])
    _check_holdout(definition, target[-holdout_rows:])
    create_probes(connection, compiled.raw_columns, table=ROWS_TABLE)
    return PreparedDataset(
        task=definition.task,
        classes=classes,
        dataset_version=manifest.version,
        batches=[batch.batch_id for batch in manifest.batches],
        split_id=_split_id(connection, definition),
        holdout_time=_column(connection, _epoch_sql(definition), np.float64)[-holdout_rows:],
        holdout_batch=_column(connection, BATCH, np.int64)[-holdout_rows:],
        number_names=list(compiled.numbers),
        text_names=list(compiled.texts),
        free_texts=list(compiled.free_texts),
        inputs=inputs,
        target=target,
        holdout_rows=holdout_rows,
        holdout_raw={name: columns[name][-holdout_rows:] for name in compiled.raw_columns},
        probes=_model_inputs(connection, PROBES_TABLE, compiled),
        probes_raw=read_raw_columns(connection, PROBES_TABLE, compiled),
        directions=[_direction(definition, name) for name in compiled.numbers],
        history=definition.history_digests,
    )


def _interactions(
    connection: duckdb.DuckDBPyConnection, definition: Definition, manifest: DatasetManifest
) -> PreparedDataset:
    """`PreparedDataset.recommendation` says how they lie in it."""
    entity = str(definition.data.entity)
    users, items = (
        _column(connection, f"{identifier(name)}::varchar", np.str_) for name in (entity, definition.data.target)
    )
    time = _column(connection, _epoch_sql(definition), np.float64)
    first = first_of_holdout(time, definition.holdout.fraction)
    check_interactions(definition, users, items, first)
    catalogue, target = np.unique(items, return_inverse=True)
    is_text = definition.columns[entity].type.is_textual
    tried = probes(definition, users, items)
    nothing = Inputs(np.empty((0, 0), np.float32), np.empty((0, 1), np.str_))
    return PreparedDataset(
        task=definition.task,
        classes=catalogue.tolist(),
        dataset_version=manifest.version,
        batches=[batch.batch_id for batch in manifest.batches],
        split_id=_split_id(connection, definition),
        holdout_time=time[first:],
        holdout_batch=_column(connection, BATCH, np.int64)[first:],
        number_names=[],
        text_names=[entity],
        inputs=Inputs(np.empty((len(users), 0), np.float32), users.reshape(-1, 1)),
        target=target.astype(np.float64),
        holdout_rows=len(users) - first,
        holdout_raw=requests_of(entity, np.unique(users[first:]), is_text=is_text),
        probes=nothing,
        probes_raw=tried,
        recommendation=definition.recommendation,
    )


def read_columns(connection: duckdb.DuckDBPyConnection, definition: Definition, compiled: CompiledFeatures) -> Columns:
    """Of `training_rows`, as the graph takes them: what the model reads, and what else can be profiled."""
    kinds = {
        name: column.type
        for name, column in (definition.columns | definition.served_columns).items()
        if name in compiled.raw_columns or (column.type.is_profiled and name not in definition.data.row_id)
    }
    return read_raw_columns(connection, ROWS_TABLE, CompiledFeatures(kinds, {}))


def propose_centres(columns: Columns) -> dict[str, float]:
    return centres_of({name: values[:, 0] for name, values in columns.items()})


def profile_columns(definition: Definition, columns: Columns, centres: Mapping[str, float]) -> Profile:
    """Of all but free text, about the centres of the model, so that its datasets can be compared."""
    kinds = definition.columns | definition.served_columns
    profiled = {name: values for name, values in columns.items() if kinds[name].type.is_profiled}
    unknown = {name: values for name, values in profiled.items() if name not in centres}
    return Profile.of(
        {name: values[:, 0] for name, values in profiled.items()}, {**centres, **propose_centres(unknown)}
    )


def reference_profile(profile: Profile, compiled: CompiledFeatures) -> Profile:
    """What monitoring compares with: the raw columns the model takes, those that are profiled.

    Timestamps are left out: time moves on, and that is no drift.
    """
    kinds = compiled.raw_columns.items()
    left_out = (ColumnType.TIMESTAMP, ColumnType.TEXT)
    compared = {name: profile.columns[name] for name, kind in kinds if kind not in left_out}
    return Profile(profile.rows, compared)


def _direction(definition: Definition, number: str) -> int:
    """A feature has none, whatever it is made of: the gate sees which way the answer goes with its columns."""
    column = definition.columns.get(number)
    return column.direction if column else 0


def _split_id(connection: duckdb.DuckDBPyConnection, definition: Definition) -> str:
    """Follows from the rows (their moments, batches, targets) and from how they are split, not from their columns."""
    names = [name for name in (definition.data.timestamp, definition.data.target) if name]
    key = ", ".join([*map(identifier, names), BATCH])
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
    if definition.task.answers_value:
        _check_range(definition, values.astype(np.float64))
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


def _check_range(definition: Definition, target: npt.NDArray[np.float64]) -> None:
    """A model answers in float32: 24 binary digits, and no value above 3.4e38."""
    name, sizes = definition.data.target, np.abs(target)
    if not (sizes <= LARGEST_TARGET).all():  # NaN is not, either
        strange = target[~(sizes <= LARGEST_TARGET)]
        raise UnusableTargetError(
            f"target {name!r}: expected values from {-LARGEST_TARGET:g} to {LARGEST_TARGET:g}, got {strange[0]:g} in "
            f"{len(strange)} rows; deliver it in a larger unit, or declare its minimum and maximum"
        )
    largest, spread = float(sizes.max()), float(target.std())
    if np.ptp(target) > 0 and spread < max(LEAST_RELATIVE_SPREAD * largest, 1 / LARGEST_TARGET):
        raise UnusableTargetError(
            f"target {name!r}: values of a size of {largest:g} that differ by {spread:g} are all one to a model, which "
            "answers with 7 digits; deliver how far they are from a fixed value, or a smaller unit"
        )


def _check_classes(definition: Definition, train_target: npt.NDArray[np.float64], classes: list[Any]) -> None:
    name = definition.data.target
    if definition.task.answers_value:
        if np.ptp(train_target) == 0:
            raise UnusableTargetError(f"target {name!r} is {train_target[0]:g} in every training row: nothing to learn")
        return
    if len(classes) < 2:
        raise UnusableTargetError(f"target {name!r}: every row is {classes[0]!r}; at least two classes are needed")
    # The search's first fit is on the oldest parts alone; a class that only comes later cannot be scored.
    oldest = train_target[: int(len(train_target) * (PARTS - FOLDS) / PARTS)]
    counts = np.bincount(oldest.astype(int), minlength=len(classes))
    found = zip(classes, counts, strict=True)
    rare = [f"{label!r} ({count} rows)" for label, count in found if count < MINIMUM_CLASS_ROWS]
    if rare:
        raise UnusableTargetError(
            f"target {name!r}: too few rows of {', '.join(rare[:5])} among the oldest training rows; "
            f"{MINIMUM_CLASS_ROWS} are needed of each class"
        )


def _check_parts(definition: Definition, train_target: npt.NDArray[np.float64]) -> None:
    """Of each part that trials are judged on, the metric must be known."""
    if definition.metric not in UNKNOWN_OF_ONE_VALUE:
        return
    rows = len(train_target)
    bounds = [int(rows * (PARTS - FOLDS + fold) / PARTS) for fold in range(FOLDS + 1)]
    for start, end in pairwise(bounds):
        if np.ptp(train_target[start:end]) == 0:
            raise UnusableTargetError(
                f"target {definition.data.target!r} is {train_target[start]:g} in each of training rows {start} to "
                f"{end} of {rows}, on which trials are judged, so {definition.metric} says nothing there; take another "
                "training.metric, draw training.holdout with by = 'random', or learn from newer rows (training.window)"
            )


def _check_holdout(definition: Definition, target: npt.NDArray[np.float64]) -> None:
    is_known = definition.task is Task.MULTICLASS and definition.metric not in UNKNOWN_OF_ONE_VALUE
    if not is_known and np.ptp(target) == 0:
        raise UnusableTargetError(
            f"target {definition.data.target!r} is the same in all {len(target)} rows of the holdout: nothing can be "
            "judged on them; raise training.holdout.fraction, draw it with by = 'random', or upload more data"
        )
