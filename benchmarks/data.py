"""What it costs to judge and profile a million rows of 50 columns, beside DuckDB merely reading them.

35 numbers and 15 categories, 3 % nulls in 40 of the columns; ranges and allowed levels are checked on all. Runs are
fresh processes that take turns: each figure is their median, each ratio the median (smallest) of those of a turn.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import nanoarrow

from everloop.contracts.definition import Definition
from everloop.reading.limits import Limits
from everloop.reading.upload import open_upload
from everloop.sql import open_database
from everloop.validation.rows import JudgedRows

ROWS = 1_000_000
TURNS = 5
FOLDER = Path(__file__).parents[1] / ".build" / "benchmarks"
LEVELS = (5, 5, 8, 10, 12, 20, 30, 50, 75, 100, 200, 300, 500, 800, 1000)
NUMBERS = {
    "(random() + random() + random() - 1.5) * 10": (-15, 15),
    "exp((random() + random() + random() - 1.5) * 2) * 10": (0, 201),
    "round(random() * 100, 2)": (0, 100),
    "floor(random() * 20)": (0, 19),
    "CASE WHEN random() < 0.5 THEN 0 ELSE random() * 1000 END": (0, 1000),
}
"""SQL, and the range it stays in."""
FILLED = ("n00", "n01", "n02", "n03", "n04", "n05", "n06", "c00", "c01", "c02")
TARGET = "n00"


def definition() -> Definition:
    columns: dict[str, dict[str, Any]] = {}
    for place, (minimum, maximum) in enumerate(list(NUMBERS.values()) * 7):
        columns[f"n{place:02}"] = {"type": "number", "minimum": minimum, "maximum": maximum}
    for place, levels in enumerate(LEVELS):
        columns[f"c{place:02}"] = {"type": "category", "allowed": [f"level_{level:04}" for level in range(levels)]}
    for name in FILLED:
        columns[name]["nullable"] = False
    return Definition.model_validate(
        {"name": "bench", "task": "regression", "data": {"target": TARGET}, "columns": columns}
    )


def table(rows: int, suffix: str) -> Path:
    """Made once, then kept; the same in each format."""
    path = FOLDER / f"table-{rows}.{suffix}"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = [f"'level_' || lpad(floor(random() * random() * {levels})::INTEGER::VARCHAR, 4, '0')" for levels in LEVELS]
    values = {f"n{place:02}": sql for place, sql in enumerate(list(NUMBERS) * 7)}
    values |= {f"c{place:02}": sql for place, sql in enumerate(texts)}
    columns = [f"{sql if name in FILLED else nullable(sql)} AS {name}" for name, sql in values.items()]
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute("SELECT setseed(0.5)")
        database.execute(f"CREATE TABLE made AS SELECT {', '.join(columns)} FROM range({rows})")
        for made in ("parquet", "csv"):
            database.execute(f"COPY made TO '{path.with_suffix('.' + made)}'")
    return path


def nullable(sql: str) -> str:
    return f"CASE WHEN random() < 0.03 THEN NULL ELSE {sql} END"


def decode(file: Path) -> None:
    """Each value is read, and none leaves the engine: as little as can be done with a file."""
    with duckdb.connect() as database:
        hashes = ", ".join(f"bit_xor(hash({name}))" for name in definition().columns)
        database.execute(f"SELECT {hashes} FROM '{file}'").fetchall()


def hand_over(file: Path) -> None:
    """Each value is read and handed over, as Arrow and chunk by chunk, to a reader who does nothing with it."""
    with duckdb.connect() as database:
        for _ in nanoarrow.c_array_stream(database.sql(f"FROM '{file}'").__arrow_c_stream__()):
            pass


def judge(file: Path) -> None:
    """Read, validate, profile."""
    _everloop(file, write=False)


def judge_and_write(file: Path) -> None:
    """And write the accepted rows."""
    _everloop(file, write=True)


def _everloop(file: Path, *, write: bool) -> None:
    bench = definition()
    limits = Limits(file_bytes=2**31)
    with TemporaryDirectory(dir=FOLDER) as temporary:
        folder = Path(temporary)
        plain, reading = open_upload(
            file, hints=bench.data.csv, declared=list(bench.columns), folder=folder, limits=limits
        )
        with open_database(folder) as database:
            rows = JudgedRows(database, plain, reading, bench, limits=limits)
            seen = rows.look({})
            assert seen.delivered == seen.profile.rows > 0 == seen.invalid
            if write:
                rows.write_accepted(folder / "accepted.parquet", newest_only=False)


class Side(NamedTuple):
    label: str
    run: Callable[[Path], None]


SIDES = (
    Side("DuckDB, inside", decode),
    Side("DuckDB hands over", hand_over),
    Side("Everloop judges", judge),
    Side("Everloop, written", judge_and_write),
)
BARS = {"parquet": "<= 2.5", "csv": "<= 2"}


def main() -> None:
    print(f"{ROWS:,} rows of 50 columns; bars: Parquet {BARS['parquet']}, CSV {BARS['csv']}, peak RSS <= 1,024 MiB")
    for suffix in BARS:
        file = table(ROWS, suffix)
        turns = [[_measure(place, file) for place in range(len(SIDES))] for _ in range(TURNS)]
        print(f"\n{suffix}, {file.stat().st_size / 2**20:,.0f} MiB")
        print(f"{'':<20}{'s':>8}{'MiB':>8}{'of ' + SIDES[0].label:>26}{'of ' + SIDES[1].label:>26}")
        for place, side in enumerate(SIDES):
            seconds = statistics.median(turn[place][0] for turn in turns)
            peak = max(turn[place][1] for turn in turns)
            ratios = "".join(f"{_ratio(turns, place, base):>26}" for base in (0, 1))
            print(f"{side.label:<20}{seconds:>8.2f}{peak:>8.0f}{ratios}")


def _ratio(turns: list[list[tuple[float, float]]], place: int, base: int) -> str:
    ratios = [turn[place][0] / turn[base][0] for turn in turns]
    return f"{statistics.median(ratios):.2f} (min {min(ratios):.2f})"


def _measure(place: int, file: Path) -> tuple[float, float]:
    command = [sys.executable, __file__, str(place), str(file)]
    seconds, mib = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return seconds, mib


def _run(place: str, file: str) -> None:
    """In a process of its own: print seconds and peak MiB."""
    started = time.perf_counter()
    SIDES[int(place)].run(Path(file))
    print(json.dumps([time.perf_counter() - started, peak_mib()]))


def peak_mib() -> float:
    """Of this process alone: getrusage counts what its parent had when it started it."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    _run(*sys.argv[1:]) if len(sys.argv) > 1 else main()
