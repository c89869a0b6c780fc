"""Contracts that are stored must be readable again."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from everloop.contracts.base import Contract
from everloop.contracts.monitoring import Performance
from everloop.contracts.registry import RunReport
from tests.samples import NOW


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_carry_is_refused_before_it_is_stored(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        RunReport(model="m", run_id="r", status="refused", metrics={"roc_auc": value}, finished_at=NOW)
    numbers = dict.fromkeys(("value", "low", "high", "reference", "reference_low", "reference_high"), 1.0)
    with pytest.raises(ValidationError, match="finite"):
        Performance(metric="r2", rows=9, **{**numbers, "low": value})


def test_an_unknown_key_names_the_nearest() -> None:
    class Door(Contract):
        colour: str

    with pytest.raises(ValidationError, match="unknown key 'color'; did you mean 'colour'"):
        Door.model_validate({"color": "red"})


def test_a_contract_cannot_be_changed() -> None:
    report = RunReport(model="m", run_id="r", status="failed", finished_at=NOW)
    with pytest.raises(ValidationError, match="frozen"):
        report.finished_at = NOW + timedelta(1)
    assert RunReport.model_validate(json.loads(report.model_dump_json())) == report
