"""What a check's findings mean, and whether a retraining that is due may be asked for now."""

from collections.abc import Sequence
from datetime import timedelta

from everloop.contracts.definition import Definition
from everloop.contracts.monitoring import Check, ColumnDriftRecord, Performance, Verdict


def decide(
    definition: Definition,
    version: int,
    columns: Sequence[ColumnDriftRecord],
    performance: Performance | None,
    earlier: Sequence[Check],
) -> tuple[Verdict, tuple[str, ...]]:
    raise NotImplementedError


def hold_back(definition: Definition, check: Check, earlier: Sequence[Check]) -> str | None:
    """Why a due retraining is not asked for: the cooldown since the last one, or the most allowed in a week."""
    asked = [past.scheduled_time for past in earlier if past.retraining and past.check_id != check.check_id]
    limits = definition.retraining
    if asked and check.scheduled_time - max(asked) < limits.cooldown:
        return f"cooldown: the last retraining was asked for at {max(asked):%Y-%m-%d %H:%M}"
    recent = [moment for moment in asked if check.scheduled_time - moment < timedelta(days=7)]
    if len(recent) >= limits.maximum_per_week:
        return f"{len(recent)} retrainings within a week, retraining.maximum_per_week is {limits.maximum_per_week}"
    return None
