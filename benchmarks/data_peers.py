"""CPU time of the same checks by Everloop, pandera and Great Expectations, and what each adds to a deployment.

Types, nulls, ranges and allowed levels of 50 columns of one Parquet file. Each peer has an environment of its own with
pinned versions and its fast path: pandera one vectorised lazy schema, Great Expectations one batch with BASIC results,
both on a frame that pandas reads with pyarrow. Everloop also makes the profile. Imports are not counted, reading is.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.data import FOLDER, judge, table
from benchmarks.data import definition as bench_definition

ROWS = 1_000_000
TURNS = 3
PEERS = {
    "pandera": ("pandera[pandas]==0.35.0", "pandas==3.1.1", "pyarrow==26.0.1"),
    "great_expectations": ("great-expectations==1.24.1", "pandas==3.1.1", "pyarrow==26.0.1"),
}
BARS = {"pandera": ">= 5", "great_expectations": ">= 10"}
SCRIPTS = Path(__file__).parent / "peers"
DATA_LAYER = Path(__file__).parents[1] / "layers" / "data" / "requirements.txt"
EVERLOOP = "everloop"


def main() -> None:
    file = table(ROWS, "parquet")
    checks = FOLDER / "checks.json"
    checks.write_text(json.dumps(_checks()), "utf-8")
    commands = {EVERLOOP: [sys.executable, __file__, str(file)]}
    for peer, requirements in PEERS.items():
        python = _environment(peer, requirements)
        commands[peer] = [str(python), str(SCRIPTS / f"{peer}_checks.py"), str(checks), str(file)]
    turns = [{name: _run(command) for name, command in commands.items()} for _ in range(TURNS)]
    sizes = {name: _installed_mb(FOLDER / name) for name in PEERS}
    sizes[EVERLOOP] = _installed_mb(_data_layer())
    print(f"{ROWS:,} rows of 50 columns; CPU seconds, user and system")
    print(f"{'':<20}{'read':>8}{'check':>8}{'both':>8}{'ratio':>22}{'bar':>8}{'process':>10}{'installed MB':>14}")
    for name in commands:
        read, checked = (statistics.median(turn[name][part] for turn in turns) for part in ("read", "checked"))
        process = statistics.median(turn[name]["process"] for turn in turns)
        ratios = [_both(turn[name]) / _both(turn[EVERLOOP]) for turn in turns]
        ratio = f"{statistics.median(ratios):.1f} (min {min(ratios):.1f})"
        parts = f"{read:>8.2f}{checked:>8.2f}{read + checked:>8.2f}"
        print(f"{name:<20}{parts}{ratio:>22}{BARS.get(name, ''):>8}{process:>10.2f}{sizes[name]:>14.0f}")


def _both(figures: dict[str, float]) -> float:
    return figures["read"] + figures["checked"]


def _checks() -> dict[str, dict[str, Any]]:
    return {
        name: {"nullable": column.nullable, **({"allowed": column.allowed} if column.allowed else _range(column))}
        for name, column in bench_definition().columns.items()
    }


def _range(column: Any) -> dict[str, float]:
    return {"minimum": column.minimum, "maximum": column.maximum}


def _environment(peer: str, requirements: tuple[str, ...]) -> Path:
    folder = FOLDER / peer
    python = folder / "bin" / "python"
    if not python.exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        _uv("venv", "--quiet", "--python", version, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(python), *requirements)
    return python


def _data_layer() -> Path:
    """What the data functions' layer holds, installed as plainly as the peers."""
    folder = FOLDER / "data-layer"
    if not folder.exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        python = folder / "bin" / "python"
        _uv("pip", "install", "--quiet", "--python", str(python), "--requirements", str(DATA_LAYER))
    return folder


def _uv(*arguments: str) -> None:
    subprocess.run([Path(sys.executable).with_name("uv"), *arguments], check=True)


def _installed_mb(folder: Path) -> float:
    """Of the packages, without what Python compiles when it first imports them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".pyc")
    return sum(path.stat().st_size for path in files) / 1e6


def _run(command: list[str]) -> dict[str, float]:
    environment = os.environ | {"GX_ANALYTICS_ENABLED": "False", "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    figures: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return figures


def _judge(file: str) -> None:
    """In a process of its own; process_time counts the threads of DuckDB as well."""
    start = time.process_time()
    judge(Path(file))
    print(json.dumps({"read": 0.0, "checked": time.process_time() - start, "process": time.process_time()}))


if __name__ == "__main__":
    _judge(sys.argv[1]) if len(sys.argv) > 1 else main()
