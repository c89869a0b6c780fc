"""The target's values tell the task."""

import pytest

from everloop.contracts.columns import ColumnType
from everloop.contracts.tasks import Task
from everloop.errors import DefinitionError
from tests.unit.drafting.conftest import Drafting, noise

BINARY, MULTICLASS, REGRESSION = Task.BINARY, Task.MULTICLASS, Task.REGRESSION


@pytest.mark.parametrize(
    ("values", "task", "type", "positive"),
    [
        (["0", "1"], BINARY, ColumnType.INTEGER, None),
        (["0.0", "1.0"], BINARY, ColumnType.NUMBER, None),
        (["yes", "no"], BINARY, ColumnType.BOOLEAN, None),
        (["legit", "fraud"], BINARY, ColumnType.CATEGORY, "fraud"),
        (["good", "poor", "poor"], BINARY, ColumnType.CATEGORY, "poor"),
        (["a", "b", "b"], BINARY, ColumnType.CATEGORY, "a"),
        (["1", "2", "2"], BINARY, ColumnType.CATEGORY, "1"),
        (["red", "green", "blue"], MULTICLASS, ColumnType.CATEGORY, None),
        (["1", "2", "3"], MULTICLASS, ColumnType.INTEGER, None),
        (["0", "0", "0", "1", "1", "2"], REGRESSION, ColumnType.INTEGER, None),
        ([str(n) for n in range(11)], REGRESSION, ColumnType.INTEGER, None),
        (["0.5", "1.5", "2.5"], REGRESSION, ColumnType.NUMBER, None),
    ],
    ids=str,
)
def test_the_task_follows_from_the_values(
    drafting: Drafting, values: list[str], task: Task, type: ColumnType, positive: str | None
) -> None:
    written = drafting({"x": noise(300), "y": values})
    assert (written.definition.task, written.column("y").type) == (task, type)
    assert written.definition.data.positive == positive


def test_a_person_may_know_better(drafting: Drafting) -> None:
    values = {"x": noise(300), "y": [1, 2, 3]}
    assert drafting(values, task=REGRESSION).definition.task is REGRESSION


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["a", "b", "c"], BINARY, "expected two different values, got 3 of type category"),
        (["a", "b"], REGRESSION, "expected different numbers, got 2 of type category"),
        (["5"], None, "expected two different values, got 1 of type integer"),
        (
            [f"level {n % 150}" for n in range(300)],
            None,
            "expected 2 to 100 different values, got 150 of type category",
        ),
    ],
    ids=str,
)
def test_a_target_that_cannot_be_learned_is_refused(
    drafting: Drafting, values: list[str], task: Task | None, words: str
) -> None:
    with pytest.raises(DefinitionError, match=words):
        drafting({"x": noise(300), "y": values}, task=task)


def test_a_target_without_a_value_is_refused(drafting: Drafting) -> None:
    with pytest.raises(DefinitionError, match="expected values to learn, got a column without any"):
        drafting({"x": noise(300), "y": [""]})


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("Churn", "did you mean 'churned'"),
        ("CHURNED", "did you mean 'churned'"),
        ("quite other", "there are age, churned"),
    ],
)
def test_a_target_that_is_not_there_is_refused_with_the_nearest_names(
    drafting: Drafting, target: str, words: str
) -> None:
    with pytest.raises(DefinitionError, match=words):
        drafting("age,churned\n1,0\n", target)


def test_rows_without_a_target_are_told(drafting: Drafting) -> None:
    written = drafting({"x": noise(300), "y": [*["0", "1"] * 149, "", ""]})
    assert written.draft.notes == ("2 rows without y will go to quarantine",)


def test_a_file_that_mostly_lacks_the_target_is_still_believed(drafting: Drafting) -> None:
    written = drafting({"x": noise(1_000), "y": ["0", "1", "", "", ""]})
    assert written.definition.data.maximum_invalid_share == 0.8


def test_classes_too_rare_to_learn_are_told(drafting: Drafting) -> None:
    written = drafting({"x": noise(300), "y": [*["a", "b"] * 148, *["c"] * 4]})
    assert written.draft.notes[0].startswith("training will refuse 'c' (4 rows)")


def test_a_draft_says_only_what_differs_from_the_defaults(drafting: Drafting) -> None:
    enough, few = (drafting({"x": noise(rows)}).definition.training for rows in (200, 199))
    assert ("minimum_rows" in enough.model_fields_set, enough.minimum_rows) == (False, 200)
    assert few.minimum_rows == 199


def test_rows_are_drawn_if_a_split_by_time_would_miss_a_class(drafting: Drafting) -> None:
    days = [f"2024-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(300)]
    early = drafting({"x": noise(300), "day": days, "y": [*["0"] * 200, *["0", "1"] * 50]})
    mixed = drafting({"x": noise(300), "day": days, "y": ["0", "1"]})
    assert (early.definition.holdout.by, mixed.definition.holdout.by) == ("random", "time")
