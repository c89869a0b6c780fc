"""The history of the entities in a request, as it is kept for the moments of its rows."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.definition import Column, ColumnType, Definition
from everloop.errors import StorageError
from everloop.features.history.state import State, empty_values, entity_key
from everloop.features.history.steps import us_of
from everloop.ports import Clock
from everloop.stores.history import HistoryGroup, HistoryStore, history_groups


class LookedUp(NamedTuple):
    columns: Columns
    """[rows, 1] float64 with NaN for null, by history feature."""
    misses: int = 0
    """Entities of rows of which nothing is kept: nothing happened to them lately, or nobody told."""
    failures: tuple[StorageError, ...] = ()
    """Why all history is null, although there may be some."""


class HistoryLookup:
    def __init__(self, states: HistoryStore, clock: Clock) -> None:
        self._states = states
        self._clock = clock
        self._known: dict[str, tuple[Definition, list[HistoryGroup]]] = {}

    def look_up(self, definition: Definition, columns: Columns) -> LookedUp:
        """One read for all rows. A table that cannot be read costs the history, never the answer."""
        if not definition.history:
            return LookedUp({})
        groups = self._groups(definition)
        moments = self._moments(columns[str(definition.data.timestamp)])
        keys = [_keys(definition, group, columns, len(moments)) for group in groups]
        names = [name for group in groups for name in group.features]
        try:
            bodies = self._states.read(sorted({key for own in keys for key in own if key}))
        except StorageError as error:
            return LookedUp({name: _column([math.nan] * len(moments)) for name in names}, failures=(error,))
        found: Columns = {}
        misses = 0
        for group, own in zip(groups, keys, strict=True):
            features = list(group.features.values())
            states = {key: State(body, features) for key in set(own) if key and (body := bodies.get(key))}
            nothing, unknown = empty_values(features), [math.nan] * len(features)
            values = []
            for key, us in zip(own, moments, strict=True):
                misses += bool(key) and key not in bodies
                # NOTE: an empty body is what is kept of an entity of which too much happened.
                values.append(
                    states[key].values(us) if key in states else nothing if key and key not in bodies else unknown
                )
            for place, name in enumerate(group.features):
                found[name] = _column([row[place] for row in values])
        return LookedUp({name: found[name] for name in names}, misses)

    def _groups(self, definition: Definition) -> list[HistoryGroup]:
        known = self._known.get(definition.name)
        if known is None or known[0] is not definition:
            self._known[definition.name] = known = definition, history_groups(definition)
        return known[1]

    def _moments(self, seconds: npt.NDArray[np.float64]) -> list[int]:
        """Of the rows, or now for those without a timestamp."""
        now = self._clock.now().timestamp()
        return [us_of(now if math.isnan(moment) else moment) for moment in seconds[:, 0].tolist()]


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
