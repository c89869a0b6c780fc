"""The history of the entities in a request, as it is kept for the moments of its rows."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.errors import EverloopError, HistoryUnavailableError, StorageError
from everloop.features.history.state import State, empty_values, entity_key
from everloop.features.history.steps import us_of
from everloop.ports import Clock, ItemReader
from everloop.stores.history import HistoryGroup, history_groups


class LookedUp(NamedTuple):
    columns: Columns
    """[rows, 1] float64 with NaN for null, by history feature."""
    misses: int = 0
    """Entities of rows of which nothing is kept: nothing happened to them lately, or nobody told."""
    failures: tuple[EverloopError, ...] = ()
    """Why history is null, although there may be some."""


class _Known(NamedTuple):
    definition: Definition
    groups: list[HistoryGroup]
    digests: dict[str, str]


class HistoryLookup:
    def __init__(self, states: ItemReader, clock: Clock) -> None:
        self._states = states
        self._clock = clock
        self._by_model: dict[str, _Known] = {}

    def look_up(self, definition: Definition, columns: Columns) -> LookedUp:
        """One read for all rows. What cannot be read costs the history, never the answer."""
        if not definition.histories:
            return LookedUp({})
        groups = self._known(definition).groups
        moments = self._moments(columns[str(definition.data.timestamp)])
        keys = [_keys(definition, group, columns, len(moments)) for group in groups]
        wanted = {key for own in keys for key in own if key}
        failures: list[EverloopError] = []
        bodies: Mapping[str, bytes] = {}
        try:
            bodies = self._states.get([*(group.mark for group in groups), *sorted(wanted)])
        except StorageError as error:
            failures.append(error)
        found: Columns = {}
        misses, problems = 0, list[str]()
        for group, own in zip(groups, keys, strict=True):
            try:
                values, missed = _values(group, own, moments, bodies)
                misses += missed
            except HistoryUnavailableError as error:
                values = [[math.nan] * len(group.features)] * len(moments)
                problems.append(str(error))
            found |= {name: _column([row[place] for row in values]) for place, name in enumerate(group.features)}
        if problems and not failures:
            failures.append(HistoryUnavailableError("; ".join(problems)))
        return LookedUp(found, misses, tuple(failures))

    def as_learned(self, definition: Definition, learned: Mapping[str, str], columns: Columns) -> LookedUp:
        """Null for what a version learned under another declaration, which gave other values under the same name."""
        digests = self._known(definition).digests if learned else {}
        others = [name for name, digest in learned.items() if digests.get(name) != digest]
        if not others:
            return LookedUp({})
        rows = len(next(iter(columns.values())))
        told = HistoryUnavailableError(
            f"{definition.name}: history {', '.join(others)} is declared otherwise than when the version was trained;"
            " train again"
        )
        return LookedUp({name: _column([math.nan] * rows) for name in others}, failures=(told,))

    def _known(self, definition: Definition) -> _Known:
        known = self._by_model.get(definition.name)
        if known is None or known.definition is not definition:
            known = _Known(definition, history_groups(definition), definition.history_digests)
            self._by_model[definition.name] = known
        return known

    def _moments(self, seconds: npt.NDArray[np.float64]) -> list[int]:
        """Of the rows, or now for those without a timestamp."""
        now = self._clock.now().timestamp()
        return [us_of(now if math.isnan(moment) else moment) for moment in seconds[:, 0].tolist()]


def _values(
    group: HistoryGroup, keys: Sequence[str | None], moments: Sequence[int], bodies: Mapping[str, bytes]
) -> tuple[list[list[float]], int]:
    """Of each row, and how many of them name an entity of which nothing is kept; raises HistoryUnavailableError."""
    if group.mark not in bodies:
        raise HistoryUnavailableError(
            f"the history by {', '.join(group.by) or 'everything'} is not kept yet: a batch or a training builds it"
        )
    features = list(group.features.values())
    try:
        states = {key: State(body, features) for key in set(keys) if key and (body := bodies.get(key))}
    except (zlib.error, ValueError, OverflowError) as error:
        raise HistoryUnavailableError(f"a kept state cannot be read: {error}") from error
    nothing, unknown = empty_values(features), [math.nan] * len(features)
    values = []
    for key, us in zip(keys, moments, strict=True):
        if key in states:
            values.append(states[key].values(us))
        else:
            # NOTE: an empty body is what is kept of an entity of which too much happened.
            values.append(nothing if key and key not in bodies else unknown)
    return values, sum(key is not None and key not in bodies for key in keys)


def _column(values: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.array(values, np.float64).reshape(-1, 1)


def _keys(definition: Definition, group: HistoryGroup, columns: Columns, rows: int) -> list[str | None]:
    """Of each row's entity; None for a row that does not name it."""
    named = [_names(definition.columns[name], columns[name]) for name in group.by]
    return [
        None if any(own[row] is None for own in named) else group.prefix + entity_key([own[row] for own in named])  # type: ignore[misc]  # none of them is None
        for row in range(rows)
    ]


def _names(column: Column, values: npt.NDArray[np.float64] | npt.NDArray[np.object_]) -> list[str | int | bool | None]:
    if column.type.is_textual:
        return [value or None for value in values[:, 0].tolist()]
    kind = bool if column.type is ColumnType.BOOLEAN else int
    return [None if math.isnan(value) else kind(value) for value in values[:, 0].tolist()]
