"""Groups of shoppers who like groups of items: what a recommender must find."""

import csv
import random
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from everloop.contracts.datasets import DatasetManifest
from everloop.contracts.definition import Definition
from everloop.features.compile import compile_features
from everloop.training.dataset import prepare, read_columns
from everloop.training.prepared import PreparedDataset
from everloop.training.rows import ROWS_TABLE

MODEL = "shop"
DEFINITION = f"""
name = "{MODEL}"
task = "recommendation"
[data]
target = "article"
entity = "shopper"
timestamp = "bought_at"
[columns]
shopper = "category"
article = "category"
bought_at = "timestamp"
price = "number"
[recommendation]
items = 5
[serving]
fallback = ["0-ä0", "1-ä0"]
"""
NEWEST = datetime(2026, 3, 14, 8, tzinfo=UTC)
GROUPS, SHOPPERS, ARTICLES = 4, 160, 12
ROWS = 2_400

MANIFEST = DatasetManifest(model=MODEL, definition_hash="0", since=None, as_of=None, batches=())

Purchase = dict[str, Any]


def definition(**sections: Any) -> Definition:
    """With some of its sections replaced, and columns added or declared otherwise."""
    raw = tomllib.loads(DEFINITION)
    columns = raw["columns"] | sections.pop("columns", {})
    return Definition.model_validate(raw | sections | {"columns": columns})


def group_of(name: str) -> int:
    """Of a shopper or an article, told by the name."""
    return int(name.split("-", 1)[0])


def purchases(rows: int = ROWS, *, seed: int = 1, newest: datetime = NEWEST) -> list[Purchase]:
    """Oldest first, an hour apart: nine in ten are of an article of the shopper's own group."""
    chance = random.Random(seed)
    found = []
    for row in range(rows):
        shopper = chance.randrange(SHOPPERS)
        group = shopper % GROUPS if chance.random() < 0.9 else chance.randrange(GROUPS)
        found.append(
            {
                "shopper": f"{shopper % GROUPS}-s{shopper}",
                "article": f"{group}-ä{chance.randrange(ARTICLES)}",
                "bought_at": newest - timedelta(hours=rows - 1 - row),
                "price": round(chance.uniform(1, 20), 2),
            }
        )
    return found


def write_csv(path: Path, rows: Sequence[Purchase]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "bought_at": row["bought_at"].isoformat()} for row in rows)
    return path


def dataset_of(rows: list[Purchase], asked: Definition, folder: Path, *, shopper: str = "shopper") -> PreparedDataset:
    """As training prepares it; `shopper`: SQL of the user's id."""
    path = write_csv(folder / "rows.csv", rows)
    compiled = compile_features(asked)
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE {ROWS_TABLE} AS SELECT {shopper} AS shopper, article, bought_at::TIMESTAMP AS bought_at,"
            f" price, 0 AS \"everloop batch\" FROM read_csv('{path}') ORDER BY 3"
        )
        return prepare(connection, asked, compiled, MANIFEST, read_columns(connection, asked, compiled))
