"""Dataset versions: list them, look into one, compare two, or see what a training would learn from."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from local.console import AsJson, Name, moment, one_of, print_json, print_table, stdout
from local.loop import Loop
from local.target import Target

SHOWN_LEVELS = 3
SHOWN_BATCHES = 10


def datasets(
    name: Name,
    words: Annotated[
        list[str] | None, typer.Argument(help="Nothing, a version, or `diff A B`; the beginnings of versions will do.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(callback=moment, help="What a training as of this moment would learn from.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(callback=moment, help="By the batches received until this moment.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the dataset versions that models were trained on, show one, or compare two."""
    loop = Loop(Target.current())
    shown: Any
    show: Callable[[Any], None]
    match words or []:
        case [] if as_of or known_at:
            plan = loop.planned_dataset(name, as_of=as_of, known_at=known_at)
            shown, show = {**plan, "rows_in_window": _rows_in_window(loop, name, plan)}, _print_plan
        case _ if as_of or known_at:
            raise typer.BadParameter("--as-of and --known-at go with the model's name alone")
        case []:
            shown, show = loop.datasets(name), _print_list
        case ["diff", one, other]:
            shown, show = loop.dataset_diff(name, _version(loop, name, one), _version(loop, name, other)), _print_diff
        case [version] if version != "diff":
            shown, show = loop.dataset(name, _version(loop, name, version)), _print_dataset
        case wrong:
            raise typer.BadParameter(f"expected nothing, a version, or diff A B, got {' '.join(wrong)!r}")
    if as_json:
        print_json(shown)
    else:
        show(shown)


def _version(loop: Loop, name: str, beginning: str) -> str:
    known = [dataset["version"] for dataset in loop.datasets(name)]
    return one_of(known, beginning, f"dataset of {name!r}", see=f"everloop datasets {name}")


def _print_list(listed: list[dict[str, Any]]) -> None:
    columns = ["dataset version", "rows", "superseded", "left out", "batches", "since", "as of", "prepared", "models"]
    fields = ["version", "rows", "superseded", "left_out", "batches", "since", "as_of"]
    print_table(
        columns,
        [
            [
                *(dataset[field] for field in fields),
                dataset["prepared_at"][:16],
                ", ".join(map(str, dataset["model_versions"])) or None,
            ]
            for dataset in listed
        ],
        ids=["dataset version"],
    )


def _print_plan(plan: dict[str, Any]) -> None:
    manifest = plan["manifest"]
    known = f", by what was known at {plan['known_at']}" if plan["known_at"] else ""
    state = "which exists" if plan["exists"] else "which no training has made yet"
    stdout.print(f"as of {plan['as_of']}{known}: dataset version [bold]{plan['version']}[/], {state}", markup=True)
    _print_manifest(manifest, plan["rows_in_window"])
    if plan["left_out"]:
        print_table(
            ["batch", "accepted rows", "why"],
            [(batch["batch_id"], batch["rows"], batch["reason"]) for batch in plan["left_out"]],
            title="\nleft out",
            ids=["batch"],
        )


def _rows_in_window(loop: Loop, name: str, plan: dict[str, Any]) -> dict[str, int]:
    """Batch → its accepted rows within the cutoffs; only of batches that these divide are the rows themselves read."""
    rows: dict[str, int] = {batch["batch_id"]: batch["rows"] for batch in plan["manifest"]["batches"]}
    since, as_of = plan["manifest"]["since"], plan["as_of"]
    with tempfile.TemporaryDirectory() as folder:
        for batch_id in plan["divided"]:
            path = Path(folder) / "rows.parquet"
            loop.download_rows(name, batch_id, path)
            rows[batch_id] = count_rows(path, plan["timestamp"], since=since, as_of=as_of)
    return rows


def count_rows(path: Path, timestamp: str, *, since: str | None, as_of: str) -> int:
    """Those from `since` on and before `as_of`; none if they lack the column."""
    from everloop.sql import fetch_number, identifier, open_database

    given = {name: moment and _naive(moment) for name, moment in (("since", since), ("as_of", as_of))}
    moment = f"try_cast({identifier(timestamp)} as timestamp)"
    inside = f"{moment} < $as_of and ($since is null or {moment} >= $since)"
    with open_database(path.parent) as database:
        rows = database.read_parquet(str(path))
        if timestamp.casefold() not in map(str.casefold, rows.columns):
            return 0
        return fetch_number(database.execute(f"select count(*) from rows where {inside}", given))


def _naive(moment: str) -> datetime:
    """In UTC, as rows hold it."""
    return datetime.fromisoformat(moment).astimezone(UTC).replace(tzinfo=None)


def _print_manifest(manifest: dict[str, Any], in_window: dict[str, int] | None = None) -> None:
    stdout.print(f"definition {manifest['definition_hash']}")
    for name in ("since", "as_of"):
        if manifest[name]:
            stdout.print(f"cut within a batch: {name.replace('_', ' ')} {manifest[name]}")
    stdout.print()
    within = ["in the window"] if in_window is not None else []
    print_table(
        ["batch", "accepted rows", *within, "sha256"],
        [
            (
                batch["batch_id"],
                batch["rows"],
                *([in_window[batch["batch_id"]]] if in_window is not None else []),
                batch["sha256"],
            )
            for batch in manifest["batches"]
        ],
        ids=["batch"],
    )


def _print_dataset(shown: dict[str, Any]) -> None:
    counts = shown["statistics"]
    stdout.print(f"dataset version [bold]{shown['version']}[/], prepared at {counts['prepared_at']}", markup=True)
    stdout.print(
        f"{counts['delivered']:,} accepted rows = {counts['rows']:,} to learn from"
        f" + {counts['superseded']:,} superseded by a newer row of the same id + {counts['left_out']:,} left out"
    )
    _print_manifest(shown["manifest"])
    stdout.print()
    print_table(
        ["column", "type", "nulls", "values"],
        [
            (name, kind, _share(column), _values(column, kind))
            for name, column in shown["columns"].items()
            for kind in [counts["columns"][name]]
        ],
    )


def _print_diff(diff: dict[str, Any]) -> None:
    for side in ("from", "to"):
        dataset = diff[side]
        stdout.print(
            f"{side:>4} [bold]{dataset['version']}[/]  {dataset['rows']:,} rows of {dataset['batches']} batches",
            markup=True,
        )
    if diff["from"]["definition_hash"] != diff["to"]["definition_hash"]:
        stdout.print("the definition has changed")
    _print_batches(diff["batches"])
    schema = diff["schema"]
    lines = [f"- column {column} ({kind})" for column, kind in schema["removed"].items()]
    lines += [f"+ column {column} ({kind})" for column, kind in schema["added"].items()]
    lines += [f"~ column {column}: {kinds['from']} → {kinds['to']}" for column, kinds in schema["changed"].items()]
    for line in lines:
        stdout.print(line)
    stdout.print()
    columns = sorted(diff["columns"], key=lambda column: not _has_drifted(column))
    print_table(
        ["", "column", "nulls", "→", "values", "→", "effect", "from which on", "p", "PSI"],
        [_diff_cells(column) for column in columns],
    )


def _print_batches(batches: dict[str, Any]) -> None:
    for sign, name in (("-", "removed"), ("+", "added")):
        changed = batches[name]
        for batch in changed[:SHOWN_BATCHES]:
            stdout.print(f"{sign} batch {batch['batch_id']}, {batch['rows']:,} rows")
        if len(changed) > SHOWN_BATCHES:
            stdout.print(f"{sign} {len(changed) - SHOWN_BATCHES} more batches")


def _diff_cells(column: dict[str, Any]) -> list[Any]:
    before, after, drift = column["from"], column["to"], column["drift"] or {}
    return [
        "DRIFTED" if _has_drifted(column) else "",
        column["column"],
        _share(before),
        _share(after),
        _values(before, column["type"]),
        _values(after, column["type"]),
        _effect(column) if drift else None,
        None if _has_drifted_by_nulls(column) else drift.get("threshold"),
        f"{drift['p_value']:.2g}" if drift else None,
        drift.get("psi"),
    ]


def _has_drifted(column: dict[str, Any]) -> bool:
    return bool(column["drift"] and column["drift"]["drifted"])


def _has_drifted_by_nulls(column: dict[str, Any]) -> bool:
    return _has_drifted(column) and column["drift"]["effect"] < column["drift"]["threshold"]


def _effect(column: dict[str, Any]) -> str:
    """Of the values; if those did not move, what became of the share of nulls, which then did."""
    if _has_drifted_by_nulls(column):
        return f"nulls {_share(column['from'])} → {_share(column['to'])}"
    return f"{column['drift']['statistic']} {column['drift']['effect']:.3f}"


def _share(column: dict[str, Any] | None) -> str | None:
    return f"{column['null_share']:.1%}" if column else None


def _values(column: dict[str, Any] | None, kind: str) -> str | None:
    """Numbers by mean, spread and quartiles; categories by their number and the most frequent ones."""
    if column is None:
        return None
    if column["type"] == "category":
        total = max(1, column["rows"] - column["nulls"])
        top = [f"{level} {rows / total:.0%}" for level, rows in list(column["top_levels"].items())[:SHOWN_LEVELS]]
        return f"{column['distinct']:,} levels: {', '.join(top)}" if top else None
    if column["mean"] is None:
        return None
    if kind == "timestamp":
        first, last = (datetime.fromtimestamp(column[name], UTC) for name in ("minimum", "maximum"))
        return f"{first:%Y-%m-%d %H:%M} … {last:%Y-%m-%d %H:%M}"
    quartiles = " | ".join(f"{column[name]:.4g}" for name in ("q25", "median", "q75"))
    return f"{column['mean']:.4g} ± {column['standard_deviation']:.3g}; {quartiles}"
