"""What a user writes: `models/<name>.toml`, typed, with every cross-reference checked."""

import hashlib
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from everloop.contracts.base import Contract
from everloop.contracts.columns import Column, ColumnType, Texts, expand_column
from everloop.contracts.forecast import Forecast
from everloop.contracts.history import History, HistoryFeature
from everloop.contracts.recommendation import ITEMS, Recommendation
from everloop.contracts.references import check_references
from everloop.contracts.sections import Data, Holdout, Monitoring, Promotion, Retraining, Serving, Training
from everloop.contracts.tasks import ALGORITHMS, METRICS, WITHOUT_DIRECTION, Task
from everloop.errors import DefinitionError


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
        check_references(self)
        return self

    @property
    def learners(self) -> tuple[str, ...]:
        """Algorithms that learn the task and can keep what columns declare as monotone."""
        unable = WITHOUT_DIRECTION if any(column.monotone for column in self.columns.values()) else ()
        return tuple(name for name, tasks in ALGORITHMS.items() if self.task in tasks and name not in unable)

    @property
    def algorithms(self) -> tuple[str, ...]:
        return self.training.algorithms or self.learners

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

        What history is looked up by is carried though it is part of the row id: the timestamp, and what names a series.
        One for recommendations needs none of the user, the items already taken, and the time.
        """
        if self.recommendation:
            named = {name: self.columns[name] for name in (self.data.entity, self.data.timestamp) if name}
            optional = {name: column.model_copy(update={"nullable": True}) for name, column in named.items()}
            return optional | {ITEMS: Column(type=ColumnType.TEXT)}
        kept = {self.data.timestamp} if self.forecast or self.history else set()
        named = {name: column for name, column in self.columns.items() if name != self.data.target}
        if self.forecast and self.data.timestamp:
            kept |= {*self.forecast.by}
            moment = self.columns[self.data.timestamp]
            named[self.data.timestamp] = moment.model_copy(update={"nullable": False})
        if self.named_by_id and self.named_by_id not in kept:
            kept |= {self.named_by_id}  # experiments go by it; who does not know it leaves it out
            named[self.named_by_id] = self.columns[self.named_by_id].model_copy(update={"nullable": True})
        return {name: column for name, column in named.items() if name in kept or name not in self.data.row_id}

    @property
    def named_by_id(self) -> str | None:
        """The entity, where it is a row id as well: requests may carry it, and its values say nothing."""
        is_id = self.data.entity in self.data.row_id and self.data.entity != self.data.target
        return self.data.entity if is_id else None

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
            if name not in indirect and column.learned and column.type is not ColumnType.TIMESTAMP
        }

    @property
    def unlogged_inputs(self) -> tuple[str, ...]:
        """Columns that a model may read and whose values the log does not hold: nothing can be scored again from it.

        A column that a feature's text mentions may be read by it.
        """
        personal = [name for name, column in self.inputs.items() if column.pii]
        if self.recommendation:
            return tuple(personal)
        texts = self.features.values()
        return tuple(name for name in personal if name in self.model_columns or any(name in text for text in texts))

    @property
    def holdout(self) -> Holdout:
        return self.training.holdout or Holdout(by="time" if self.data.timestamp else "random")

    @property
    def hash(self) -> str:
        """First 16 hex digits of the sha256 of the canonical JSON: what a dataset version records.

        Without what is at its default, so that a setting that is new to Everloop leaves the hashes as they are.
        """
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]


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
