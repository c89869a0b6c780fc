"""Would a split by time leave every class where it is needed? If not, rows have to be drawn."""

from everloop.contracts.definition import Task
from everloop.drafting.facts import NUMBERED, PLACE, Delivered
from everloop.drafting.tasks import Goal

SEARCH_SHARE = 0.4
"""Of the training rows: the oldest, which the first fit of the search sees."""
MINIMUM_CLASS_ROWS = 5
HOLDOUT = 0.2


def rare_classes(goal: Goal) -> list[str]:
    """Classes with too few rows, however they are split: training would refuse them."""
    needed = MINIMUM_CLASS_ROWS / (SEARCH_SHARE * (1 - HOLDOUT))
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
    train = 1 - HOLDOUT
    judged, rarest = delivered.ask(
        f"""
        WITH placed AS MATERIALIZED ({placed}),
        oldest AS (SELECT y, count(*) FILTER (age <= {train * SEARCH_SHARE}) AS n FROM placed GROUP BY y)
        SELECT (SELECT count(DISTINCT y) FROM placed WHERE age > {train}), min(n) FROM oldest
        """
    )
    return bool(judged > 1 and (goal.task is Task.REGRESSION or rarest >= MINIMUM_CLASS_ROWS))
