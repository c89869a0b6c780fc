"""Batch reports as the commands print them: in short after an upload, as a line of the list, in full."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from everloop.contracts.batches import BatchReport, Finding, Impact, Reading
from local.console import print_table, stdout
from local.replay import totals

SHOWN_PROBLEMS = 20
BATCH_COLUMNS = (
    "batch",
    "file",
    "status",
    "read as",
    "delivered",
    "accepted",
    "quarantined",
    "duplicates",
    "findings",
    "from",
    "until",
)


def batch_cells(report: BatchReport) -> list[Any]:
    """In the order of BATCH_COLUMNS."""
    return [
        report.batch_id,
        _file(report),
        report.status.value,
        read_as(report.reading),
        *report.rows.model_dump().values(),
        _worst(report.findings),
        _day(report.first_timestamp),
        _day(report.last_timestamp),
    ]


def print_short(report: BatchReport, *, name: str) -> None:
    rows = report.rows
    headline = f"{escape(name)}: [bold]{report.status.value}[/]  batch {report.batch_id}  {_account(report)}"
    stdout.print(headline, markup=True)
    if report.detail:
        stdout.print(f"  {report.reason}: {report.detail}")
    for problem in report.problems[:SHOWN_PROBLEMS]:
        where = f"{problem.column}: " if problem.column else ""
        example = f", got {problem.example!r}" if problem.example is not None else ""
        stdout.print(f"  {problem.rows:,} × {where}{problem.reason}, expected {problem.expected}{example}")
    told = [finding for finding in _by_impact(report.findings) if finding.reason != report.reason]
    for finding in told[:SHOWN_PROBLEMS]:
        where = f"{finding.column}: " if finding.column else ""
        stdout.print(f"  {finding.impact}: {where}{finding.reason}, {finding.detail}")
    hidden = len(report.problems[SHOWN_PROBLEMS:]) + len(report.findings[SHOWN_PROBLEMS:])
    if hidden:
        stdout.print(f"  and {hidden} more; see `everloop batches {report.model} {report.batch_id}`")
    if report.undeclared_columns:
        stdout.print(f"  ignored, since not declared: {_listed(report.undeclared_columns)}")
    if rows.delivered and report.reading:
        stdout.print(f"  read as {read_as(report.reading)}")


def print_full(report: BatchReport, *, present: str) -> None:
    """`present` is the hash of the deployed definition."""
    facts = {
        "status": report.status.value,
        "rows": _account(report),
        "reason": report.reason and f"{report.reason}: {report.detail}",
        "file": f"s3://{report.source.bucket}/{report.source.key} ({report.source.size_bytes:,} bytes)",
        "replay of": report.source.replay_of,
        "read as": read_as(report.reading),
        "received at": f"{report.received_at:%Y-%m-%d %H:%M:%S} UTC",
        "rows from": report.first_timestamp and f"{report.first_timestamp} until {report.last_timestamp}",
        "judged by": report.definition_hash
        and f"definition {report.definition_hash}{', an older one' if is_older(report, present) else ''}",
        "ignored columns": ", ".join(report.undeclared_columns) or None,
        "sha256 of the rows": report.rows_sha256,
    }
    stdout.print(f"[bold]batch {report.batch_id}[/]", markup=True)
    for name, fact in facts.items():
        if fact:
            stdout.print(f"  {name}: {fact}")
    if report.problems:
        stdout.print()
        print_table(
            ["reason", "column", "rows", "expected", "example"],
            [(p.reason, p.column, p.rows, p.expected, p.example) for p in report.problems],
            title="rows in quarantine",
        )
    if report.findings:
        stdout.print()
        print_table(
            ["impact", "finding", "column", "expected", "got"],
            [(f.impact.value, f.reason, f.column, f.expected, f.got) for f in _by_impact(report.findings)],
            title="findings",
        )


def print_totals(reports: Sequence[BatchReport]) -> None:
    sums = totals(reports)
    stdout.print(
        f"\n{sums.delivered:,} delivered = {sums.accepted:,} accepted + {sums.duplicates:,} duplicates"
        f" + {sums.waiting:,} in quarantine"
    )


def is_older(report: BatchReport, present: str) -> bool:
    """Judged by another definition than the `present` one, by its hash."""
    return report.definition_hash not in (None, present)


def print_older(report: BatchReport, *, waiting: int) -> None:
    """What a verdict of an older definition means for who uploads the file again; `waiting` rows are in quarantine."""
    stdout.print(
        f"  judged on {report.received_at:%Y-%m-%d %H:%M} UTC under an older definition, and not again:"
        f" {_remedies(report.model, waiting)}"
    )


def print_all_older(reports: Sequence[BatchReport], *, present: str) -> None:
    """Which batches of a model would perhaps be judged otherwise today."""
    older = [report.batch_id for report in reports if is_older(report, present)]
    if older:
        stdout.print(
            f"\n{len(older)} of {len(reports)} batches were judged under an older definition ({_listed(older)}):"
            f" {_remedies(reports[0].model, totals(reports).waiting)}"
        )


def _remedies(model: str, waiting: int) -> str:
    replay = f"`everloop quarantine {model} --replay` judges what is in quarantine; " if waiting else ""
    return (
        f"{replay}what was accepted stays as it is, and docs/operations.md tells how to have a whole file judged anew"
    )


def read_as(reading: Reading | None) -> str | None:
    """What of the reading is not what one would think anyway."""
    if reading is None:
        return None
    plain = {"encoding": ("utf-8", "utf8", None), "delimiter": (",", None), "quote": ('"', None), "decimal": (".",)}
    unusual = [f"{name} {value!r}" for name, usual in plain.items() if (value := getattr(reading, name)) not in usual]
    header = [] if reading.header else ["no header"]
    return ", ".join([reading.format.value, *filter(None, [reading.compression]), *unusual, *header])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_PROBLEMS
    return ", ".join(names[:SHOWN_PROBLEMS]) + (f" and {more} more" if more > 0 else "")


def _account(report: BatchReport) -> str:
    rows = report.rows
    return (
        f"{rows.delivered:,} delivered = {rows.accepted:,} accepted + {rows.quarantined:,} quarantined"
        f" + {rows.duplicates:,} duplicates"
    )


def _file(report: BatchReport) -> str:
    replayed = report.source.replay_of
    return f"replay of {replayed}" if replayed else Path(report.source.key).name


def _worst(findings: Sequence[Finding]) -> str | None:
    return f"{len(findings)}, {_by_impact(findings)[0].impact}" if findings else None


def _by_impact(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first."""
    order = list(Impact)
    return sorted(findings, key=lambda finding: -order.index(finding.impact))


def _day(moment: Any) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None
