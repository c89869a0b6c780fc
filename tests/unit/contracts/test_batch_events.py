"""What is told of a batch: enough to act on, and never too much for an event."""

import json

import pytest

from everloop.contracts.batch_events import MAXIMUM_CHANGES_TOLD, MAXIMUM_CHARACTERS_TOLD, events_of
from everloop.contracts.batches import BatchStatus, Finding, Impact
from tests.unit.validation.judged import report

CHANGE = Finding(
    reason="new_column", impact=Impact.COMPATIBLE, column="x", expected="this", got="that", is_schema_change=True
)
REFUSAL = {"status": BatchStatus.REJECTED, "reason": "missing_columns", "detail": "no 'x'", "rows": 0}


def test_an_accepted_batch_tells_what_changed_in_its_schema() -> None:
    other = CHANGE.model_copy(update={"reason": "stale_batch", "is_schema_change": False})
    changed = report(findings=(CHANGE, other, CHANGE.model_copy(update={"reason": "new_levels"})))
    (first, accepted), (second, change) = events_of(changed)
    assert (first, accepted["rows"], second) == ("batch.accepted", 1_000, "schema.changed")
    assert (change["batch_id"], change["breaking"]) == (changed.batch_id, False)
    assert change["key"] == f"reports/pump/{changed.batch_id}.json"
    assert [told["reason"] for told in change["changes"]] == ["new_column", "new_levels"]
    assert change["changes"][0] == {
        "reason": "new_column",
        "impact": "compatible",
        "column": "x",
        "expected": "this",
        "got": "that",
    }


def test_other_findings_are_no_event() -> None:
    other = CHANGE.model_copy(update={"is_schema_change": False})
    assert [kind for kind, _ in events_of(report(findings=(other,)))] == ["batch.accepted"]


def test_a_batch_refused_for_its_schema_tells_a_breaking_change() -> None:
    missing = CHANGE.model_copy(update={"reason": "missing_columns", "impact": Impact.BREAKING})
    (first, rejected), (second, change) = events_of(report(findings=(missing,), **REFUSAL))
    assert (first, rejected["reason"], rejected["detail"]) == ("batch.rejected", "missing_columns", "no 'x'")
    assert (second, change["breaking"]) == ("schema.changed", True)
    assert [told["reason"] for told in change["changes"]] == ["missing_columns"]


def test_an_event_stays_small_however_many_columns_changed() -> None:
    long = CHANGE.model_copy(update={"column": "x" * 100_000})
    [_, (_, change)] = events_of(report(findings=(long,) * 1_000))
    assert len(change["changes"]) == MAXIMUM_CHANGES_TOLD
    assert len(json.dumps(change)) < 256_000


@pytest.mark.parametrize("detail", ["x" * 2_000_000, "short", None])
def test_an_event_stays_small_however_much_is_wrong_with_the_file(detail: str | None) -> None:
    [(_, told)] = events_of(report(**{**REFUSAL, "detail": detail}))
    assert told["detail"] == (detail and detail[:MAXIMUM_CHARACTERS_TOLD])
