"""Models to live through on a local cloud, and the readings of their pumps."""

import csv
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("pump-strain.toml")
COLUMNS = ("reading", "measured_at", "pump", "kind", "pressure", "starts", "outdoors", "failed")
KINDS = ("axial", "radial", "Zahnrad-Ölpumpe")
MAXIMUM_PRESSURE = 120.0
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)

WITH_HISTORY = {
    "[training]": """[history.starts]
value = "sum(starts)"
by = "pump"
over = ["1 day", "7 days"]

[history.failures]
value = "count()"
by = "pump"
over = "7 days"
where = "failed"
delay = "1 day"

[history.readings_of_the_plant]
value = "count()"
over = "1 hour"

[training]"""
}
"""For `write_definition`: features that look back."""

Reading = dict[str, Any]


def write_definition(folder: Path, name: str, changes: Mapping[str, str]) -> Path:
    """pump-strain.toml under another name and with some lines replaced: tests that share no model share no state."""
    text = TEMPLATE.read_text("utf-8")
    for line, replacement in {'name = "pump-strain"': f'name = "{name}"', **changes}.items():
        assert text.count(line) == 1, line
        text = text.replace(line, replacement)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def readings(count: int, *, seed: int, week: int = 0, worn: bool = False) -> list[Reading]:
    """`count` readings, evenly over one week. New pumps fail under high pressure, worn ones under low pressure."""
    chance = random.Random(seed)
    since = FIRST_DAY + week * WEEK
    found = []
    for number in range(count):
        pressure = round(chance.uniform(20, MAXIMUM_PRESSURE), 1)
        strain = pressure / MAXIMUM_PRESSURE
        found.append(
            {
                "reading": f"{seed}-{number}",
                "measured_at": (since + WEEK * number / count).isoformat(timespec="seconds"),
                "pump": f"P-{number % 17}",
                "kind": chance.choice(KINDS),
                "pressure": None if number % 40 == 7 else pressure,
                "starts": chance.randrange(12),
                "outdoors": number % 3 == 0,
                "failed": chance.random() < (1 - strain if worn else strain) ** 2,
            }
        )
    return found


def end_of_week(week: int) -> str:
    return (FIRST_DAY + (week + 1) * WEEK).isoformat()


def write_csv(path: Path, rows: Sequence[Reading]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({name: _cell(row[name]) for name in COLUMNS} for row in rows)
    return path


def request_rows(rows: Sequence[Reading]) -> list[Reading]:
    """As a client asks: everything but what is to be predicted and the number of the reading."""
    return [{name: value for name, value in row.items() if name not in ("reading", "failed")} for row in rows]


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
