"""What a user writes: `models/<name>.toml`, typed, with every cross-reference checked."""

import hashlib
import tomllib
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from everloop.contracts.base import Contract, Duration, format_duration, parse_duration
from everloop.contracts.columns import Column, ColumnType, Csv, Texts, expand_column, may_be_declared
from everloop.contracts.forecast import Forecast
from everloop.contracts.history import History, HistoryFeature
from everloop.contracts.recommendation import ITEMS, Recommendation
from everloop.errors import DefinitionError


class Task(StrEnum):
    BINARY = "binary-classification"
    MULTICLASS = "multiclass-classification"
    REGRESSION = "regression"
    FORECASTING = "forecasting"
    RECOMMENDATION = "recommendation"

    @property
    def answers_value(self) -> bool:
        """A number for each row, in the units of the target."""
        return self in (Task.REGRESSION, Task.FORECASTING)


METRICS: dict[Task, tuple[str, ...]] = {
    Task.BINARY: ("roc_auc", "log_loss", "accuracy"),
    Task.MULTICLASS: ("accuracy", "log_loss", "f1_macro", "roc_auc_ovr"),
    Task.REGRESSION: ("r2", "mae", "rmse"),
    Task.FORECASTING: ("mae", "rmse", "r2"),
    Task.RECOMMENDATION: ("hit_rate", "ndcg", "recall"),
}
"""The metrics of each task; the first one is the default."""

_OF_ROWS = frozenset(Task) - {Task.RECOMMENDATION}

ALGORITHMS: dict[str, frozenset[Task]] = {
    "hist-gradient-boosting": _OF_ROWS,
    "logistic-regression": frozenset({Task.BINARY, Task.MULTICLASS}),
    "ridge": frozenset({Task.REGRESSION, Task.FORECASTING}),
    "random-forest": _OF_ROWS,
    "extra-trees": _OF_ROWS,
    "multi-layer-perceptron": _OF_ROWS,
    "xgboost": _OF_ROWS,
    "matrix-factorization": frozenset({Task.RECOMMENDATION}),
    "item-similarity": frozenset({Task.RECOMMENDATION}),
}
"""Every algorithm and the tasks it learns; its code is everloop/training/algorithms/<name>.py."""

_WITHOUT_DIRECTION = frozenset({"multi-layer-perceptron"})
"""Algorithms whose answer cannot be made to go one way with a column."""

KEY_TYPES = frozenset({ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.INTEGER, ColumnType.BOOLEAN})
"""Of columns that can name an entity: their values are equal or not, without rounding."""

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})


class Data(Contract):
    target: str
    positive: str | None = None
    """The level of a textual binary target that counts as 1."""
    timestamp: str | None = None
    entity: str | None = None
    row_id: tuple[str, ...] = ()
    maximum_invalid_share: float = Field(default=0.5, ge=0, lt=1)
    """Above it the file rather than its rows is at fault (another export, another unit): none of it is believed."""
    csv: Csv = Csv()


class Holdout(Contract):
    by: Literal["time", "random"]
    fraction: float = Field(default=0.2, gt=0, lt=0.9)


LEAST_TRAINING_ROWS = 50


class Training(Contract):
    algorithms: tuple[str, ...] = ()
    """Empty means every algorithm that learns the task and can keep what columns declare as monotone."""
    metric: str = ""
    """Empty means the task's first metric."""
    trials: int = Field(default=6, ge=1, le=200)
    window: Duration | None = None
    holdout: Holdout | None = None
    seed: int = Field(default=7, ge=0, lt=2**31)
    minimum_rows: int = Field(default=200, ge=LEAST_TRAINING_ROWS)


class Promotion(Contract):
    mode: Literal["automatic", "manual"] = "automatic"
    minimum: dict[str, float] = {}
    must_beat_champion: bool = True
    worst_slice: float | None = None
    """What the metric must reach in every slice of the holdout: a floor, for losses a ceiling."""
    max_latency_ms: float | None = Field(default=None, gt=0)
    max_size_mb: float | None = Field(default=None, gt=0)
    """Of model.onnx, in millions of bytes."""


class Costs(Contract):
    """What a wrong label costs, in any unit: only their ratio counts."""

    false_positive: float = Field(gt=0)
    false_negative: float = Field(gt=0)

    @property
    def threshold(self) -> float:
        """The probability from which on the positive label is the cheaper one (Elkan, IJCAI 2001)."""
        return self.false_positive / (self.false_positive + self.false_negative)


class Serving(Contract):
    latency_slo_ms: float = Field(default=100, gt=0)
    fallback: float | str | tuple[str | int, ...] | None = None
    costs: Costs | None = None


class Monitoring(Contract):
    every: Duration = parse_duration("1 day")
    window: Duration = parse_duration("7 days")
    minimum_rows: int = Field(default=500, ge=50)


class Retraining(Contract):
    cooldown: Duration = parse_duration("1 day")
    maximum_per_week: int = Field(default=3, ge=0)


class Definition(Contract):
    """One model. Columns that are neither target, timestamp, entity nor row id are its inputs."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)
    task: Task
    description: str = ""
    intended_use: str = ""
    limits: Texts = ()
    owner: str = ""
    data: Data
    columns: dict[str, Annotated[Column, BeforeValidator(expand_column)]] = Field(min_length=2)
    forecast: Forecast | None = None
    recommendation: Recommendation | None = None
    history: dict[str, History] = {}
    features: dict[str, str] = {}
    training: Training = Training()
    promotion: Promotion = Promotion()
    serving: Serving = Serving()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        data = self.data
        named = {"target": data.target, "timestamp": data.timestamp, "entity": data.entity}
        named |= {f"row_id[{i}]": column for i, column in enumerate(data.row_id)}
        for role, column in named.items():
            if column is not None and column not in self.columns:
                raise ValueError(f"data.{role} names column {column!r}, which [columns] does not declare")
        if data.timestamp and self.columns[data.timestamp].type is not ColumnType.TIMESTAMP:
            raise ValueError(f"data.timestamp: column {data.timestamp!r} must have type 'timestamp'")
        folded: dict[str, str] = {}
        for column in self.columns:
            if not may_be_declared(column):
                raise ValueError(f"column {column!r}: the lake uses this name itself; deliver it under another")
            twin = folded.setdefault(column.lower(), column)
            if twin != column:
                raise ValueError(f"columns {twin!r} and {column!r} differ only in case, which SQL does not tell apart")
        for feature in self.features:
            if feature in self.columns:
                raise ValueError(f"feature {feature!r} has the name of a column; choose another name")
        self._check_forecast()
        self._check_recommendation()
        self._check_history(folded)
        self._check_target()
        self._check_metrics()
        self._check_monotone()
        if self.training.holdout and self.training.holdout.by == "time" and not data.timestamp:
            raise ValueError("training.holdout.by = 'time' needs data.timestamp")
        if self.training.window and not data.timestamp:
            raise ValueError("training.window needs data.timestamp")
        if not (self.model_columns or self.features or self.histories or self.task is Task.RECOMMENDATION):
            raise ValueError("nothing to learn from: declare a column besides target, timestamp, entity and row_id")
        return self

    def _check_history(self, folded: Collection[str]) -> None:
        """`folded`: the names of columns in lower case."""
        section = "[forecast]" if self.forecast else "[history]"
        if self.histories and not self.data.timestamp:
            raise ValueError(f"{section} needs data.timestamp: it says what was earlier")
        if self.histories and self.data.timestamp in self.data.row_id:
            raise ValueError(
                f"{section} needs the timestamp of a request, which carries no row id; take {self.data.timestamp!r} out"
                " of data.row_id"
            )
        taken = {*folded, *(name.lower() for name in self.features)}
        for name, history in self.histories.items():
            self._check_entity(f"history.{name}.by", history.by)
            for feature in history.features(name):
                if not may_be_declared(feature):
                    raise ValueError(f"history.{name} gives {feature!r}, a name of the lake's own; choose another")
                if feature.lower() in taken:
                    raise ValueError(f"history.{name} gives {feature!r}, which is taken already; choose another name")
                taken.add(feature.lower())

    def _check_entity(self, where: str, by: Sequence[str]) -> None:
        for column in by:
            if column not in self.inputs:
                raise ValueError(
                    f"{where} names {column!r}, which is no column that requests carry; expected one of"
                    f" {', '.join(each for each in self.inputs if self.columns[each].type in KEY_TYPES)}"
                )
            if self.columns[column].type not in KEY_TYPES:
                raise ValueError(
                    f"{where}: expected a {', '.join(sorted(KEY_TYPES))} column, {column!r} is a"
                    f" {self.columns[column].type}"
                )

    def _check_forecast(self) -> None:
        if (self.task is Task.FORECASTING) != (self.forecast is not None):
            raise ValueError(
                f"task {self.task}: expected [forecast], with the period of the series and the horizon, for the task"
                " forecasting, and for no other"
            )
        if self.forecast is None:
            return
        self._check_entity("forecast.by", self.forecast.by)
        if self.training.holdout and self.training.holdout.by == "random":
            raise ValueError(
                "training.holdout.by: a forecast is judged on the newest rows; expected 'time', got 'random'"
            )
        horizon = self.forecast.horizon
        derived = self.forecast.histories(self.data.target)
        for name, history in self.history.items():
            if name in derived:
                raise ValueError(f"history.{name} has a name that [forecast] gives; choose another name")
            if (history.delay or timedelta(0)) < horizon:
                raise ValueError(
                    f"history.{name}: expected a delay of at least {format_duration(horizon)}, the forecast's horizon:"
                    " nothing newer is known when it is asked"
                )

    def _check_recommendation(self) -> None:
        if self.task is not Task.RECOMMENDATION:
            if self.recommendation:
                raise ValueError(f"task {self.task}: expected [recommendation] for that task, and for no other")
            return
        data, learned = self.data, "a recommendation learns from who took what, and when"
        if data.entity is None or data.timestamp is None:
            raise ValueError(f"{learned}; expected data.entity and data.timestamp")
        kinds = KEY_TYPES - {ColumnType.BOOLEAN}
        if data.entity == data.target or self.columns[data.entity].type not in kinds:
            raise ValueError(
                f"data.entity: expected a {', '.join(sorted(kinds))} column beside the target, got {data.entity!r}, a"
                f" {self.columns[data.entity].type}"
            )
        if self.history or self.features:
            raise ValueError(f"{learned}: no [history] or [features]")
        if self.training.holdout and self.training.holdout.by == "random":
            raise ValueError(
                "training.holdout.by: a recommendation is judged on what comes later; expected 'time', got 'random'"
            )
        if data.entity in data.row_id or data.timestamp in data.row_id:
            raise ValueError(
                "data.row_id: expected other columns than the entity and the timestamp, which requests carry"
            )
        if ITEMS in self.columns:
            raise ValueError(f"column {ITEMS!r}: requests carry the items of a user under this name; choose another")

    def _check_target(self) -> None:
        kind = self.columns[self.data.target].type
        expected = {
            Task.BINARY: {ColumnType.BOOLEAN, ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.CATEGORY},
            Task.MULTICLASS: {ColumnType.CATEGORY, ColumnType.INTEGER},
            Task.REGRESSION: {ColumnType.NUMBER, ColumnType.INTEGER},
            Task.FORECASTING: {ColumnType.NUMBER, ColumnType.INTEGER},
            Task.RECOMMENDATION: {ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.INTEGER},
        }[self.task]
        if kind not in expected:
            raise ValueError(f"task {self.task}: target must be {' or '.join(sorted(expected))}, got {kind}")
        if (self.task is Task.BINARY and kind.is_textual) != (self.data.positive is not None):
            raise ValueError("data.positive names the level that counts as 1: for binary tasks with a category target")

    def _check_metrics(self) -> None:
        for metric in (self.metric, *self.promotion.minimum):
            if metric not in METRICS[self.task]:
                valid = ", ".join(METRICS[self.task])
                raise ValueError(f"metric {metric!r} is not one of {self.task}: {valid}")
        for algorithm in self.training.algorithms:
            if self.task not in ALGORITHMS.get(algorithm, ()):
                raise ValueError(f"algorithm {algorithm!r} is not one of {self.task}: {', '.join(self._learners)}")
            if algorithm not in self._learners:
                declared = next(name for name, column in self.columns.items() if column.monotone)
                raise ValueError(
                    f"algorithm {algorithm!r} cannot keep what columns.{declared}.monotone declares; expected of"
                    f" {', '.join(self._learners)}"
                )
        if self.serving.costs and self.task is not Task.BINARY:
            raise ValueError(f"serving.costs: of false positives and negatives, which a {self.task} has not")
        fallback = self.serving.fallback
        expected = {Task.MULTICLASS: str, Task.RECOMMENDATION: tuple}.get(self.task, int | float)
        if fallback is not None and not isinstance(fallback, expected):
            raise ValueError(
                f"serving.fallback {fallback!r}: a label for multiclass tasks, a list of items for recommendations, a"
                " number for the others"
            )
        if self.task is Task.BINARY and isinstance(fallback, int | float) and not 0 <= fallback <= 1:
            raise ValueError(f"serving.fallback {fallback!r}: expected a probability from 0 to 1")

    def _check_monotone(self) -> None:
        for name, column in self.columns.items():
            if column.monotone and self.task is Task.MULTICLASS:
                raise ValueError(
                    f"columns.{name}.monotone: a multiclass answer has no direction; declare it for others"
                )
            if column.monotone and name not in self.inputs:
                raise ValueError(f"columns.{name}.monotone: the target and row ids are no inputs of the model")

    @property
    def _learners(self) -> tuple[str, ...]:
        unable = _WITHOUT_DIRECTION if any(column.monotone for column in self.columns.values()) else ()
        return tuple(name for name, tasks in ALGORITHMS.items() if self.task in tasks and name not in unable)

    @property
    def algorithms(self) -> tuple[str, ...]:
        return self.training.algorithms or self._learners

    @property
    def metric(self) -> str:
        return self.training.metric or METRICS[self.task][0]

    @model_validator(mode="before")
    @classmethod
    def _recommendation_has_defaults(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("task") == Task.RECOMMENDATION:
            return {"recommendation": {}} | raw
        return raw

    @property
    def inputs(self) -> dict[str, Column]:
        """Columns a prediction request carries: all but target and row id. The entity is carried, not learned from.

        One for recommendations needs none of the user, the items already taken, and the time.
        """
        if self.recommendation:
            named = {name: self.columns[name] for name in (self.data.entity, self.data.timestamp) if name}
            optional = {name: column.model_copy(update={"nullable": True}) for name, column in named.items()}
            return optional | {ITEMS: Column(type=ColumnType.TEXT)}
        left_out = {self.data.target, *self.data.row_id}
        return {name: column for name, column in self.columns.items() if name not in left_out}

    @property
    def histories(self) -> dict[str, History]:
        """Those that are declared, and those that a forecast looks back with."""
        return (self.forecast.histories(self.data.target) if self.forecast else {}) | self.history

    @property
    def history_features(self) -> dict[str, HistoryFeature]:
        return {
            name: feature
            for block, history in self.histories.items()
            for name, feature in history.features(block).items()
        }

    @property
    def history_digests(self) -> dict[str, str]:
        """Of each history feature, a hash of all that decides its values: declared otherwise, it has another."""
        data = self.data
        return {
            name: hashlib.sha256(
                f"{data.timestamp} {data.row_id} {[self.columns[column].type for column in feature.history.by]} "
                f"{feature.window} {feature.history.model_dump_json(exclude={'description', 'over'})}".encode()
            ).hexdigest()[:16]
            for name, feature in self.history_features.items()
        }

    @property
    def history_reach(self) -> timedelta:
        """How far before a row the events lie that it may see."""
        return max((feature.reach for feature in self.history_features.values()), default=timedelta(0))

    @property
    def served_columns(self) -> dict[str, Column]:
        """What a model may take: the columns of a request and, beside them, the history that is looked up for it."""
        return self.inputs | dict.fromkeys(self.history_features, Column(type=ColumnType.NUMBER))

    @property
    def model_columns(self) -> dict[str, Column]:
        """Inputs learned from as they are; timestamps, the entity, and texts that history is looked up by are not."""
        if self.recommendation:
            return {}
        looked_up = {column for history in self.histories.values() for column in history.by}
        indirect = {name for name in looked_up if self.columns[name].type is ColumnType.TEXT} | {self.data.entity}
        return {
            name: column
            for name, column in self.inputs.items()
            if name not in indirect and column.type is not ColumnType.TIMESTAMP
        }

    @property
    def holdout(self) -> Holdout:
        return self.training.holdout or Holdout(by="time" if self.data.timestamp else "random")

    @property
    def hash(self) -> str:
        """First 16 hex digits of the sha256 of the canonical JSON: what a dataset version records."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def parse_definition(toml: str, *, source: str) -> Definition:
    """Raise DefinitionError with one line for each thing wrong: where, what was expected, what came."""
    try:
        raw = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{source}: not valid TOML: {error}") from error
    try:
        definition = Definition.model_validate(raw)
    except ValidationError as error:
        told = _without_consequences([dict(item) for item in error.errors()])
        raise DefinitionError("\n".join(_explain(source, item) for item in told)) from error
    stem = Path(source).stem
    if definition.name != stem:
        raise DefinitionError(f"{source}: name is {definition.name!r}, expected the file's name {stem!r}")
    return definition


def load_definitions(folder: Path) -> Iterator[Definition]:
    """Every `*.toml` of the folder, by name."""
    for path in sorted(folder.glob("*.toml")):
        yield parse_definition(path.read_text("utf-8"), source=path.name)


def _without_consequences(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A list is not too short because what is in it is wrong."""
    places = [each["loc"] for each in errors]

    def follows(error: dict[str, Any]) -> bool:
        depth = len(error["loc"])
        return error["type"] == "too_short" and any(len(p) > depth and p[:depth] == error["loc"] for p in places)

    return [error for error in errors if not follows(error)]


def _explain(source: str, error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] not in ("value_error", "missing"):
        message += f", got {error['input']!r}"
    return f"{source}: {where + ': ' if where else ''}{message}"
