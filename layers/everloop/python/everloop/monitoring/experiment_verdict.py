"""From what was measured of an experiment to what happens with it."""

from collections.abc import Callable
from datetime import datetime

from everloop.contracts.experiments import ExperimentVerdict, GuardrailReport, LossDifference, SampleRatio
from everloop.contracts.traffic import Traffic

Decision = tuple[ExperimentVerdict, tuple[str, ...]]


def decide_experiment(
    traffic: Traffic,
    *,
    at: datetime,
    rows: int,
    difference: LossDifference | None,
    sample_ratio: SampleRatio | None,
    guardrails: tuple[GuardrailReport, ...],
) -> Decision:
    """The verdict with its reasons; `rows` are the challenger's while the present share held."""
    wrong = [f"{each.name} is {each.value:.3g}, above {each.limit:.3g}" for each in guardrails if each.broken]
    if sample_ratio and sample_ratio.mismatch:
        wrong.append(
            f"the challenger has {sample_ratio.challenger} of {sample_ratio.champion + sample_ratio.challenger} units,"
            f" where a share of {sample_ratio.share:g} was meant (p = {sample_ratio.p_value:.2g}): units get lost on"
            " the way, and the rest must not be compared"
        )
    if difference and difference.low > 0:
        wrong.append(f"the challenger is worse: its loss differs by {_told(difference)}")
    if wrong:
        return "abort", tuple(wrong)
    return _BY_MODE[traffic.mode](traffic, at, rows, difference)


def _decide_ab(traffic: Traffic, at: datetime, rows: int, difference: LossDifference | None) -> Decision:
    if difference and difference.high < 0:
        return "promote", (f"the challenger is better: its loss differs by {_told(difference)}",)
    state = f"its loss differs by {_told(difference)}" if difference else "too few outcomes of both are known"
    if at >= traffic.ends_at:
        return "abort", (f"undecided at its end: {state}; the champion stays",)
    return "continue", (f"undecided: {state}",)


def _decide_canary(traffic: Traffic, at: datetime, rows: int, difference: LossDifference | None) -> Decision:
    until = traffic.step_since + traffic.step_for
    if at < until:
        return "continue", (f"a share of {traffic.share:g} is kept until {until:%Y-%m-%d %H:%M} UTC",)
    few = _too_few(traffic, rows)
    if few and at >= traffic.ends_at:
        return "abort", (f"{few} at its end: nobody knows how it does; the champion stays",)
    if few:
        return "continue", (f"{few}: a share of {traffic.share:g} is kept for longer",)
    if traffic.steps:
        return "step", (f"nothing went wrong: {_known(difference)}", f"next is a share of {traffic.steps[0]:g}")
    return "promote", (f"nothing went wrong up to a share of {traffic.share:g}: {_known(difference)}",)


def _decide_shadow(traffic: Traffic, at: datetime, rows: int, difference: LossDifference | None) -> Decision:
    if at < traffic.ends_at:
        return "continue", (f"it is watched until {traffic.ends_at:%Y-%m-%d %H:%M} UTC",)
    few = _too_few(traffic, rows)
    # Twice the time that was thought to be enough; then it would only keep others waiting.
    if few and at >= traffic.ends_at + (traffic.ends_at - traffic.started_at):
        return "abort", (f"{few} in twice its time: nobody knows how it does; the champion stays",)
    if few:
        return "continue", (f"{few}: it is watched for longer",)
    return "promote", (f"nothing went wrong: {_known(difference)}",)


_BY_MODE: dict[str, Callable[[Traffic, datetime, int, LossDifference | None], Decision]] = {
    "ab": _decide_ab,
    "canary": _decide_canary,
    "shadow": _decide_shadow,
}


def _too_few(traffic: Traffic, rows: int) -> str:
    least = traffic.guardrails.minimum_rows
    return f"the challenger has {rows} row(s) of the {least} that are needed" if rows < least else ""


def _known(difference: LossDifference | None) -> str:
    if difference is None:
        return "no outcomes tell how good it is, and no guardrail is broken"
    return f"not worse as far as is known, its loss differs by {_told(difference)}"


def _told(difference: LossDifference) -> str:
    return f"{difference.value:+.3g} ({difference.low:+.3g} to {difference.high:+.3g})"
