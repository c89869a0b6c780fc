"""Files on their way in: upload, batches, quarantine."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from everloop.contracts.batches import BatchReport, BatchStatus
from local.commands.reports import (
    BATCH_COLUMNS,
    batch_cells,
    is_older,
    print_all_older,
    print_full,
    print_older,
    print_short,
    print_totals,
)
from local.console import AsJson, Name, announced, one_of, print_json, print_table, stdout
from local.errors import ApiError
from local.loop import Loop, batch_id_of
from local.replay import candidates, waiting_rows
from local.target import Target

SHOWN_ROWS = 20


def upload(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="CSV, TSV, JSON Lines, JSON or Parquet; compressed or not.")],
    as_json: AsJson = False,
) -> None:
    """Upload files and wait until each is accepted, quarantined or rejected."""
    loop = Loop(announced(Target.current()))
    delivered_before = {path for path in files if loop.report(name, batch_id_of(path))}
    batches = [(path, loop.upload(name, path)) for path in files]
    reports = [(path, loop.wait_for_report(name, batch_id)) for path, batch_id in batches]
    present = loop.definition_hash(name)
    older = [report for _, report in reports if is_older(report, present)]
    if as_json:
        print_json([_document(report, present) for _, report in reports])
    else:
        waiting = waiting_rows(loop.batches(name)) if older else {}
        for path, report in reports:
            print_short(report, name=path.name)
            if path in delivered_before:
                stdout.print("  these very bytes were delivered before: one batch, counted once")
            if report in older:
                print_older(report, waiting=waiting.get(report.batch_id, 0))
    _exit_unless_accepted(report for _, report in reports)


def batches(
    name: Name,
    batch: Annotated[str | None, typer.Argument(help="A batch id, or its beginning: its whole report.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the files that were delivered, and what became of their rows."""
    loop = Loop(Target.current())
    reports, present = loop.batches(name), loop.definition_hash(name)
    if batch:
        report = {report.batch_id: report for report in reports}[_batch_of(reports, name, batch)]
        if as_json:
            print_json(_document(report, present))
        else:
            print_full(report, present=present)
        return
    if as_json:
        print_json([_document(report, present) for report in reports])
        return
    print_table(BATCH_COLUMNS, [batch_cells(report) for report in reports], ids=["batch"])
    print_totals(reports)
    print_all_older(reports, present=present)


def _document(report: BatchReport, present: str) -> dict[str, Any]:
    return {**report.model_dump(mode="json"), "judged_by_older_definition": is_older(report, present)}


def quarantine(
    name: Name,
    batch: Annotated[str | None, typer.Argument(help="A batch id; without it, every batch of which rows wait.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Let what waits be judged by the definition deployed now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show why rows were quarantined, and, for one batch, the rows themselves; or let them in again."""
    if replay:
        _replay(Loop(announced(Target.current())), name, batch, as_json)
        return
    loop = Loop(Target.current())
    every = loop.batches(name)
    chosen = _batch_of(every, name, batch) if batch else None
    reports = [report for report in every if report.rows.quarantined and chosen in (None, report.batch_id)]
    if chosen and not reports:
        raise ApiError(f"batch {chosen!r} of {name!r} has no quarantined row; see `everloop batches {name}`")
    waiting = waiting_rows(every)
    rows = _quarantined_rows(loop, name, chosen, None if as_json else SHOWN_ROWS) if chosen else []
    if as_json:
        problems = [
            {"batch_id": r.batch_id, "settled": r.batch_id not in waiting, **p.model_dump()}
            for r in reports
            for p in r.problems
        ]
        print_json({"problems": problems, "waiting": waiting, "rows": rows})
        return
    shown = [report for report in reports if chosen or report.batch_id in waiting]
    print_table(
        ["batch", "waiting", "reason", "column", "rows", "expected", "example"],
        [
            (r.batch_id, waiting.get(r.batch_id, 0), p.reason, p.column, p.rows, p.expected, p.example)
            for r in shown
            for p in r.problems
        ],
        ids=["batch"],
    )
    if settled := len(reports) - len(shown):
        stdout.print(
            f"\nnot shown: {settled} settled batch{'es' if settled > 1 else ''}, whose rows a replay took over;"
            f" `everloop quarantine {name} --json` has them"
        )
    if waiting:
        stdout.print(
            f"\n{sum(waiting.values()):,} rows of {len(waiting)} batches wait. If the definition was wrong: mend it,"
            f" deploy, then `everloop quarantine {name} --replay`"
        )
    if rows:
        stdout.print(f"\nthe first {len(rows)} of {reports[0].rows.quarantined:,} rows")
        print_table(list(rows[0]), [list(row.values()) for row in rows])


def _replay(loop: Loop, name: str, batch: str | None, as_json: bool) -> None:
    every = loop.batches(name)
    chosen = _batch_of(every, name, batch) if batch else None
    started: list[str] = []
    held_back: list[dict[str, str]] = []
    for candidate in candidates(every):
        if chosen in (None, candidate.report.batch_id):
            try:
                started.append(loop.replay(name, candidate))
            except ApiError as error:
                why = {"batch_id": candidate.report.batch_id, "what": candidate.what, "reason": str(error)}
                held_back.append(why)
    reports = [loop.wait_for_report(name, batch_id) for batch_id in started]
    if as_json:
        print_json({"reports": [report.model_dump(mode="json") for report in reports], "held_back": held_back})
    else:
        for report in reports:
            parent = report.source.replay_of
            print_short(report, name=f"replay of {parent}" if parent else Path(report.source.key).name)
        for why in held_back:
            stdout.print(f"batch {why['batch_id']}: {why['what']}: {why['reason']}")
        if not reports and not held_back:
            stdout.print("nothing waits")
    _exit_unless_accepted(reports)


def _batch_of(reports: Sequence[BatchReport], name: str, beginning: str) -> str:
    ids = [report.batch_id for report in reports]
    return one_of(ids, beginning, f"batch of {name!r}", see=f"everloop batches {name}")


def _exit_unless_accepted(reports: Iterable[BatchReport]) -> None:
    if any(report.status is not BatchStatus.ACCEPTED for report in reports):
        raise typer.Exit(1)


def _quarantined_rows(loop: Loop, name: str, batch_id: str, limit: int | None) -> list[dict[str, Any]]:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        if not loop.download_quarantine(name, batch_id, path):
            return []
        found = duckdb.execute("select * from read_parquet($path) limit $limit", {"path": str(path), "limit": limit})
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
