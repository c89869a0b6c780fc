"""One pass over a batch: which rows are valid, and the profile of those that are.

DuckDB reads, types and judges; its result comes chunk by chunk, so that memory does not grow with the file.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import duckdb
import nanoarrow
import numpy as np
from numpy.typing import NDArray

from everloop.contracts.columns import ColumnType
from everloop.features.column_profile import ColumnProfile, LevelCounter, NumberCounter
from everloop.features.profile import Profile

MAXIMUM_COLUMNS_AT_ONCE = 200
"""A chunk has up to 122,880 rows: of more columns it would not fit into memory."""


@dataclass(frozen=True)
class LookedAt:
    """A column to be profiled: `sql` gives its value in the lake's type, or as an enumeration if `levels` are given."""

    name: str
    type: ColumnType
    sql: str
    levels: Sequence[str] = ()


@dataclass
class Look:
    valid: NDArray[np.bool_]
    """Of each row, in the order of the file."""
    keys: NDArray[np.uint64]
    """Of the valid rows, in their order; empty when no key was asked for."""
    profile: Profile
    is_plain: bool
    """No row was invalid, and no number infinite or NaN: the profile tells of every value."""

    @property
    def delivered(self) -> int:
        return len(self.valid)

    @property
    def invalid(self) -> int:
        return self.delivered - int(np.count_nonzero(self.valid))


def look(
    database: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[LookedAt],
    centres: Mapping[str, float],
    *,
    invalid: str = "false",
    key: str | None = None,
    stop_at_invalid: bool = False,
) -> Look:
    """`table` is SQL for rows, `invalid` and `key` are SQL over them: a boolean, never null, and a 64-bit hash.

    A column of numbers without a centre takes the median of its first values, which need not be exact. With
    `stop_at_invalid` the look ends where it sees that it is not plain.
    """
    counters = [_counter_of(column, centres) for column in columns]
    valid: list[NDArray[np.bool_]] = []
    keys: list[NDArray[np.uint64]] = []
    groups = range(0, max(len(columns), 1), MAXIMUM_COLUMNS_AT_ONCE)
    for start in groups:
        group = slice(start, start + MAXIMUM_COLUMNS_AT_ONCE)
        judged = [invalid, *([key] if key else [])] if start == 0 else []
        selected = [*judged, *(sql for counter in counters[group] for sql in counter.selected)]
        for number, chunk in enumerate(_chunks(database, f"SELECT {', '.join(selected)} FROM {table}")):
            place = len(judged)
            if start == 0:
                valid.append(~chunk.booleans(0))
                if stop_at_invalid and not valid[-1].all():
                    return Look(valid[-1], np.empty(0, np.uint64), Profile(0, {}), is_plain=False)
                if key:
                    keys.append(chunk.integers(1)[valid[number]])
            kept = valid[number]
            rows = None if kept.all() else kept
            for counter in counters[group]:
                counter.add(chunk, place, rows)
                place += len(counter.selected)
    flags = np.concatenate(valid) if valid else np.empty(0, np.bool_)
    profiles = {column.name: counter.profile() for column, counter in zip(columns, counters, strict=True)}
    return Look(
        valid=flags,
        keys=np.concatenate(keys) if keys else np.empty(0, np.uint64),
        profile=Profile(int(np.count_nonzero(flags)), profiles),
        is_plain=bool(flags.all()) and all(counter.is_plain for counter in counters),
    )


class _Chunk:
    """Some rows of a result: its columns as arrays that share DuckDB's memory."""

    def __init__(self, view: Any, start: int, rows: int) -> None:
        self._view = view
        self._start = start
        self._rows = rows

    def integers(self, place: int) -> NDArray[np.uint64]:
        return self._buffer(place, 1, np.uint64)

    def booleans(self, place: int) -> NDArray[np.bool_]:
        return self._bits(place, 1)

    def numbers(self, place: int) -> NDArray[np.float64]:
        """Nulls hold any value; ask `filled`."""
        return self._buffer(place, 1, np.float64)

    def codes(self, place: int) -> NDArray[np.unsignedinteger]:
        """Of an enumeration: the place of each value in its list. Nulls hold any value."""
        return self._buffer(place, 1, np.dtype(self._view.child(place).storage_type))

    def filled(self, place: int) -> NDArray[np.bool_] | None:
        """None: there are no nulls."""
        column = self._view.child(place)
        return self._bits(place, 0) if column.null_count and column.buffer(0).size_bytes else None

    def text(self, place: int, row: int) -> str:
        column = self._view.child(place)
        first = column.offset + self._start + row
        start, end = np.frombuffer(column.buffer(1), np.int32)[first : first + 2]
        return bytes(memoryview(column.buffer(2))[start:end]).decode()

    def _buffer(self, place: int, number: int, dtype: Any) -> NDArray[Any]:
        column = self._view.child(place)
        first = column.offset + self._start
        return np.frombuffer(column.buffer(number), dtype)[first : first + self._rows]

    def _bits(self, place: int, number: int) -> NDArray[np.bool_]:
        column = self._view.child(place)
        byte, bit = divmod(column.offset + self._start, 8)
        packed = np.frombuffer(column.buffer(number), np.uint8)[byte : byte + (bit + self._rows + 7) // 8]
        return np.unpackbits(packed, bitorder="little")[bit : bit + self._rows].view(np.bool_)


def _chunks(database: duckdb.DuckDBPyConnection, query: str) -> Iterator[_Chunk]:
    """One ahead of the reader: DuckDB works on the next chunk while this one is counted."""
    stream = iter(nanoarrow.c_array_stream(database.sql(query).__arrow_c_stream__()))
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(next, stream, None)
        while (array := coming.result()) is not None:
            coming = ahead.submit(next, stream, None)
            view = array.view()
            for start in range(0, array.length, _CHUNK_ROWS):
                yield _Chunk(view, start, min(_CHUNK_ROWS, array.length - start))


class _Counter(Protocol):
    selected: tuple[str, ...]
    """SQL of what `add` reads, from `place` on."""

    is_plain: bool
    """After `profile`: no value was counted as a null that is none."""

    def add(self, chunk: _Chunk, place: int, rows: NDArray[np.bool_] | None) -> None:
        """Count the values of these rows (None: of all)."""

    def profile(self) -> ColumnProfile: ...


class _Numbers:
    def __init__(self, sql: str, centre: float | None) -> None:
        self.selected: tuple[str, ...] = (sql,)
        self._counter = None if centre is None else NumberCounter(centre)
        self._nulls = 0
        self.is_plain = True

    def add(self, chunk: _Chunk, place: int, rows: NDArray[np.bool_] | None) -> None:
        values, nulls = _kept(chunk.numbers(place), chunk.filled(place), rows)
        self._nulls += nulls
        if self._counter is None and len(values):
            self._counter = NumberCounter(_median(values[:_CENTRE_ROWS]))
        if self._counter:
            self._counter.add(values)

    def profile(self) -> ColumnProfile:
        counted = (self._counter or NumberCounter(0.0)).profile()
        self.is_plain = counted.nulls == 0
        return replace(counted, nulls=counted.nulls + self._nulls)


class _ListedLevels:
    """Counts places in the list of levels: no text is handed over."""

    def __init__(self, sql: str, levels: Sequence[str]) -> None:
        self._levels = levels
        self.selected: tuple[str, ...] = (sql,)
        self.is_plain = True
        self._counts = np.zeros(len(self._levels), np.int64)
        self._nulls = 0

    def add(self, chunk: _Chunk, place: int, rows: NDArray[np.bool_] | None) -> None:
        codes, nulls = _kept(chunk.codes(place), chunk.filled(place), rows)
        self._counts += np.bincount(codes, minlength=len(self._levels))
        self._nulls += nulls

    def profile(self) -> ColumnProfile:
        counts = zip(self._levels, self._counts.tolist(), strict=True)
        counter = LevelCounter()
        counter.add({level: rows for level, rows in counts if rows}, self._nulls)
        return counter.profile()


class _Levels:
    """Counts hashes, which are fast to sort, and reads each level's text once."""

    def __init__(self, sql: str) -> None:
        self.selected: tuple[str, ...] = (f"hash({sql})", sql)
        self.is_plain = True
        self._counter = LevelCounter()
        self._levels: dict[int, str] = {}
        self._counts: dict[int, int] = {}

    def add(self, chunk: _Chunk, place: int, rows: NDArray[np.bool_] | None) -> None:
        hashes = chunk.integers(place)
        counted, nulls = _kept(hashes, chunk.filled(place + 1), rows)
        self._counter.add({}, nulls=nulls)
        found, counts = np.unique(counted, return_counts=True)
        new = [value for value in found.tolist() if value not in self._levels]
        if new:
            self._learn(chunk, place + 1, hashes, np.array(new, np.uint64))
        for value, count in zip(found.tolist(), counts.tolist(), strict=True):
            self._counts[value] = self._counts.get(value, 0) + count
        if len(self._counts) > _LEVELS_HELD:
            self._flush()

    def _learn(self, chunk: _Chunk, place: int, hashes: NDArray[np.uint64], new: NDArray[np.uint64]) -> None:
        """The frequent levels are found among the first rows; only for the rare ones all rows are searched."""
        for rows in (slice(0, _FIRST_ROWS), slice(None)):
            places = np.flatnonzero(np.isin(hashes[rows], new))
            values, first = np.unique(hashes[places], return_index=True)
            for value, row in zip(values.tolist(), places[first].tolist(), strict=True):
                self._levels[value] = chunk.text(place, row)
            new = np.setdiff1d(new, values, assume_unique=True)
            if not len(new):
                return

    def _flush(self) -> None:
        self._counter.add({self._levels[value]: count for value, count in self._counts.items()})
        self._counts.clear()
        self._levels.clear()

    def profile(self) -> ColumnProfile:
        self._flush()
        return self._counter.profile()


_CHUNK_ROWS = 32_768
"""Of what DuckDB hands over at once: few enough that the arrays made of a column stay in the processor's cache."""
_LEVELS_HELD = 50_000
_FIRST_ROWS = 8_192
_CENTRE_ROWS = 20_000


def _kept(
    values: NDArray[Any], filled: NDArray[np.bool_] | None, rows: NDArray[np.bool_] | None
) -> tuple[NDArray[Any], int]:
    """The values of these rows, and how many of them are null."""
    kept = filled if rows is None else rows if filled is None else filled & rows
    total = len(values) if rows is None else int(np.count_nonzero(rows))
    counted = values if kept is None else values[kept]
    return counted, total - len(counted)


_AS_NUMBER = {
    ColumnType.NUMBER: "{}",
    ColumnType.INTEGER: "CAST({} AS DOUBLE)",
    ColumnType.BOOLEAN: "CAST({} AS DOUBLE)",
    ColumnType.TIMESTAMP: "epoch({})",
}
"""Times are seconds since 1970."""


def _counter_of(column: LookedAt, centres: Mapping[str, float]) -> _Counter:
    if column.levels:
        return _ListedLevels(column.sql, column.levels)
    if column.type.is_textual:
        return _Levels(column.sql)
    return _Numbers(_AS_NUMBER[column.type].format(column.sql), centres.get(column.name))


def _median(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        median = float(np.median(finite)) if len(finite) else 0.0
    # The median of two numbers near the largest double overflows; any centre will do.
    return median if math.isfinite(median) else 0.0
