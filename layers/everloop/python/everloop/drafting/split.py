"""Would a split by time leave every class where it is needed? If not, rows have to be drawn."""

from everloop.contracts.sections import Holdout
from everloop.contracts.splits import FOLDS, MINIMUM_CLASS_ROWS, PARTS
from everloop.drafting.facts import NUMBERED, PLACE, Delivered
from everloop.drafting.tasks import Goal

TRAIN_SHARE = 1 - Holdout(by="random").fraction
OLDEST_SHARE = TRAIN_SHARE * (PARTS - FOLDS) / PARTS
"""Of all rows: those that the first fit of the search sees."""


def rare_classes(goal: Goal) -> list[str]:
    """Classes with too few rows, however they are split: training would refuse them."""
    needed = MINIMUM_CLASS_ROWS / OLDEST_SHARE
    return [f"{label!r} ({rows:,} rows)" for label, rows in goal.classes if rows < needed]


def splits_by_time(delivered: Delivered, moment: str, target: str, goal: Goal) -> bool:
    """Whether the oldest rows hold every class often enough, and the newest do not all have the same target.

    `moment` and `target` are the SQL that reads them.
    """
    rows = f"SELECT {target} AS y, {moment} AS t, {PLACE} AS place FROM {NUMBERED}"
    placed = (
        f"SELECT y, row_number() OVER (ORDER BY t, place) / (count(*) OVER ()) AS age FROM ({rows})"
        " WHERE y IS NOT NULL AND t IS NOT NULL"
    )
    judged, rarest = delivered.ask(
        f"""
        WITH placed AS MATERIALIZED ({placed}),
        oldest AS (SELECT y, count(*) FILTER (age <= {OLDEST_SHARE}) AS n FROM placed GROUP BY y)
        SELECT (SELECT count(DISTINCT y) FROM placed WHERE age > {TRAIN_SHARE}), min(n) FROM oldest
        """
    )
    return bool(judged > 1 and (goal.task.answers_value or rarest >= MINIMUM_CLASS_ROWS))
