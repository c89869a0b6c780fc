"""What the parts of a definition say of one another: every cross-reference is checked."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from everloop.contracts.base import format_duration
from everloop.contracts.columns import ColumnType, may_be_declared
from everloop.contracts.recommendation import ITEMS
from everloop.contracts.sections import Constant
from everloop.contracts.tasks import ALGORITHMS, METRICS, Task

if TYPE_CHECKING:
    from everloop.contracts.definition import Definition

KEY_TYPES = frozenset({ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.INTEGER, ColumnType.BOOLEAN})
"""Of columns that can name an entity: their values are equal or not, without rounding."""


def check_references(definition: "Definition") -> None:
    """Raises ValueError with what is wrong, and what was expected."""
    data = definition.data
    named = {"target": data.target, "timestamp": data.timestamp, "entity": data.entity}
    named |= {f"row_id[{i}]": column for i, column in enumerate(data.row_id)}
    for role, column in named.items():
        if column is not None and column not in definition.columns:
            raise ValueError(f"data.{role} names column {column!r}, which [columns] does not declare")
    if data.timestamp and definition.columns[data.timestamp].type is not ColumnType.TIMESTAMP:
        raise ValueError(f"data.timestamp: column {data.timestamp!r} must have type 'timestamp'")
    folded: dict[str, str] = {}
    for column in definition.columns:
        if not may_be_declared(column):
            raise ValueError(f"column {column!r}: the lake uses this name itself; deliver it under another")
        twin = folded.setdefault(column.lower(), column)
        if twin != column:
            raise ValueError(f"columns {twin!r} and {column!r} differ only in case, which SQL does not tell apart")
    for feature in definition.features:
        if feature in definition.columns:
            raise ValueError(f"feature {feature!r} has the name of a column; choose another name")
    _check_forecast(definition)
    _check_recommendation(definition)
    _check_history(definition, folded)
    _check_target(definition)
    _check_metrics(definition)
    _check_serving(definition)
    _check_personal_data(definition)
    _check_monotone(definition)
    if definition.training.holdout and definition.training.holdout.by == "time" and not data.timestamp:
        raise ValueError("training.holdout.by = 'time' needs data.timestamp")
    if definition.training.window and not data.timestamp:
        raise ValueError("training.window needs data.timestamp")
    if not (
        definition.model_columns
        or definition.features
        or definition.histories
        or definition.task is Task.RECOMMENDATION
    ):
        raise ValueError("nothing to learn from: declare a column besides target, timestamp, entity and row_id")


def _check_history(definition: "Definition", folded: Collection[str]) -> None:
    """`folded`: the names of columns in lower case."""
    section = "[forecast]" if definition.forecast else "[history]"
    if definition.histories and not definition.data.timestamp:
        raise ValueError(f"{section} needs data.timestamp: it says what was earlier")
    taken = {*folded, *(name.lower() for name in definition.features)}
    for name, history in definition.histories.items():
        _check_entity(definition, f"history.{name}.by", history.by)
        for feature in history.features(name):
            if not may_be_declared(feature):
                raise ValueError(f"history.{name} gives {feature!r}, a name of the lake's own; choose another")
            if feature.lower() in taken and name not in definition.history:
                raise ValueError(
                    f"[forecast] gives the history {feature!r}, which is the name of a column or a feature too; rename"
                    " that one"
                )
            if feature.lower() in taken:
                raise ValueError(f"history.{name} gives {feature!r}, which is taken already; choose another name")
            taken.add(feature.lower())


def _check_entity(definition: "Definition", where: str, by: Sequence[str]) -> None:
    for column in by:
        if column not in definition.inputs:
            raise ValueError(
                f"{where} names {column!r}, which is no column that requests carry; expected one of"
                f" {', '.join(each for each in definition.inputs if definition.columns[each].type in KEY_TYPES)}"
            )
        if definition.columns[column].type not in KEY_TYPES:
            raise ValueError(
                f"{where}: expected a {', '.join(sorted(KEY_TYPES))} column, {column!r} is a"
                f" {definition.columns[column].type}"
            )


def _check_forecast(definition: "Definition") -> None:
    if (definition.task is Task.FORECASTING) != (definition.forecast is not None):
        raise ValueError(
            f"task {definition.task}: expected [forecast], with the period of the series and the horizon, for the task"
            " forecasting, and for no other"
        )
    if definition.forecast is None:
        return
    _check_entity(definition, "forecast.by", definition.forecast.by)
    if definition.training.holdout and definition.training.holdout.by == "random":
        raise ValueError("training.holdout.by: a forecast is judged on the newest rows; expected 'time', got 'random'")
    horizon = definition.forecast.horizon
    derived = definition.forecast.histories(definition.data.target)
    for name, history in definition.history.items():
        if name in derived:
            raise ValueError(f"history.{name} has a name that [forecast] gives; choose another name")
        if (history.delay or timedelta(0)) < horizon:
            raise ValueError(
                f"history.{name}: expected a delay of at least {format_duration(horizon)}, the forecast's horizon:"
                " nothing newer is known when it is asked"
            )


def _check_recommendation(definition: "Definition") -> None:
    if definition.task is not Task.RECOMMENDATION:
        if definition.recommendation:
            raise ValueError(f"task {definition.task}: expected [recommendation] for that task, and for no other")
        return
    data, learned = definition.data, "a recommendation learns from who took what, and when"
    if data.entity is None or data.timestamp is None:
        raise ValueError(f"{learned}; expected data.entity and data.timestamp")
    kinds = KEY_TYPES - {ColumnType.BOOLEAN}
    if data.entity == data.target or definition.columns[data.entity].type not in kinds:
        raise ValueError(
            f"data.entity: expected a {', '.join(sorted(kinds))} column beside the target, got {data.entity!r}, a"
            f" {definition.columns[data.entity].type}"
        )
    if definition.history or definition.features:
        raise ValueError(f"{learned}: no [history] or [features]")
    if definition.training.holdout and definition.training.holdout.by == "random":
        raise ValueError(
            "training.holdout.by: a recommendation is judged on what comes later; expected 'time', got 'random'"
        )
    if data.entity in data.row_id or data.timestamp in data.row_id:
        raise ValueError("data.row_id: expected other columns than the entity and the timestamp, which requests carry")
    if ITEMS in definition.columns:
        raise ValueError(f"column {ITEMS!r}: requests carry the items of a user under this name; choose another")


def _check_target(definition: "Definition") -> None:
    kind = definition.columns[definition.data.target].type
    expected = {
        Task.BINARY: {ColumnType.BOOLEAN, ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.CATEGORY},
        Task.MULTICLASS: {ColumnType.CATEGORY, ColumnType.INTEGER},
        Task.REGRESSION: {ColumnType.NUMBER, ColumnType.INTEGER},
        Task.FORECASTING: {ColumnType.NUMBER, ColumnType.INTEGER},
        Task.RECOMMENDATION: {ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.INTEGER},
    }[definition.task]
    if kind not in expected:
        raise ValueError(f"task {definition.task}: target must be {' or '.join(sorted(expected))}, got {kind}")
    if (definition.task is Task.BINARY and kind.is_textual) != (definition.data.positive is not None):
        raise ValueError("data.positive names the level that counts as 1: for binary tasks with a category target")


def _check_metrics(definition: "Definition") -> None:
    for metric in (definition.metric, *definition.promotion.minimum):
        if metric not in METRICS[definition.task]:
            valid = ", ".join(METRICS[definition.task])
            raise ValueError(f"metric {metric!r} is not one of {definition.task}: {valid}")
    for algorithm in definition.training.algorithms:
        if definition.task not in ALGORITHMS.get(algorithm, ()):
            raise ValueError(
                f"algorithm {algorithm!r} is not one of {definition.task}: {', '.join(definition.learners)}"
            )
        if algorithm not in definition.learners:
            declared = next(name for name, column in definition.columns.items() if column.monotone)
            raise ValueError(
                f"algorithm {algorithm!r} cannot keep what columns.{declared}.monotone declares; expected of"
                f" {', '.join(definition.learners)}"
            )


def _check_serving(definition: "Definition") -> None:
    serving = definition.serving
    if serving.costs and definition.task is not Task.BINARY:
        raise ValueError(f"serving.costs: of false positives and negatives, which a {definition.task} has not")
    if serving.fallback is not None:
        _check_answer(definition, "serving.fallback", serving.fallback)
    names: set[str] = set()
    for place, rule in enumerate(serving.rules):
        where = f"serving.rules[{place}] ({rule.name})"
        if rule.name in names:
            raise ValueError(
                f"{where}: an earlier rule has this name, by which answers tell them apart; choose another"
            )
        names.add(rule.name)
        _check_answer(definition, f"{where}: answer", rule.answer)
    if serving.log_retention < definition.monitoring.window:
        raise ValueError(
            f"serving.log_retention: expected at least the {format_duration(definition.monitoring.window)} of"
            f" monitoring.window, got {format_duration(serving.log_retention)}"
        )


def _check_answer(definition: "Definition", where: str, answer: Constant) -> None:
    """Of what answers without a model."""
    expected = {Task.MULTICLASS: str, Task.RECOMMENDATION: tuple}.get(definition.task, int | float)
    if not isinstance(answer, expected):
        raise ValueError(
            f"{where} {answer!r}: a label for multiclass tasks, a list of items for recommendations, a number for the"
            " others"
        )
    if definition.task is Task.BINARY and isinstance(answer, int | float) and not 0 <= answer <= 1:
        raise ValueError(f"{where} {answer!r}: expected a probability from 0 to 1")
    allowed = definition.columns[definition.data.target].allowed
    given = answer if isinstance(answer, tuple) else (answer,)
    strange = [each for each in given if isinstance(each, str) and allowed is not None and each not in allowed]
    if strange:
        raise ValueError(
            f"{where} {answer!r}: {strange[0]!r} is not in columns.{definition.data.target}.allowed; expected of"
            f" {', '.join(allowed or ())}"
        )


def _check_personal_data(definition: "Definition") -> None:
    data = definition.data
    for role, column in (("target", data.target), ("timestamp", data.timestamp)):
        if column is not None and definition.columns[column].pii:
            raise ValueError(
                f"columns.{column}.pii: the {role} cannot be kept out of the log, which tells what was answered, when,"
                " and what came; declare it for other columns"
            )
    if definition.promotion.mode == "shadow" and definition.unlogged_inputs:
        raise ValueError(
            f"promotion.mode: a shadow is scored with what the log holds, and of {definition.unlogged_inputs[0]!r} it"
            " has no value (pii); expected 'automatic', 'canary' or 'manual'"
        )


def _check_monotone(definition: "Definition") -> None:
    for name, column in definition.columns.items():
        if column.monotone and definition.task is Task.MULTICLASS:
            raise ValueError(f"columns.{name}.monotone: a multiclass answer has no direction; declare it for others")
        if column.monotone and name not in definition.inputs:
            raise ValueError(f"columns.{name}.monotone: the target and row ids are no inputs of the model")
