"""What a check's findings mean, and whether a retraining that is due may be asked for now."""

from collections.abc import Sequence
from datetime import timedelta

from everloop.contracts.definition import Definition
from everloop.contracts.monitoring import Check, ColumnDriftRecord, Performance, Verdict
from everloop.contracts.tasks import LOWER_IS_BETTER


def decide(columns: Sequence[ColumnDriftRecord], performance: Performance | None) -> tuple[Verdict, tuple[str, ...]]:
    """Degraded before drifting before healthy, with the reasons in words.

    Either of the first two asks for a candidate. That may be generous, because the verdict promotes nothing: the
    candidate must then beat the champion on the same rows, which cancels what season does to both.
    """
    reasons = []
    if performance and is_worse(performance):
        reasons.append(
            f"{performance.metric} {performance.value:.3f} ({performance.low:.3f} to {performance.high:.3f}) on "
            f"{performance.rows} outcomes, {performance.reference:.3f} ({performance.reference_low:.3f} to "
            f"{performance.reference_high:.3f}) when it was trained"
        )
    drifted = [column.column for column in columns if column.drifted]
    verdict: Verdict = "degraded" if reasons else "drifting" if drifted else "healthy"
    if drifted:
        reasons.append(f"the inputs drifted in both halves of the window: {', '.join(drifted)}")
    return verdict, tuple(reasons)


def is_worse(performance: Performance) -> bool:
    """True when the 95 % intervals do not even touch: stricter than a test at 5 %, for outcomes come in clusters."""
    if performance.metric in LOWER_IS_BETTER:
        return performance.low > performance.reference_high
    return performance.high < performance.reference_low


def hold_back(definition: Definition, check: Check, earlier: Sequence[Check]) -> str | None:
    """Why a due retraining is not asked for: the cooldown since the last one, or the most allowed in a week."""
    asked = [past.scheduled_time for past in earlier if past.retraining]
    limits = definition.retraining
    if asked and check.scheduled_time - max(asked) < limits.cooldown:
        return f"cooldown: the last retraining was asked for at {max(asked):%Y-%m-%d %H:%M}"
    recent = [moment for moment in asked if check.scheduled_time - moment < timedelta(days=7)]
    if len(recent) >= limits.maximum_per_week:
        return f"{len(recent)} retrainings within a week, retraining.maximum_per_week is {limits.maximum_per_week}"
    return None
