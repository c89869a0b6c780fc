"""What a batch's profile costs: to build chunk by chunk, to store, to merge; beside exact counts by pandas.

One process, one thread, 1,000,000 rows of 35 columns of numbers and 15 of categories, 3 % nulls. Categories start from
their counts per chunk, as validation gives them.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from everloop.features.category_profile import LevelCounter
from everloop.features.column_profile import ColumnProfile
from everloop.features.number_profile import NumberCounter
from everloop.features.profile import Profile, centres_of

ROWS = 1_000_000
CHUNK = 122_880
LEVELS = (5, 5, 8, 10, 12, 20, 30, 50, 75, 100, 200, 300, 500, 800, 1_000)
MANY_LEVELS = 200_000
"""Of one more column, to show what a category that should not be one costs."""

T = TypeVar("T")
Numbers = dict[str, NDArray[np.float64]]
Levels = dict[str, list[tuple[dict[str, int], int]]]
"""Column → each chunk's levels and nulls."""


def main() -> None:
    random = np.random.default_rng(0)
    numbers = _numbers(random)
    texts = {f"c{index}": _texts(random, size) for index, size in enumerate(LEVELS)}
    levels = {name: _chunk_counts(values) for name, values in texts.items()}
    centres = centres_of(numbers)

    numbers_s, _ = _best(lambda: _profile(numbers, {}, centres))
    levels_s, _ = _best(lambda: _profile({}, levels, {}))
    profile = _profile(numbers, levels, centres)
    written_s, body = _best(profile.to_json)
    read_s, other = _best(lambda: Profile.from_json(body))
    merged_s, _ = _best(lambda: profile.merge(other))
    naive_numbers_s, naive_numbers = _best(lambda: _value_counts(numbers), runs=1)
    naive = naive_numbers + _value_counts(texts)
    naive_merged_s, _ = _best(lambda: _merged(naive), runs=1)
    naive_bytes = sum(len(counts.to_json()) for counts in naive)

    print(f"{'':<34}{'Everloop':>12}{'pandas':>14}{'ratio':>10}")
    _row("build from numbers, ms", numbers_s * 1000, naive_numbers_s * 1000)
    _row("build from counts of levels, ms", levels_s * 1000)
    _row("merge two, ms", merged_s * 1000, naive_merged_s * 1000)
    _row("size, KB", len(body) / 1000, naive_bytes / 1000)
    _row("write JSON, ms", written_s * 1000)
    _row("read JSON, ms", read_s * 1000)
    _print_many_levels(random)


def _print_many_levels(random: np.random.Generator) -> None:
    chunks = _chunk_counts(_texts(random, MANY_LEVELS))
    built_s, profile = _best(lambda: _profile({}, {"c": chunks}, {}))
    early, late = (_profile({}, {"c": half}, {}) for half in (chunks[:4], chunks[4:]))
    merged_s, _ = _best(lambda: early.merge(late))
    described = profile.describe()["c"]
    distinct = len(set().union(*(counts for counts, _ in chunks)))
    print(f"\none column of {distinct:,} levels, estimated {described['distinct']:,}")
    _row("build from counts of levels, ms", built_s * 1000)
    _row("merge two, ms", merged_s * 1000)
    _row("size, KB", len(profile.to_json()) / 1000)


def _profile(numbers: Numbers, levels: Levels, centres: dict[str, float]) -> Profile:
    columns: dict[str, ColumnProfile] = {}
    for name, values in numbers.items():
        number_counter = NumberCounter(centres[name])
        for start in range(0, len(values), CHUNK):
            number_counter.add(values[start : start + CHUNK])
        columns[name] = number_counter.profile()
    for name, chunks in levels.items():
        level_counter = LevelCounter()
        for counts, nulls in chunks:
            level_counter.add(counts, nulls)
        columns[name] = level_counter.profile()
    return Profile(ROWS, columns)


def _value_counts(columns: Mapping[str, NDArray[Any]]) -> list["pd.Series[int]"]:
    return [pd.Series(values).value_counts(dropna=False) for values in columns.values()]


def _merged(naive: list["pd.Series[int]"]) -> list["pd.Series[int]"]:
    return [counts.add(counts.copy(), fill_value=0) for counts in naive]


def _numbers(random: np.random.Generator) -> Numbers:
    shapes: list[Callable[[int], NDArray[Any]]] = [
        lambda column: random.normal(column, 5, ROWS),
        lambda column: random.lognormal(2, 0.2 + column / 35, ROWS),
        lambda _: random.uniform(0, 100, ROWS).round(2),
        lambda _: random.integers(0, 20, ROWS),
        lambda _: random.uniform(0, 1_000, ROWS) * (random.random(ROWS) < 0.5),
    ]
    columns = {f"n{index}": shapes[index % len(shapes)](index).astype(np.float64) for index in range(35)}
    for values in columns.values():
        values[random.random(ROWS) < 0.03] = np.nan
    return columns


def _texts(random: np.random.Generator, size: int) -> NDArray[Any]:
    """The first levels are the most frequent; '' is null."""
    names = np.array([f"level {number:04d}" for number in range(size)] + [""], object)
    chosen = (random.random(ROWS) * random.random(ROWS) * size).astype(np.int64)
    return np.asarray(names[np.where(random.random(ROWS) < 0.03, size, chosen)])


def _chunk_counts(values: NDArray[Any]) -> list[tuple[dict[str, int], int]]:
    chunks = []
    for start in range(0, len(values), CHUNK):
        counts = json.loads(pd.Series(values[start : start + CHUNK]).value_counts().to_json())
        chunks.append((counts, counts.pop("", 0)))
    return chunks


def _best(call: Callable[[], T], runs: int = 5) -> tuple[float, T]:
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - started)
    return min(times), answer


def _row(label: str, ours: float, theirs: float | None = None) -> None:
    beside = "" if theirs is None else f"{theirs:>14,.1f}{theirs / ours:>10,.1f}"
    print(f"{label:<34}{ours:>12,.1f}{beside}")


if __name__ == "__main__":
    main()
