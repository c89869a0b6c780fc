"""Files on their way in: upload, batches, quarantine, datasets."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from everloop.contracts.batches import BatchReport, BatchStatus
from local.console import AsJson, Name, announced, print_json, print_table, stdout
from local.errors import ApiError
from local.loop import Loop, batch_id_of
from local.target import Target

SHOWN_ROWS = 20


def upload(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="CSV, TSV, JSON Lines, JSON or Parquet; .gz of each.")],
    as_json: AsJson = False,
) -> None:
    """Upload files and wait until each is accepted, quarantined or rejected."""
    loop = Loop(announced(Target.current()))
    delivered_before = {path for path in files if loop.report(name, batch_id_of(path))}
    batches = [(path, loop.upload(name, path)) for path in files]
    reports = [(path, loop.wait_for_report(name, batch_id)) for path, batch_id in batches]
    if as_json:
        print_json([report.model_dump(mode="json") for _, report in reports])
    else:
        for path, report in reports:
            _print_report(path.name, report)
            if path in delivered_before:
                stdout.print("  these very bytes were delivered before: one batch, counted once")
    if any(report.status is not BatchStatus.ACCEPTED for _, report in reports):
        raise typer.Exit(1)


def batches(name: Name, as_json: AsJson = False) -> None:
    """List the files that were delivered, and what became of their rows."""
    reports = Loop(Target.current()).batches(name)
    if as_json:
        print_json([report.model_dump(mode="json") for report in reports])
        return
    print_table(
        ["batch", "file", "status", "delivered", "accepted", "quarantined", "duplicates", "from", "until"],
        [
            (
                report.batch_id,
                Path(report.source.key).name,
                report.status.value,
                *report.rows.model_dump().values(),
                _day(report.first_timestamp),
                _day(report.last_timestamp),
            )
            for report in reports
        ],
    )


def quarantine(
    name: Name,
    batch: Annotated[str | None, typer.Argument(help="A batch id; without it, every batch with problems.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show why rows were quarantined, and, for one batch, the rows themselves."""
    loop = Loop(Target.current())
    reports = [report for report in loop.batches(name) if report.problems and batch in (None, report.batch_id)]
    if batch and not reports:
        raise ApiError(f"batch {batch!r} of {name!r} has no quarantined row; see `everloop batches {name}`")
    rows = _quarantined_rows(loop, name, batch) if batch else []
    if as_json:
        problems = [{"batch_id": r.batch_id, **p.model_dump()} for r in reports for p in r.problems]
        print_json({"problems": problems, "rows": rows})
        return
    print_table(
        ["batch", "reason", "column", "rows", "expected", "example"],
        [(r.batch_id, p.reason, p.column, p.rows, p.expected, p.example) for r in reports for p in r.problems],
    )
    if rows:
        stdout.print(f"\nthe first {min(len(rows), SHOWN_ROWS)} of {len(rows)} rows")
        print_table(list(rows[0]), [list(row.values()) for row in rows[:SHOWN_ROWS]])


def datasets(name: Name, as_json: AsJson = False) -> None:
    """List the dataset versions that models were trained on."""
    manifests = Loop(Target.current()).datasets(name)
    if as_json:
        print_json(manifests)
        return
    print_table(
        ["dataset version", "rows", "batches", "since", "as of"],
        [(version, m["rows"], len(m["batches"]), m["since"], m["as_of"]) for version, m in manifests.items()],
    )


def _quarantined_rows(loop: Loop, name: str, batch_id: str) -> list[dict[str, Any]]:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        if not loop.download_quarantine(name, batch_id, path):
            return []
        found = duckdb.execute("select * from read_parquet($path)", {"path": str(path)})
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _print_report(file: str, report: BatchReport) -> None:
    rows = report.rows
    stdout.print(
        f"{file}: [bold]{report.status.value}[/]  batch {report.batch_id}  {rows.delivered:,} delivered = "
        f"{rows.accepted:,} accepted + {rows.quarantined:,} quarantined + {rows.duplicates:,} duplicates"
    )
    if report.detail:
        stdout.print(f"  {report.reason}: {report.detail}", markup=False)
    for problem in report.problems[:SHOWN_ROWS]:
        where = f"{problem.column}: " if problem.column else ""
        example = f", got {problem.example!r}" if problem.example is not None else ""
        stdout.print(
            f"  {problem.rows:,} × {where}{problem.reason}, expected {problem.expected}{example}", markup=False
        )
    if report.undeclared_columns:
        stdout.print(f"  ignored, since not declared: {', '.join(report.undeclared_columns)}", markup=False)


def _day(moment: Any) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None
