"""Experiments: let a challenger answer beside the champion, look how it does, and stop it."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from local.commands.models import print_aliases
from local.console import AsJson, Name, announced, duration, print_json, print_table, stdout, traffic_in_words
from local.loop import Loop
from local.target import Target

app = typer.Typer(no_args_is_help=True, help="Try a version beside the champion: start, status, stop.")


class Mode(StrEnum):
    AB = "ab"
    CANARY = "canary"
    SHADOW = "shadow"


Reason = Annotated[str | None, typer.Option(help="Why, for the history.")]


@app.command()
def start(
    name: Name,
    *,
    challenger: Annotated[int, typer.Option(help="The version that is tried.")],
    mode: Annotated[
        Mode, typer.Option(help="ab: until one is better; canary: a growing share; shadow: it answers nobody.")
    ] = Mode.AB,
    share: Annotated[
        float | None, typer.Option(help="Of the entities, above 0 and at most 1; a canary has its steps instead.")
    ] = None,
    during: Annotated[
        str | None, typer.Option("--for", callback=duration, help="How long at most, such as 7d or '7 days'.")
    ] = None,
    decide: Annotated[
        bool, typer.Option("--decide/--no-decide", help="Promote or stop by itself, or only tell.")
    ] = True,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Divide the traffic between the champion and a challenger."""
    given = {"share": share, "for": during, "reason": reason}
    optional = {key: value for key, value in given.items() if value is not None}
    body = {"mode": mode.value, "challenger": challenger, "decides": decide, **optional}
    print_aliases(_change(name, body), as_json)


@app.command()
def status(name: Name, as_json: AsJson = False) -> None:
    """Show how champion and challenger do, and what follows; of none that runs, how the last one ended."""
    found = Loop(Target.current()).call("GET", f"/models/{name}/traffic")
    if as_json:
        print_json(found)
        return
    traffic, report = found["traffic"], found["report"]
    if traffic:
        until = f"since {_minute(traffic['started_at'])}, until {_minute(traffic['ends_at'])} UTC at the latest"
        stdout.print(f"{name}: {traffic_in_words(traffic)} against version {found['champion']}, {until}")
    else:
        stdout.print(f"{name}: no experiment runs, version {found['champion'] or '–'} has all of the traffic")
    if ended := found["ended"]:
        how = {"traffic": "was stopped", "promote": "ended with a promotion", "rollback": "was ended by a rollback"}
        stdout.print(
            f"the last one {how[ended['action']]} at {_minute(ended['at'])} UTC by {ended['by']}: {ended['reason']}"
        )
    if report:
        print_report(report)


@app.command()
def stop(name: Name, reason: Reason = None, as_json: AsJson = False) -> None:
    """End the experiment: all traffic to the champion."""
    body = {"mode": "champion", **({"reason": reason} if reason else {})}
    print_aliases(_change(name, body), as_json)


def print_report(report: dict[str, Any]) -> None:
    """What was measured of each variant, and what follows from it."""
    begun = f"{report['mode']}, version {report['challenger']} against {report['champion']}"
    stdout.print(f"judged {_minute(report['judged_at'])} UTC ({begun}, since {_minute(report['started_at'])})")
    print_table(
        ["variant", "version", "units", "rows", "outcomes", report["loss"], "fallbacks %", "latency ms"],
        [
            (
                each["variant"],
                str(each["version"]),
                each["units"],
                each["rows"],
                each["outcomes"],
                each["loss"],
                f"{100 * each['fallback_share']:.2f}",
                each["latency_ms"],
            )
            for each in report["variants"]
        ],
    )
    if difference := report["difference"]:
        bounds = f"95 % at every look: {difference['low']:+.4f} to {difference['high']:+.4f}"
        stdout.print(
            f"  difference of the losses {difference['value']:+.4f} ({bounds}); below 0 the challenger is better"
        )
    if ratio := report["sample_ratio"]:
        told = "MISMATCH" if ratio["mismatch"] else "as it should be"
        units = ratio["champion"] + ratio["challenger"]
        stdout.print(
            f"  sample ratio {told}: {ratio['challenger']:,} of {units:,} units for {100 * ratio['share']:g} % (p"
            f" {ratio['p_value']:.3g})"
        )
    for guardrail in report["guardrails"]:
        value = "too few rows" if guardrail["value"] is None else f"{guardrail['value']:.4g}"
        kept = "BROKEN" if guardrail["broken"] else "kept"
        is_excused = not guardrail["broken"] and (guardrail["value"] or 0) > guardrail["limit"]
        excuse = ", which may be chance" if guardrail["name"].startswith("fallback") else ", fast enough all the same"
        why = excuse if is_excused else ""
        stdout.print(f"  guardrail {guardrail['name']} {kept}: {value}, at most {guardrail['limit']:g}{why}")
    told = "" if report["decides"] else " (only told)"
    stdout.print(f"  verdict: {report['verdict']}{told}: {'; '.join(report['reasons'])}")


def _change(name: str, body: dict[str, Any]) -> dict[str, Any]:
    aliases: dict[str, Any] = Loop(announced(Target.current())).call("POST", f"/models/{name}/traffic", body)
    return aliases


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
