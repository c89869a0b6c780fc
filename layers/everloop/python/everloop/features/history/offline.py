"""History of rows that have been: point in time by point in time, by DuckDB.

No row sees its own event, one of the same moment, a later one, or one whose delay has not passed by then.
"""

from collections import defaultdict
from collections.abc import Sequence

import duckdb

from everloop.contracts.definition import Definition
from everloop.features.expression import FINITE
from everloop.features.history.compile import CompiledHistory, entity_columns
from everloop.features.history.steps import event_step_sql, row_step_sql, us_sql
from everloop.sql import identifier, one_thread

_PLACE = '"everloop place"'
"""Of a row in its table, from 1; the space keeps the name apart from any sane column's."""


def add_history(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    compiled: Sequence[CompiledHistory],
    *,
    rows: str,
    events: str,
) -> None:
    """Give each row of the table `rows`, in its order, the columns of the history; both tables have all columns read.

    Null for rows without a timestamp or without one of the columns that name the entity.
    """
    groups: dict[object, list[CompiledHistory]] = defaultdict(list)
    for each in compiled:
        groups[each.feature.history.by, each.feature.step, each.feature.delay].append(each)
    # WARNING: two threads add the values of one step in any order, and sums then differ in their last bits.
    with one_thread(connection):
        for number, group in enumerate(groups.values()):
            sql = _group_sql(definition, group, rows, events)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE history_{number} AS {sql}")
    names = ", ".join(identifier(each.name) for each in compiled)
    joins = " ".join(f"LEFT JOIN history_{number} USING ({_PLACE})" for number in range(len(groups)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {rows} AS SELECT * EXCLUDE ({_PLACE}) FROM ("
        f"SELECT own.*, {names} FROM {_placed(rows)} AS own {joins}) ORDER BY {_PLACE}"
    )
    for number in range(len(groups)):
        connection.execute(f"DROP TABLE history_{number}")


def _placed(rows: str) -> str:
    """NOTE: not by `rowid`, which a column of that name would hide."""
    return f"(SELECT row_number() OVER () AS {_PLACE}, * FROM {rows})"


def _group_sql(definition: Definition, group: Sequence[CompiledHistory], rows: str, events: str) -> str:
    """Those that look at the same steps of the same entities are sorted once."""
    feature = group[0].feature
    us = us_sql(identifier(str(definition.data.timestamp)))
    by = entity_columns(definition, feature.history.by)
    keys = [f"{column} AS k{place}" for place, column in enumerate(by)]
    present = " AND ".join(f"{column} IS NOT NULL" for column in (identifier(str(definition.data.timestamp)), *by))
    values = {value: f"v{place}" for place, value in enumerate(dict.fromkeys(each.value for each in group))}
    empty = [f"NULL AS {name}" for name in values.values()]
    asked = ", ".join([_PLACE, *keys, f"{us} AS now", f"{row_step_sql(feature, us)} AS step", "NULL AS us", *empty])
    happened = ", ".join(
        [f"NULL AS {_PLACE}", *keys, "NULL AS now", f"{event_step_sql(feature, us)} AS step", f"{us} AS us"]
        + [f"{value} AS {name}" for value, name in values.items()]
    )
    partition = f"PARTITION BY {', '.join(f'k{place}' for place in range(len(by)))} " if by else ""
    selected = ", ".join(
        each.aggregate.window.format(
            value=values[each.value],
            us="us",
            now="now",
            over=f"OVER ({partition}ORDER BY step RANGE BETWEEN {each.feature.steps - 1} PRECEDING AND CURRENT ROW)",
        )
        + f" AS {identifier(each.name)}"
        for each in group
    )
    finite = ", ".join(FINITE.format(name) + f" AS {name}" for name in (identifier(each.name) for each in group))
    return (
        f"SELECT {_PLACE}, {finite} FROM (SELECT {_PLACE}, {selected} FROM ("
        f"SELECT {asked} FROM {_placed(rows)} WHERE {present} "
        f"UNION ALL SELECT {happened} FROM {events} WHERE {present}"
        f") QUALIFY {_PLACE} IS NOT NULL)"
    )
