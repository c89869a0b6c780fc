"""Logged traffic through another version."""

from typing import Annotated, Any

import typer

from local.console import AsJson, Name, duration, print_json, print_table, stderr, stdout
from local.loop import Loop
from local.target import Target

SHOWN_SEGMENTS = 15
BAR = 40
"""Characters of the longest bar."""


def replay(
    name: Name,
    version: Annotated[int, typer.Argument(help="The version that shall answer again.")],
    last: Annotated[str, typer.Option(callback=duration, help="How far back, such as 7d, 12h or '7 days'.")] = "7d",
    by: Annotated[str | None, typer.Option(help="Tell the values of this column apart.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what another version would have answered to logged traffic: which answers flip, and what that is worth."""
    from datetime import UTC, datetime

    asked = {"last": last, "until": datetime.now(UTC).isoformat(), **({"by": by} if by else {})}
    with stderr.status(f"replaying the last {last} through version {version} …"):
        report = Loop(Target.current()).replay_version(name, version, **asked)
    if as_json:
        print_json(report)
    else:
        print_replay(report)


def print_replay(report: dict[str, Any]) -> None:
    span = f"{report['since'][:16].replace('T', ' ')} to {report['until'][:16].replace('T', ' ')} UTC"
    if not report["rows"]:
        what = "nothing to compare with" if report["skipped"] else "no prediction was logged: ask for some, or look"
        further = "" if report["skipped"] else " further back with --last"
        stdout.print(f"{report['model']}: {what}{further} ({span})")
        _print_skipped(report)
        return
    by = ", ".join(f"{count:,} by version {version}" for version, count in report["logged_versions"].items())
    stdout.print(
        f"{report['model']}: {report['rows']:,} logged answers ({by}) through version {report['version']}, {span}"
    )
    if report["flips"] is not None:
        stdout.print(f"flips: {report['flips']:,}; the same answer: {100 * report['agreement']:.2f} %")
    for direction, rows in report["directions"].items():
        stdout.print(f"  {direction}: {rows:,}")
    _print_skipped(report)
    _print_worth(report)
    _print_differences(report["differences"])
    _print_segments(report)
    logged = report["logged_latency_ms"]
    beside = f"; logged, of rows scored together: {logged:.4f} ms" if logged is not None else ""
    stdout.print(f"one row alone takes version {report['version']} {report['latency_ms']:.4f} ms{beside}")


def _print_skipped(report: dict[str, Any]) -> None:
    for reason, rows in report["skipped"].items():
        stdout.print(f"not replayed: {rows:,} rows ({reason})")


def _print_worth(report: dict[str, Any]) -> None:
    stdout.print(f"outcomes known: {report['outcomes']:,}")
    for kind in ("metric", "loss"):
        if compared := report[kind]:
            bounds = f"95 %: {compared['low']:+.4f} to {compared['high']:+.4f}"
            what = compared["name"] if kind == "metric" else f"{compared['name']} per row (lower is better)"
            stdout.print(
                f"  {what}: {compared['logged']:.4f} logged, {compared['version']:.4f} by version {report['version']},"
                f" difference {compared['difference']:+.4f} ({bounds})"
            )
    if (bound := report["cost_bound"]) and bound["flips"]:
        stdout.print(
            f"  {bound['flips']:,} flips without an outcome change the cost by {bound['best']:+,.4g} at best,"
            f" {bound['worst']:+,.4g} at worst"
        )


def _print_differences(differences: dict[str, Any]) -> None:
    told = ", ".join(f"{at} {value:+.4f}" for at, value in differences["quantiles"].items())
    stdout.print(f"scores moved by {differences['mean']:+.4f} in the mean; quantiles: {told}")
    most = max(differences["counts"])
    edges = differences["edges"]
    for place, count in enumerate(differences["counts"]):
        bar = "█" * round(BAR * count / most)
        stdout.print(f"  {edges[place]:+9.4f} to {edges[place + 1]:+9.4f} {count:>9,} {bar}")


def _print_segments(report: dict[str, Any]) -> None:
    segments = report["segments"]
    if not segments:
        return
    print_table(
        ["segment", "rows", "flips", "flips %", "mean distance"],
        [
            (
                f"{each['column']} = {'(none)' if each['value'] is None else each['value']}",
                each["rows"],
                each["flips"],
                None if each["flips"] is None else f"{100 * each['flips'] / each['rows']:.2f}",
                each["mean_distance"],
            )
            for each in segments[:SHOWN_SEGMENTS]
        ],
    )
    if len(segments) > SHOWN_SEGMENTS:
        stdout.print(f"and {len(segments) - SHOWN_SEGMENTS} more segments; --json has all")
