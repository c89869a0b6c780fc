"""Draft a definition from a file: look at every row, then say of every column what it is and why."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from everloop.contracts.base import format_duration
from everloop.contracts.batches import Reading
from everloop.contracts.columns import Column, ColumnType, Csv, may_be_declared
from everloop.contracts.forecast import Forecast
from everloop.contracts.references import KEY_TYPES
from everloop.contracts.sections import LEAST_TRAINING_ROWS, Data, Training
from everloop.contracts.tasks import Task
from everloop.drafting.calendar_features import calendar_features
from everloop.drafting.constraints import constrained
from everloop.drafting.drafted import Draft, DraftColumn, Role
from everloop.drafting.facts import Delivered, Facts
from everloop.drafting.hints import hints_of
from everloop.drafting.keys import Key, is_named_as_reference, key_of, may_be_row_id
from everloop.drafting.leaks import leaks
from everloop.drafting.moment import Moment, moment_of
from everloop.drafting.roles import reason_to_leave_out
from everloop.drafting.series import series_of
from everloop.drafting.shown import shown_rows, shown_span, shown_values
from everloop.drafting.split import rare_classes, splits_by_time
from everloop.drafting.survey import Seen, survey
from everloop.drafting.tasks import Goal, goal_of
from everloop.errors import DefinitionError
from everloop.reading.limits import Limits
from everloop.reading.scan import explained, open_scan
from everloop.reading.types import Meaning, read_column
from everloop.reading.upload import open_upload
from everloop.sql import identifier, open_database

USUAL_TRAINING_ROWS = Training().minimum_rows
USUAL_INVALID_SHARE = float(Data.model_fields["maximum_invalid_share"].default)


def draft(
    name: str,
    path: Path,
    target: str,
    *,
    task: Task | None = None,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> Draft:
    """Raises BatchRejectedError for a file that cannot be read, DefinitionError for a target that cannot be learned."""
    with TemporaryDirectory(prefix="new-") as folder:
        plain, reading = open_upload(path, hints=Csv(), declared=(), folder=Path(folder), limits=limits)
        if target not in reading.columns or not may_be_declared(target):
            raise DefinitionError(_explain_target(target, reading))
        with open_database(Path(folder)) as database:
            delivered = _load(database, plain, reading, limits)
            seen, missing = survey(delivered)
            if not seen[target].facts.present:
                raise DefinitionError(f"target {target!r}: expected values to learn, got a column without any")
            goal = goal_of(seen[target], task)
            moment = moment_of(delivered, seen, target)
            drafter = _Drafter(delivered, seen, missing, target, goal, moment)
            return drafter.draft(name, path.name, hints_of(reading, missing))


def _load(database: duckdb.DuckDBPyConnection, plain: Path, reading: Reading, limits: Limits) -> Delivered:
    with explained(reading, plain):
        scan = open_scan(database, plain, reading, limits=limits)
        database.execute(f"CREATE TEMP TABLE delivered AS SELECT * FROM {scan.table}")
    types = {name: kind for name, kind in scan.types.items() if may_be_declared(name)}
    delivered = Delivered(database, types, reading.decimal)
    if not delivered.rows:
        raise DefinitionError("expected rows to look at, got a file without any")
    return delivered


def _explain_target(target: str, reading: Reading) -> str:
    names = [name for name in reading.columns if may_be_declared(name)]
    folded = {name.lower(): name for name in names}
    near = [folded[found] for found in difflib.get_close_matches(target.lower(), folded, n=3)]
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(names[:20])}"
    return f"target {target!r}: expected a column of the file; {hint}"


@dataclass
class _Drafter:
    delivered: Delivered
    seen: dict[str, Seen]
    missing: tuple[str, ...]
    target: str
    goal: Goal
    moment: Moment | None
    row_id: str | None = None
    notes: list[str] = field(default_factory=list)

    def draft(self, name: str, file: str, csv: Csv) -> Draft:
        columns = [*self._joined_moment(), *(self._column(seen) for seen in self.seen.values())]
        recommends = self.goal.task is Task.RECOMMENDATION
        columns = self._interactions(columns) if recommends else self._without_leaks(columns)
        moment = self.moment
        declared = [column.name for column in columns if column.role.is_declared]
        features = calendar_features(moment, declared) if moment and not recommends else {}
        has_lags = self.goal.task is Task.FORECASTING
        if not (features or has_lags) and all(column.role is not Role.INPUT for column in columns):
            reasons = "; ".join(f"{column.name}: {column.why}" for column in columns if not column.role.is_declared)
            raise DefinitionError(f"nothing to learn from: {reasons or 'there is no other column'}")
        forecast = self._forecast(columns) if self.goal.task is Task.FORECASTING else None
        if forecast:
            columns = self._beside(forecast, columns)
        invalid = self._expected_invalid(columns)
        share, rows = invalid / self.delivered.rows, self.delivered.rows - invalid
        self._note_rows(rows)
        self._note_rivals()
        return Draft(
            name=name,
            file=file,
            rows=self.delivered.rows,
            target=self.target,
            goal=self.goal,
            columns=tuple(columns),
            csv=csv,
            timestamp=moment.name if moment else None,
            timestamp_rivals=moment.rivals if moment else (),
            row_id=self.row_id,
            possible_row_id=None if self.row_id else self._possible_row_id(columns),
            entity=next(c.name for c in columns if c.role is Role.INPUT) if recommends else self._entity(columns),
            forecast=forecast,
            features=features,
            splits_by_time=moment is None or forecast is not None or recommends or self._splits(moment),
            minimum_training_rows=max(LEAST_TRAINING_ROWS, rows) if rows < USUAL_TRAINING_ROWS else None,
            maximum_invalid_share=min(round(share + 0.2, 1), 0.95) if share > USUAL_INVALID_SHARE - 0.1 else None,
            notes=tuple(self.notes),
        )

    def _joined_moment(self) -> Iterator[DraftColumn]:
        moment = self.moment
        if moment and moment.name not in self.seen:
            why = f"{' and '.join(moment.column.parts)}, put together"
            yield DraftColumn(moment.name, moment.column, Role.TIMESTAMP, None, shown_span(moment), why)

    def _column(self, seen: Seen) -> DraftColumn:
        facts, moment = seen.facts, self.moment
        found = DraftColumn(facts.name, self._declaration(seen), Role.INPUT, facts, shown_values(facts))
        if facts.name == self.target:
            return replace(found, column=self._target_column(facts), role=Role.TARGET)
        if moment and facts.name == moment.name:
            return replace(
                found, column=moment.column, role=Role.TIMESTAMP, shown=shown_span(moment), why=_doubt(moment)
            )
        if moment and facts.name in moment.column.parts:
            return replace(found, role=Role.PART, why=f"part of {moment.name}")
        key = key_of(seen)
        if key is Key.ROW and self.row_id is None:
            self.row_id = facts.name
            return replace(found, role=Role.ROW_ID, why=key.value)
        if reason := reason_to_leave_out(seen):
            return replace(found, role=Role.LEFT_OUT, why=reason)
        return replace(found, why=key.value if key else "")

    def _declaration(self, seen: Seen) -> Column:
        facts, key = seen.facts, key_of(seen)
        kind = seen.type or ColumnType.TEXT
        if key is Key.ROW and kind is ColumnType.CATEGORY:
            kind = ColumnType.TEXT
        if key is Key.REFERENCE and kind is ColumnType.INTEGER:
            kind = ColumnType.CATEGORY
        column = constrained(facts, kind)
        return (
            column.model_copy(update={"format": (seen.moments.format,)})
            if seen.moments and seen.moments.format
            else column
        )

    def _target_column(self, facts: Facts) -> Column:
        """A target is in every row anyway."""
        column = constrained(facts, self.goal.type)
        changes: dict[str, object] = {"nullable": True, "maximum_null_share": None}
        if self.goal.task is Task.BINARY and column.type is ColumnType.CATEGORY:
            changes["allowed"] = tuple(level for level, _ in self.goal.classes)
        elif self.goal.task is Task.BINARY and column.type is not ColumnType.BOOLEAN:
            changes |= {"minimum": 0.0, "maximum": 1.0}
        return column.model_copy(update=changes)

    def _interactions(self, columns: list[DraftColumn]) -> list[DraftColumn]:
        """Who, what and when alone."""
        if self.moment is None:
            raise DefinitionError("a recommendation needs a column that says when a thing was taken; the file has none")
        entity = next(filter(None, map(self._as_entity, columns)), None)
        if entity is None:
            raise DefinitionError(
                "a recommendation needs a column that says to whom, named such as customer_id, with several rows of"
                " each; the file has none"
            )
        why = "a recommendation learns from who took what, and when, alone"
        others = (
            replace(column, role=Role.LEFT_OUT, why=column.why or why) if column.role is Role.INPUT else column
            for column in columns
        )
        return [entity if column.name == entity.name else column for column in others]

    def _as_entity(self, column: DraftColumn) -> DraftColumn | None:
        """None for what names nobody. Integers with nulls are often delivered as numbers."""
        if column.role is not Role.INPUT or not is_named_as_reference(column.name):
            return None
        if column.column.type is not ColumnType.NUMBER:
            return column
        sql = self._sql(column)
        (broken,) = self.delivered.ask(f"SELECT count(*) FROM delivered WHERE {sql} <> trunc({sql})")
        return None if broken else replace(column, column=Column(type=ColumnType.INTEGER))

    def _without_leaks(self, columns: list[DraftColumn]) -> list[DraftColumn]:
        asked = [column for column in columns if column.role in (Role.INPUT, Role.TARGET)]
        sql = {column.name: self._sql(column) for column in asked}
        evidence = leaks(self.delivered, asked, sql, self.target, self.goal.task)
        if len(evidence) == len(asked) - 1 and self.moment is None:
            self.notes.extend(f"{name} may be a leak: {why}" for name, why in evidence.items())
            return columns  # nothing else would be left to learn from
        return [
            replace(column, role=Role.SUSPECT, why=evidence[column.name]) if column.name in evidence else column
            for column in columns
        ]

    def _sql(self, column: DraftColumn) -> str:
        meaning = Meaning(decimal=self.delivered.decimal, missing=self.missing)
        return read_column(column.column, self.delivered.types[column.name], identifier(column.name), meaning).value

    def _forecast(self, columns: list[DraftColumn]) -> Forecast:
        if self.moment is None:
            raise DefinitionError("a forecast needs a column that says when a row happened, and the file has none")
        inputs = [column for column in columns if column.role is Role.INPUT]
        keys = {
            column.name: column.facts.distinct for column in inputs if column.facts and column.column.type in KEY_TYPES
        }
        forecast, notes = series_of(self.delivered, self.moment, keys)
        self.notes.extend(notes)
        return forecast

    def _beside(self, forecast: Forecast, columns: list[DraftColumn]) -> list[DraftColumn]:
        """Without those whose names it gives to histories itself."""
        taken, why = forecast.histories(self.target), "[forecast] gives a history of this name; rename it to keep it"
        columns = [
            replace(column, role=Role.LEFT_OUT, why=why)
            if column.role is Role.INPUT and column.name.lower() in taken
            else column
            for column in columns
        ]
        inputs = [column for column in columns if column.role is Role.INPUT]
        carried = [column.name for column in inputs if column.name not in forecast.by]
        if carried:
            self.notes.append(
                f"a request that asks {format_duration(forecast.horizon)} ahead carries {', '.join(carried)}: leave out"
                " what nobody knows by then"
            )
        return columns

    def _splits(self, moment: Moment) -> bool:
        target = next(column for column in map(self._column, self.seen.values()) if column.role is Role.TARGET)
        return splits_by_time(self.delivered, moment.sql, self._sql(target), self.goal)

    def _expected_invalid(self, columns: list[DraftColumn]) -> int:
        """At most this many rows: without a target, without a moment, or with a value that cannot be read."""
        rows = self.delivered.rows
        invalid = 0
        for lost, what in self._losses(columns):
            invalid += lost
            self.notes.append(f"{shown_rows(lost)} {what} will go to quarantine")
        return min(invalid, rows)

    def _losses(self, columns: list[DraftColumn]) -> Iterator[tuple[int, str]]:
        rows, target = self.delivered.rows, self.seen[self.target].facts
        if target.present < rows:
            yield rows - target.present, f"without {self.target}"
        if self.moment and self.moment.readable < rows:
            yield rows - self.moment.readable, f"without a {self.moment.name} that can be read"
        for column in columns:
            seen = self.seen.get(column.name)
            if seen and seen.unreadable and column.role in (Role.INPUT, Role.TARGET):
                yield seen.unreadable, f"whose {column.name} is no {column.column.type}"

    def _note_rows(self, rows: int) -> None:
        if rows < LEAST_TRAINING_ROWS:
            self.notes.append(f"{shown_rows(rows)} cannot train a model; {LEAST_TRAINING_ROWS} are the least")
        elif rare := rare_classes(self.goal):
            self.notes.append(
                f"training will refuse {', '.join(rare[:5])}: too few to learn; take them out, or collect more"
            )

    def _note_rivals(self) -> None:
        if self.moment and self.moment.rivals:
            chosen = " with ".join(self.moment.column.parts) or self.moment.name
            others = " or ".join(self.moment.rivals)
            self.notes.append(
                f"{chosen} was taken for the timestamp; {others} would do as well: it should say when a row happened"
            )

    def _possible_row_id(self, columns: list[DraftColumn]) -> str | None:
        free = (column.name for column in columns if column.role in (Role.INPUT, Role.LEFT_OUT))
        return next((name for name in free if may_be_row_id(self.seen[name])), None)

    def _entity(self, columns: list[DraftColumn]) -> str | None:
        inputs = (self.seen[column.name] for column in columns if column.role is Role.INPUT)
        return next((seen.facts.name for seen in inputs if key_of(seen) is Key.REFERENCE), None)


def _doubt(moment: Moment) -> str:
    if not moment.other_format:
        return ""
    return f"{moment.other_format} would read it as well, no day being above 12: please look"
