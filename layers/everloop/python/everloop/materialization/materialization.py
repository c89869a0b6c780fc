"""Bring the kept states of entities up to date with what the lake holds.

Each is made anew from the accepted rows rather than added to: a batch that comes twice, late, or with newer versions of
known rows changes nothing it should not, whatever the order in which it is heard of.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.contracts.datasets import accepted_between, before
from everloop.contracts.definition import Definition
from everloop.features.history.compile import compile_history
from everloop.features.history.events import EVENTS_TABLE, create_events
from everloop.features.history.materialize import EntityState, entity_states
from everloop.features.history.steps import us_of
from everloop.ports import Clock
from everloop.reading.accepted import BATCH, download_rows, typed_rows
from everloop.sql import identifier, open_database
from everloop.stores.batches import BatchStore
from everloop.stores.history import HistoryGroup, HistoryStore, KeptItem, history_groups

LATE_REQUESTS = (timedelta(days=100), timedelta(days=7))
"""A request whose row lies so long before the newest event is still answered with the history of its moment; the second
holds for an entity to which more happened than an item can hold of the first."""
GRACE = timedelta(days=365)
"""An item outlives its use: of data that stands still, such as a replayed year, history is asked long after."""
_TOUCHED = "touched_rows"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Materialized(NamedTuple):
    entities: int
    too_large: int
    """Of them, those of which more happened than an item holds: their history is null."""


class Materialization:
    def __init__(
        self,
        *,
        batches: BatchStore,
        states: HistoryStore,
        definition_of: Callable[[str], Definition],
        clock: Clock,
    ) -> None:
        self._batches = batches
        self._states = states
        self._definition_of = definition_of
        self._clock = clock

    def materialize(self, model: str, batch_ids: Collection[str] = ()) -> Materialized:
        """The entities of these batches; all entities of what was never built. Safe to repeat, and to run at once.

        Raises NotFoundError for an unknown model.
        """
        definition = self._definition_of(model)
        groups = history_groups(definition)
        unbuilt = [group for group in groups if not self._states.is_built(group)]
        if not groups or not (batch_ids or unbuilt):
            return Materialized(0, 0)
        # What looks at the lake later sees all that is seen now, and more: that is the order of the writes.
        sequence = round(self._clock.now().timestamp() * 1e6)
        accepted = [each for each in self._batches.reports(model) if each.status is BatchStatus.ACCEPTED]
        if not accepted:
            return Materialized(0, 0)
        newest = self._newest(definition, accepted)
        oldest = before(newest, LATE_REQUESTS[0] + definition.history_reach)
        chosen = accepted_between(definition, accepted, since=oldest, before=_END_OF_TIME)
        arrived = [number for number, batch in enumerate(chosen) if batch.batch_id in batch_ids]
        total = Materialized(0, 0)
        if not chosen:
            return Materialized(0, 0)
        with TemporaryDirectory(prefix="history-") as temporary, open_database(Path(temporary)) as database:
            files = download_rows(self._batches, model, chosen, Path(temporary))
            compiled = compile_history(definition)
            create_events(database, definition, compiled, files, since=oldest)
            newest = max(newest, self._newest_event(database, definition))
            for group in groups:
                if group in unbuilt:
                    touched = EVENTS_TABLE
                elif arrived:
                    touched = _create_touched(database, definition, group, files, arrived)
                else:
                    continue
                own = [each for each in compiled if each.feature.history.by == group.by]
                states = entity_states(
                    database,
                    definition,
                    own,
                    events=EVENTS_TABLE,
                    touched=touched,
                    since_us=[us_of(before(newest, late).timestamp()) for late in LATE_REQUESTS],
                )
                written = self._states.write(self._items(group, states, newest), sequence=sequence)
                total = Materialized(total.entities + written.items, total.too_large + written.too_large)
                if group in unbuilt:
                    self._states.mark_built(group)
        return total

    def _newest(self, definition: Definition, accepted: Sequence[BatchReport]) -> datetime:
        """Of the newest event, as far as the reports tell: a row from the future must not make the present old."""
        now = self._clock.now()
        moments = [
            moment
            for each in accepted
            if each.last_timestamp
            and each.timestamp_column == definition.data.timestamp
            and (moment := each.last_timestamp.replace(tzinfo=UTC)) <= now
        ]
        return max(moments, default=now)

    def _newest_event(self, database: duckdb.DuckDBPyConnection, definition: Definition) -> datetime:
        """Of the rows themselves: a batch with a row from the future has others."""
        timestamp, now = identifier(str(definition.data.timestamp)), self._clock.now().replace(tzinfo=None)
        [(newest,)] = database.execute(
            f"SELECT max({timestamp}) FROM {EVENTS_TABLE} WHERE {timestamp} <= ?", [now]
        ).fetchall()
        return newest.replace(tzinfo=UTC) if newest else datetime.min.replace(tzinfo=UTC)

    def _items(self, group: HistoryGroup, states: Iterable[EntityState], newest: datetime) -> Iterator[KeptItem]:
        """An item lives until its last event counts for no row any more, by the time of the data, and the grace."""
        reach = max(feature.reach for feature in group.features.values()) + LATE_REQUESTS[0]
        now = self._clock.now()
        for state in states:
            age = timedelta(microseconds=max(us_of(newest.timestamp()) - state.last_us, 0))
            yield KeptItem(group.prefix + state.key, state.body, now + max(reach - age, timedelta(0)) + GRACE)


def _create_touched(
    database: duckdb.DuckDBPyConnection,
    definition: Definition,
    group: HistoryGroup,
    files: Sequence[Path],
    arrived: Sequence[int],
) -> str:
    """A table of the rows that came in these files, and of those that they supersede: their entities have changed."""
    columns = ", ".join(map(identifier, (str(definition.data.timestamp), *group.by)))
    row_id = ", ".join(map(identifier, definition.data.row_id))
    came = f"{BATCH} IN ({', '.join(map(str, arrived))})"
    database.execute(f"CREATE OR REPLACE TEMP VIEW typed_rows AS FROM {typed_rows(database, definition, files)}")
    condition = f"({row_id}) IN (SELECT ({row_id}) FROM typed_rows WHERE {came})" if row_id else came
    database.execute(f"CREATE OR REPLACE TEMP TABLE {_TOUCHED} AS SELECT {columns} FROM typed_rows WHERE {condition}")
    return _TOUCHED
