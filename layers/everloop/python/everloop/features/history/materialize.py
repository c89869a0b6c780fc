"""The states of entities from their events, by the SQL that makes the history of training rows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from everloop.contracts.definition import Definition
from everloop.features.history.aggregates import Parts
from everloop.features.history.compile import CompiledHistory, entity_columns
from everloop.features.history.state import entity_key, pack
from everloop.features.history.steps import event_step_sql, row_step, us_sql
from everloop.ports import MAXIMUM_ITEM_BYTES
from everloop.sql import identifier

_ENTITY, _US = '"everloop entity"', '"everloop us"'
"""The spaces keep the names apart from any sane column's."""


class EntityState(NamedTuple):
    key: str
    body: bytes
    last_us: int
    """Of its newest event, in microseconds since the year 1; 0 without one."""


def entity_states(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    compiled: Sequence[CompiledHistory],
    *,
    events: str,
    touched: str,
    since_us: Sequence[int],
) -> Iterator[EntityState]:
    """Of each entity in the table `touched`, from the table `events`: enough for rows at the first of `since_us`
    and later, or at the next of them where that is too much to keep in an item.

    `compiled` are the histories of one `by`. Of an entity to which nothing happened any more an empty state is told.
    """
    timestamp = identifier(str(definition.data.timestamp))
    us = us_sql(timestamp)
    by = entity_columns(definition, compiled[0].feature.history.by) or ["true"]
    names = ", ".join(f'"everloop k{place}"' for place in range(len(by)))
    named = ", ".join(f'{column} AS "everloop k{place}"' for place, column in enumerate(by))
    known = " AND ".join(f'"everloop k{place}" IS NOT NULL' for place in range(len(by)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE entities AS SELECT row_number() OVER () - 1 AS {_ENTITY}, * FROM ("
        f"SELECT DISTINCT {names} FROM (SELECT {named} FROM {touched}) WHERE {known})"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW their_events AS "
        f"SELECT own.*, {_ENTITY} FROM (SELECT *, {us} AS {_US}, {named} FROM {events} WHERE {timestamp} IS NOT NULL) "
        f"AS own JOIN entities USING ({names})"
    )
    alike: dict[object, list[CompiledHistory]] = defaultdict(list)
    for each in compiled:
        alike[each.feature.kept_as].append(each)
    kept = [_Kept(connection, group, since_us[0]) for group in alike.values()]
    newest = connection.execute(
        f"SELECT {_ENTITY}, coalesce(max({_US}), 0), {names} FROM entities "
        f"LEFT JOIN their_events USING ({_ENTITY}, {names}) GROUP BY ALL ORDER BY {_ENTITY}"
    ).fetchall()
    for entity, last_us, *name in newest:
        key = entity_key(name if compiled[0].feature.history.by else ())
        yield EntityState(key, _body(kept, entity, since_us), last_us)


def _body(kept: Sequence["_Kept"], entity: int, since_us: Sequence[int]) -> bytes:
    for moment in since_us:
        body = pack(moment, [each.of(entity, moment) for each in kept])
        if len(body) <= MAXIMUM_ITEM_BYTES:
            break
    return body


class _Kept:
    """Steps and parts of features that are kept as the same, of all entities of `their_events`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, alike: Sequence[CompiledHistory], since_us: int) -> None:
        self._features = [each.feature for each in alike]
        aggregate, value, feature = alike[0].aggregate, alike[0].value, alike[0].feature
        parts = [part.sql.format(value="value", us="us") for part in aggregate.parts]
        selected = ", ".join(f"{part} AS p{place}" for place, part in enumerate(parts))
        grouped = "" if aggregate.is_of_each else "GROUP BY entity, step"
        fetched = connection.execute(
            f"SELECT {'DISTINCT' if aggregate.is_of_each else ''} entity, step, {selected} FROM ("
            f"SELECT {_ENTITY} AS entity, {event_step_sql(feature, _US)} AS step, {_US} AS us, "
            f"{value} AS value FROM their_events) "
            f"WHERE value IS NOT NULL AND step >= {self._first_step(since_us)} {grouped} ORDER BY entity, step"
        ).fetchnumpy()
        self._entities = np.asarray(fetched["entity"], np.int64)
        self._steps = np.asarray(fetched["step"], np.int64)
        self._parts = [np.asarray(fetched[f"p{place}"], part.type) for place, part in enumerate(aggregate.parts)]

    def of(self, entity: int, since_us: int) -> tuple[NDArray[np.int64], Parts]:
        start, end = np.searchsorted(self._entities, (entity, entity + 1))
        start += np.searchsorted(self._steps[start:end], self._first_step(since_us))
        return self._steps[start:end], [part[start:end] for part in self._parts]

    def _first_step(self, since_us: int) -> int:
        """That any row at that moment or later sees."""
        return min(row_step(feature, since_us) - feature.steps + 1 for feature in self._features)
