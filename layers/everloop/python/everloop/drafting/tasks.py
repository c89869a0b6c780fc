"""What is to be learned, told by the values of the target."""

from typing import NamedTuple

from everloop.contracts.columns import ColumnType
from everloop.contracts.tasks import Task
from everloop.drafting.facts import MAXIMUM_LEVELS
from everloop.drafting.survey import Seen
from everloop.errors import DefinitionError

MAXIMUM_INTEGER_CLASSES = 10
MAXIMUM_TEXT_CLASSES = 100
"""If a person asks for them."""
LEAST_ITEMS = 10
POSITIVE_WORDS = frozenset(
    {
        "yes",
        "y",
        "true",
        "1",
        "positive",
        "pos",
        "bad",
        "fail",
        "failed",
        "failure",
        "fraud",
        "fraudulent",
        "churn",
        "churned",
        "default",
        "defaulted",
        "late",
        "sick",
        "spam",
        "abnormal",
        "anomaly",
        "attack",
        "malignant",
        "broken",
        "faulty",
        "cancelled",
        "canceled",
        "attrited",
        "left",
    }
)
NEGATIVE_WORDS = frozenset(
    {
        "no",
        "n",
        "false",
        "0",
        "negative",
        "neg",
        "good",
        "ok",
        "pass",
        "passed",
        "legit",
        "normal",
        "healthy",
        "none",
        "stayed",
        "current",
        "benign",
        "ham",
    }
)

NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER)


class Goal(NamedTuple):
    task: Task
    type: ColumnType
    """Which the target is declared to have."""
    why: str
    positive: str | None = None
    classes: tuple[tuple[str, int], ...] = ()
    """Each with its rows; empty for numbers."""


def goal_of(target: Seen, wanted: Task | None) -> Goal:
    """Raises DefinitionError if the target's values do not fit any task, or the wanted one."""
    task = wanted or _task_of(target)
    goal = _GOALS[task](target)
    if goal is None:
        name, distinct, kind = target.facts.name, target.facts.distinct, target.type or target.facts.delivered
        raise DefinitionError(
            f"target {name!r}: expected {_EXPECTED[task]}, got {distinct:,} of type {kind}; "
            "choose another target, or another --task"
        )
    return goal


def _task_of(target: Seen) -> Task:
    facts = target.facts
    if target.type is ColumnType.BOOLEAN or facts.distinct <= 2:
        return Task.BINARY
    if target.type not in NUMERIC:
        return Task.MULTICLASS
    few = target.type is ColumnType.INTEGER and facts.distinct <= MAXIMUM_INTEGER_CLASSES
    return Task.MULTICLASS if few and not _looks_like_counts(target) else Task.REGRESSION


def _looks_like_counts(target: Seen) -> bool:
    """From zero without a gap, and the larger the rarer."""
    by_value = sorted((float(level), rows) for level, rows in target.facts.levels)
    values, rows = [value for value, _ in by_value], [rows for _, rows in by_value]
    return values == [float(n) for n in range(len(values))] and rows[1:] == sorted(rows[1:], reverse=True)


def _binary(target: Seen) -> Goal | None:
    facts = target.facts
    levels = tuple(sorted(facts.levels))
    if target.type is ColumnType.BOOLEAN:
        return Goal(Task.BINARY, ColumnType.BOOLEAN, "true or false", classes=levels)
    if facts.distinct != 2:
        return None
    if target.type in NUMERIC and (facts.minimum, facts.maximum) == (0.0, 1.0):
        return Goal(Task.BINARY, target.type, "0 or 1", classes=levels)
    positive, why = _positive_of(facts.levels)
    return Goal(Task.BINARY, ColumnType.CATEGORY, why, positive, levels)


def _positive_of(levels: tuple[tuple[str, int], ...]) -> tuple[str, str]:
    (often, _), (seldom, _) = levels
    for level, other in ((seldom, often), (often, seldom)):
        if level.strip().lower() in POSITIVE_WORDS or other.strip().lower() in NEGATIVE_WORDS:
            return level, "two levels; the positive one by its name"
    return seldom, "two levels; the rarer one is taken for the positive"


def _multiclass(target: Seen) -> Goal | None:
    facts = target.facts
    is_text = target.type in (ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.BOOLEAN)
    if not 2 <= facts.distinct <= (MAXIMUM_TEXT_CLASSES if is_text else MAXIMUM_LEVELS):
        return None
    kind = ColumnType.INTEGER if target.type is ColumnType.INTEGER else ColumnType.CATEGORY
    why = f"{facts.distinct} levels" if is_text else f"{facts.distinct} different integers, taken for classes"
    if not is_text:
        why += "; if they are amounts, write regression"
    return Goal(Task.MULTICLASS, kind, why, classes=facts.levels)


def _regression(target: Seen) -> Goal | None:
    facts = target.facts
    if target.type not in NUMERIC or facts.distinct < 2:
        return None
    what = "integers" if target.type is ColumnType.INTEGER else "numbers"
    return Goal(Task.REGRESSION, target.type, f"{facts.distinct:,} different {what}")


def _forecasting(target: Seen) -> Goal | None:
    goal = _regression(target)
    return goal and goal._replace(task=Task.FORECASTING)


def _recommendation(target: Seen) -> Goal | None:
    facts = target.facts
    if target.type not in (ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.INTEGER):
        return None
    if not LEAST_ITEMS <= facts.distinct <= facts.present / 2:
        return None
    return Goal(Task.RECOMMENDATION, ColumnType.CATEGORY, f"{facts.distinct:,} different items")


_GOALS = {
    Task.BINARY: _binary,
    Task.MULTICLASS: _multiclass,
    Task.REGRESSION: _regression,
    Task.FORECASTING: _forecasting,
    Task.RECOMMENDATION: _recommendation,
}
_EXPECTED = {
    Task.BINARY: "two different values",
    Task.MULTICLASS: f"2 to {MAXIMUM_TEXT_CLASSES} different values",
    Task.REGRESSION: "different numbers",
    Task.FORECASTING: "different numbers",
    Task.RECOMMENDATION: f"at least {LEAST_ITEMS} ids, each in several rows",
}
