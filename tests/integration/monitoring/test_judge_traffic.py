"""judge_traffic on what the log's writer left in the lake: experiments go on, are won, are stepped, and are ended."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.experiments import ExperimentReport
from everloop.contracts.predictions import OutcomeRecord, OutcomesMessage, PredictionsMessage
from everloop.contracts.traffic import Guardrails, Traffic
from everloop.ids import new_id
from everloop.registry.operations import Operations
from everloop.registry.promotion import promote, start_traffic, stop_traffic
from functions.monitoring import judge_traffic, log_predictions
from tests.plant import LAKE, MODEL, Plant
from tests.samples import MODELS, NOW, constant_model, event, register

HOUR = timedelta(hours=1)
SCHEDULED = event("monitoring/judge_traffic.json")
JUDGED_AT = datetime.fromisoformat(SCHEDULED["scheduled_time"])
ENDS_AT = NOW + timedelta(days=14)
NEVER = NOW + timedelta(days=36_500)
"""Steps are taken by the clock of today."""
SURE, UNSURE = 0.95, 0.6
"""Scores of rows that do happen: the first is the better one."""


@pytest.fixture
def serving(plant: Plant) -> Plant:
    """A champion, and version 2 that answers 0.6 for every row."""
    register(plant.registry, MODEL, "run-1")
    register(plant.registry, MODEL, "run-2", constant_model(UNSURE))
    plant.registry.change_aliases(MODEL, lambda aliases: promote(aliases, 1, at=NOW - HOUR, reason="", by="run"))
    return plant


def start(plant: Plant, mode: str = "ab", **changes: Any) -> Traffic:
    fields = {
        "mode": mode,
        "challenger": 2,
        "share": 0.5,
        "salt": "salt-1",
        "started_at": NOW,
        "ends_at": ENDS_AT,
        "step_since": NOW,
    }
    traffic = Traffic.model_validate(fields | changes)
    plant.registry.change_aliases(MODEL, lambda old: start_traffic(old, traffic, at=NOW, reason="a test", by="pytest"))
    plant.events()
    return traffic


def sqs(*bodies: str) -> dict[str, Any]:
    (record, *_) = event("monitoring/log_predictions.json")["Records"]
    return {"Records": [{**record, "messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


def write(*messages: PredictionsMessage | OutcomesMessage) -> None:
    answer = log_predictions.lambda_handler(sqs(*(message.model_dump_json() for message in messages)), None)
    assert answer == {"batchItemFailures": []}


def answers(
    variant: str,
    rows: int,
    *,
    score: float = SURE,
    answered_by: Sequence[str] = ("model",),
    at: datetime = NOW + HOUR,
    latency_ms: float = 0.1,
    shadow: bool = False,
    pumps: int | None = None,
    event_time: datetime | None = None,
    pressure: float | None = 81.5,
) -> PredictionsMessage:
    """Of as many pumps as rows unless told otherwise; who answered goes round."""
    number = len(variant) * 1_000_000
    versions = {"champion": 1, "challenger": 2, "pinned": 2}
    names = [f"{variant}-{row % (pumps or rows)}" for row in range(rows)]
    nulls = dict.fromkeys(("kind", "outdoors"), (None,) * rows)
    return PredictionsMessage(
        model=MODEL,
        predicted_at=at.isoformat(),
        prediction_id=tuple(new_id(at, randomness=number + row) for row in range(rows)),
        event_time=((event_time or at).isoformat(),) * rows,
        version=(versions[variant],) * rows,
        variant=(variant,) * rows,
        answered_by=tuple(answered_by[row % len(answered_by)] for row in range(rows)),
        score=(score,) * rows,
        label=("True",) * rows,
        inputs={
            "measured_at": (at.timestamp(),) * rows,
            "pump": tuple(names),
            "pressure": (pressure,) * rows,
            "starts": (3,) * rows,
            **nulls,
        },
        latency_ms=(latency_ms,) * rows,
        shadow=(2,) * rows if shadow else (),
    )


def happened(message: PredictionsMessage, share: float = 1, *, at: datetime = NOW + 2 * HOUR) -> OutcomesMessage:
    """Of all rows; the first ones of each hundred happened."""
    actual = [float(row % 100 < 100 * share) for row in range(len(message))]
    records = [
        OutcomeRecord(prediction_id=each, actual=value, observed_at=at.isoformat())
        for each, value in zip(message.prediction_id, actual, strict=True)
    ]
    return OutcomesMessage(model=MODEL, records=tuple(records))


def judge(plant: Plant, at: datetime = JUDGED_AT) -> ExperimentReport:
    """The report that the schedule's call left in the lake, which is what the event told."""
    verdicts = judge_traffic.lambda_handler({"scheduled_time": at.isoformat()}, None)
    (key,) = (key for key in plant.lake.list_keys(f"experiments/{MODEL}/") if f"{at:%Y-%m-%dT%H-%M-%S}" in key)
    report = ExperimentReport.model_validate_json(plant.lake.get(key).body)
    assert verdicts == {MODEL: report.verdict}
    return report


def traffic(plant: Plant) -> Traffic | None:
    return plant.registry.aliases(MODEL).traffic


def champion(plant: Plant) -> int | None:
    return plant.registry.aliases(MODEL).champion


# No experiment


def test_without_an_experiment_there_is_nothing_to_judge(serving: Plant) -> None:
    assert judge_traffic.lambda_handler(SCHEDULED, None) == {}
    assert list(serving.lake.list_keys("experiments/")) == []
    assert serving.events() == []


def test_before_anything_was_logged_it_goes_on(serving: Plant) -> None:
    begun = start(serving)
    report = judge(serving)
    assert (report.verdict, report.difference) == ("continue", None)
    assert [(each.rows, each.units, each.loss) for each in report.variants] == [(0, 0, None)] * 2
    assert traffic(serving) == begun


# A/B


def test_a_better_challenger_is_promoted(serving: Plant) -> None:
    start(serving)
    worse, better = answers("champion", 200, score=UNSURE), answers("challenger", 200)
    write(worse, better, happened(worse, 0.9), happened(better, 0.9))
    report = judge(serving)
    assert report.verdict == "promote"
    assert report.difference is not None
    assert report.difference.high < 0
    assert report.reasons[0].startswith("the challenger is better")
    assert [(each.variant, each.version, each.rows, each.units, each.outcomes) for each in report.variants] == [
        ("champion", 1, 200, 200, 200),
        ("challenger", 2, 200, 200, 200),
    ]
    loss = [0.9 * (1 - score) ** 2 + 0.1 * score**2 for score in (UNSURE, SURE)]
    assert [each.loss for each in report.variants] == pytest.approx(loss)
    assert (champion(serving), traffic(serving)) == (2, None)
    told = {each["type"]: each["data"] for each in serving.events()}
    assert told["experiment.judged"] == report.model_dump(mode="json")
    assert told["model.alias_changed"]["by"] == "experiment salt-1"


def test_a_worse_challenger_is_ended_before_its_time(serving: Plant) -> None:
    start(serving)
    better, worse = answers("champion", 200), answers("challenger", 200, score=UNSURE)
    write(better, worse, happened(better, 0.9), happened(worse, 0.9))
    report = judge(serving)
    assert (report.verdict, report.went_wrong) == ("abort", False)
    assert report.reasons[0].startswith("the challenger is worse")
    assert (champion(serving), traffic(serving)) == (1, None)


def test_variants_that_are_alike_stay_undecided_until_the_end_and_the_champion_stays(serving: Plant) -> None:
    begun = start(serving)
    one, other = answers("champion", 200), answers("challenger", 200)
    write(one, other, happened(one, 0.9), happened(other, 0.9))
    assert judge(serving).verdict == "continue"
    assert traffic(serving) == begun
    report = judge(serving, at=ENDS_AT)
    assert report.verdict == "abort"
    assert report.reasons[0].startswith("undecided at its end")
    assert (champion(serving), traffic(serving)) == (1, None)


def test_outcomes_count_when_they_come_and_the_newest_of_several_does(serving: Plant) -> None:
    start(serving)
    worse, better = answers("champion", 200, score=UNSURE), answers("challenger", 200)
    write(worse, better)
    report = judge(serving)
    assert (report.verdict, [each.outcomes for each in report.variants]) == ("continue", [0, 0])
    assert "too few outcomes" in report.reasons[0]
    late = NOW + timedelta(days=3)
    write(happened(worse, 0), happened(worse, 0.9, at=late), happened(better, 0.9, at=late), happened(better, 0))
    assert judge(serving, at=late + HOUR).verdict == "promote"


def test_rows_of_old_times_count_by_when_they_were_answered(serving: Plant) -> None:
    """Years that are lived through again: rows and outcomes are of then, answers of today."""
    start(serving)
    then = datetime.fromisoformat("2013-03-01T10:00:00Z")
    worse = answers("champion", 200, score=UNSURE, event_time=then)
    better = answers("challenger", 200, event_time=then)
    write(worse, better, happened(worse, 0.9, at=then + HOUR), happened(better, 0.9, at=then + HOUR))
    assert judge(serving).verdict == "promote"


def test_what_was_answered_before_pinned_or_by_a_rule_is_left_out(serving: Plant) -> None:
    start(serving)
    write(
        answers("champion", 50, at=NOW - timedelta(seconds=1)),
        answers("champion", 50, at=NOW + timedelta(seconds=1)),  # not every worker knew by then
        answers("pinned", 50),
        answers("champion", 60, answered_by=["rule:worn-out", "model"]),
    )
    assert [each.rows for each in judge(serving).variants] == [30, 0]


def test_a_fallback_for_the_challenger_counts_for_the_challenger(serving: Plant) -> None:
    start(serving, guardrails=Guardrails(maximum_fallback_share=1))
    one = answers("champion", 100)
    other = answers("challenger", 100, answered_by=["fallback:champion", "model"])
    write(one, other, happened(one), happened(other))
    found = judge(serving).variants[1]
    assert found.answered_by == {"fallback:champion": 0.5, "model": 0.5}
    assert (found.outcomes, found.fallback_share) == (100, 0.5)


def test_rows_of_one_pump_are_one_unit(serving: Plant) -> None:
    start(serving)
    worse, better = answers("champion", 400, score=UNSURE, pumps=2), answers("challenger", 400, pumps=2)
    write(worse, better, happened(worse, 0.9), happened(better, 0.9))
    report = judge(serving)
    assert [each.units for each in report.variants] == [2, 2]
    assert report.verdict == "continue"


def test_units_that_the_log_does_not_hold_are_said_to_be_unknown(
    serving: Plant, deploy_models: Callable[..., None], tmp_path: Path
) -> None:
    toml = (MODELS / "pump-failure.toml").read_text("utf-8")
    (changed := tmp_path / "pump-failure.toml").write_text(
        toml.replace('pump = "text"', 'pump = { type = "text", pii = "drop" }'), "utf-8"
    )
    deploy_models(changed)
    start(serving)
    messages = [
        message.model_copy(update={"inputs": {n: v for n, v in message.inputs.items() if n != "pump"}})
        for message in (answers("champion", 200, score=UNSURE), answers("challenger", 40))
    ]
    write(*messages, *map(happened, messages))
    report = judge(serving)
    assert (report.verdict, report.difference, report.sample_ratio) == ("continue", None, None)
    assert "'pump'" in report.reasons[-1]


# What ends it early


def aborted(capsys: pytest.CaptureFixture[str]) -> bool:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return any("ExperimentAborted" in line for line in lines)


def test_units_that_get_lost_end_it(serving: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    start(serving)
    write(answers("champion", 400), answers("challenger", 200))
    report = judge(serving)
    assert (report.verdict, report.went_wrong) == ("abort", True)
    assert report.sample_ratio is not None
    assert report.sample_ratio.mismatch
    assert report.reasons[0].startswith("the challenger has 200 of 600 units")
    assert (champion(serving), traffic(serving)) == (1, None)
    assert aborted(capsys)


@pytest.mark.parametrize("mode", ["ab", "canary"])
def test_a_challenger_that_fails_is_ended(serving: Plant, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    start(serving, mode)
    write(answers("champion", 100), answers("challenger", 100, answered_by=["fallback:champion", *["model"] * 19]))
    report = judge(serving)
    assert report.verdict == "abort"
    assert report.reasons == ("fallback share beyond the champion's is 0.05, above 0.02",)
    assert aborted(capsys)
    assert (champion(serving), traffic(serving)) == (1, None)


@pytest.mark.parametrize("score", [1e154, 1e300])
def test_a_challenger_whose_errors_are_more_than_can_be_added_up_is_ended(serving: Plant, score: float) -> None:
    start(serving)
    one, other = answers("champion", 100), answers("challenger", 100, score=score)
    write(one, other, happened(one, 0.9), happened(other, 0.9))
    report = judge(serving)
    assert (report.verdict, report.variants[1].outcomes) == ("abort", 100)
    assert report.reasons[0].startswith("the challenger is worse")


@pytest.mark.parametrize(("latency_ms", "verdict"), [(30, "abort"), (9, "continue"), (19, "continue")])
def test_a_challenger_that_is_slow_is_ended(serving: Plant, latency_ms: float, verdict: str) -> None:
    """Three times as slow; three times as slow, and still fast; less than twice as slow."""
    start(serving)
    write(answers("champion", 100, latency_ms=3 if latency_ms == 9 else 10))
    write(answers("challenger", 100, latency_ms=latency_ms))
    assert judge(serving).verdict == verdict


def test_a_challenger_that_fails_for_the_same_rows_as_the_champion_is_not_ended_by_chance(serving: Plant) -> None:
    start(serving, guardrails=Guardrails(maximum_fallback_share=0.02))
    write(answers("champion", 100, answered_by=["fallback:previous", *["model"] * 19]))
    write(answers("challenger", 100, answered_by=["fallback:champion", *["model"] * 10]))
    report = judge(serving)
    assert [each.fallback_share for each in report.variants] == pytest.approx([0.05, 0.1])
    assert (report.verdict, report.guardrails[0].broken) == ("continue", False)


def test_few_rows_break_no_guardrail(serving: Plant) -> None:
    start(serving)
    write(answers("champion", 50), answers("challenger", 50, answered_by=["fallback:champion"]))
    report = judge(serving)
    assert report.verdict == "continue"
    assert [each.value for each in report.guardrails] == [None, None]


# Canary


def test_a_canary_takes_its_steps_and_is_promoted(serving: Plant) -> None:
    start(serving, "canary", share=0.5, steps=(0.75,), step_for="1 hour", ends_at=NEVER)
    assert judge(serving, at=NOW + timedelta(minutes=59)).reasons[0].startswith("a share of 0.5 is kept until")
    assert "0 row(s) of the 100" in judge(serving, at=NOW + HOUR).reasons[0]
    write(answers("champion", 110), answers("challenger", 100))
    report = judge(serving, at=NOW + 2 * HOUR)
    assert report.verdict == "step"
    stepped = traffic(serving)
    assert stepped is not None
    assert (stepped.share, stepped.steps) == (0.75, ())

    later = stepped.step_since + HOUR
    assert "0 row(s) of the 100" in judge(serving, at=later).reasons[0]
    one = answers("champion", 100, at=stepped.step_since + HOUR / 2)
    other = answers("challenger", 300, at=stepped.step_since + HOUR / 2)
    write(one, other, happened(one, at=later), happened(other, at=later))
    report = judge(serving, at=later + HOUR)
    assert [each.rows for each in report.variants] == [210, 400]
    assert report.sample_ratio is not None
    assert (report.sample_ratio.champion, report.sample_ratio.challenger) == (100, 300)
    assert report.verdict == "promote"
    assert (champion(serving), traffic(serving)) == (2, None)


def test_a_share_that_grew_while_the_world_changed_is_no_difference(serving: Plant) -> None:
    """On the second day all pumps fail more often than was thought, and most rows are the challenger's by then."""
    start(serving, "canary", share=0.1, steps=(0.9,), step_for="1 minute", ends_at=NEVER)
    day = [answers("champion", 900), answers("challenger", 100)]
    write(*day, *(happened(each, 0.9) for each in day))
    assert judge(serving, at=NOW + 3 * HOUR).verdict == "step"
    stepped = traffic(serving)
    assert stepped is not None
    at = stepped.step_since + HOUR
    day = [answers("champion", 100, at=at), answers("challenger", 900, at=at)]
    write(*day, *(happened(each, 0.5, at=at + HOUR) for each in day))
    report = judge(serving, at=at + 2 * HOUR)
    champion_loss, challenger_loss = (each.loss for each in report.variants)
    assert champion_loss is not None
    assert challenger_loss is not None
    assert challenger_loss > 2 * champion_loss
    assert report.difference is not None
    assert report.difference.value == pytest.approx(0)
    assert report.verdict == "promote"


def test_a_canary_that_nobody_asked_ends_with_the_champion(serving: Plant) -> None:
    start(serving, "canary")
    report = judge(serving, at=ENDS_AT)
    assert (report.verdict, champion(serving), traffic(serving)) == ("abort", 1, None)
    assert "nobody knows how it does" in report.reasons[0]


# Shadow


def test_a_shadow_is_promoted_at_its_end(serving: Plant) -> None:
    start(serving, "shadow", share=1, ends_at=NOW + 2 * HOUR)
    seen = answers("champion", 200, shadow=True, score=0.7)
    write(seen, happened(seen, 0.6))
    report = judge(serving, at=NOW + HOUR)
    assert report.reasons[0].startswith("it is watched until")
    report = judge(serving)
    assert report.verdict == "promote"
    assert [(each.rows, each.outcomes) for each in report.variants] == [(200, 200), (200, 200)]
    assert [each.loss for each in report.variants] == pytest.approx([0.25, 0.24])
    assert report.sample_ratio is None
    assert (champion(serving), traffic(serving)) == (2, None)


def test_a_shadow_that_is_worse_never_answers(serving: Plant) -> None:
    start(serving, "shadow", share=1, ends_at=NOW + 2 * HOUR)
    seen = answers("champion", 200, shadow=True)
    write(seen, happened(seen))
    report = judge(serving, at=NOW + 3 * HOUR / 2)
    assert report.reasons[0].startswith("the challenger is worse")
    assert (champion(serving), traffic(serving)) == (1, None)


def test_outcomes_of_one_pump_alone_say_nothing_of_a_shadow(serving: Plant) -> None:
    """Of the other one outcomes are known as well, and no score to compare with them."""
    start(serving, "shadow", share=1, ends_at=NOW + 2 * HOUR)
    seen = answers("champion", 40, shadow=True, pumps=2)
    halved = seen.model_copy(update={"score": (None, SURE) * 20})
    write(halved, happened(halved, 0.6))
    report = judge(serving, at=NOW + HOUR)
    assert (report.verdict, report.difference) == ("continue", None)
    assert [each.outcomes for each in report.variants] == [20, 40]


def test_a_shadow_that_cannot_score_is_ended(serving: Plant) -> None:
    register(serving.registry, MODEL, "run-3", b"no model")
    start(serving, "shadow", share=1, challenger=3, ends_at=NOW + 2 * HOUR)
    broken = answers("champion", 120, shadow=True).model_copy(update={"shadow": (3,) * 120})
    write(broken, happened(broken))
    report = judge(serving)
    assert (report.verdict, report.went_wrong, report.difference) == ("abort", True, None)
    assert report.variants[1].fallback_share == 1
    assert report.variants[1].outcomes == 0


def test_a_shadow_of_few_rows_is_watched_for_longer_but_not_for_ever(serving: Plant) -> None:
    start(serving, "shadow", share=1, ends_at=NOW + 2 * HOUR)
    write(answers("champion", 40, shadow=True))
    report = judge(serving, at=NOW + 3 * HOUR)
    assert (report.verdict, "watched for longer" in report.reasons[0]) == ("continue", True)
    assert judge(serving, at=NOW + 4 * HOUR).verdict == "abort"
    assert champion(serving) == 1


def test_without_outcomes_a_shadow_is_judged_by_its_guardrails_and_says_so(serving: Plant) -> None:
    start(serving, "shadow", share=1, ends_at=NOW + 2 * HOUR)
    write(answers("champion", 200, shadow=True))
    report = judge(serving)
    assert report.verdict == "promote"
    assert "no outcomes tell how good it is" in report.reasons[0]


# Carried out, told, repeated


def test_who_only_tells_changes_nothing(serving: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    begun = start(serving, decides=False)
    write(answers("champion", 400), answers("challenger", 100))
    assert judge(serving).verdict == "abort"
    assert traffic(serving) == begun
    assert not aborted(capsys)


def test_a_schedule_that_fires_twice_judges_once(serving: Plant) -> None:
    start(serving, decides=False)
    first = judge(serving)
    serving.events()
    write(answers("champion", 400), answers("challenger", 100))
    assert judge(serving) == first
    assert serving.events() == []


def test_what_was_judged_and_not_carried_out_is_carried_out_the_next_time(serving: Plant) -> None:
    start(serving, decides=False)
    worse, better = answers("champion", 200, score=UNSURE), answers("challenger", 200)
    write(worse, better, happened(worse, 0.9), happened(better, 0.9))
    report = judge(serving)
    key = f"experiments/{MODEL}/salt-1/{JUDGED_AT:%Y-%m-%dT%H-%M-%SZ}.json"
    died = report.model_copy(update={"decides": True})
    boto3.client("s3").put_object(Bucket=LAKE, Key=key, Body=died.model_dump_json().encode())
    assert judge_traffic.lambda_handler(SCHEDULED, None) == {MODEL: "promote"}
    assert champion(serving) == 2


def test_a_late_verdict_does_not_touch_a_newer_experiment(serving: Plant) -> None:
    start(serving, salt="salt-2")
    control = Operations(serving.registry, EventBridgeBus("everloop", SystemClock()), SystemClock(), next_id=str)
    for late in (control.promote_challenger, control.step, control.stop):
        late(MODEL, "salt-1", "too late")
    found = traffic(serving)
    assert found is not None
    assert (found.salt, champion(serving)) == ("salt-2", 1)


def test_the_others_are_judged_when_one_cannot_be(
    serving: Plant, deploy_models: Callable[..., None], tmp_path: Path
) -> None:
    toml = (MODELS / "pump-failure.toml").read_text("utf-8")
    (other := tmp_path / "another-model.toml").write_text(toml.replace(MODEL, "another-model"), "utf-8")
    deploy_models(other)
    boto3.client("s3").put_object(Bucket="everloop-models", Key="another-model/aliases.json", Body=b"damaged")
    start(serving)
    with pytest.raises(ExceptionGroup) as raised:
        judge_traffic.lambda_handler(SCHEDULED, None)
    assert "another-model" in str(raised.value.exceptions[0])
    assert len(list(serving.lake.list_keys(f"experiments/{MODEL}/"))) == 1


def test_every_model_is_the_first_to_be_judged_now_and_then() -> None:
    looks = [JUDGED_AT + timedelta(seconds=number * judge_traffic.A_TURN_S) for number in range(3)]
    orders = [judge_traffic.in_turn(["a", "b", "c"], at) for at in looks]
    assert sorted(orders) == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
    assert judge_traffic.in_turn([], JUDGED_AT) == []


# Asked by an operator


def asked() -> dict[str, Any]:
    answer = judge_traffic.lambda_handler(event("monitoring/read_traffic.json"), None)
    assert answer["statusCode"] == 200
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def test_an_operator_is_told_the_traffic_and_how_it_does_and_nothing_happens(serving: Plant) -> None:
    assert asked() == {"model": MODEL, "champion": 1, "traffic": None, "report": None, "ended": None}
    begun = start(serving)
    write(answers("champion", 400), answers("challenger", 100))
    found = asked()
    assert Traffic.model_validate(found["traffic"]) == begun
    assert ExperimentReport.model_validate(found["report"]).verdict == "abort"
    assert traffic(serving) == begun
    assert list(serving.lake.list_keys("experiments/")) == []
    assert serving.events() == []


def test_after_its_end_the_last_report_is_told(serving: Plant) -> None:
    start(serving)
    judge(serving)
    last = judge(serving, at=ENDS_AT)
    found = asked()
    assert found["traffic"] is None
    assert ExperimentReport.model_validate(found["report"]) == last
    assert (found["ended"]["action"], found["ended"]["champion"]) == ("traffic", 1)


def test_what_was_known_when_a_person_ended_it_is_told(serving: Plant) -> None:
    start(serving)
    write(answers("champion", 400), answers("challenger", 100))
    stopped = {"at": JUDGED_AT, "reason": "enough", "by": "ann"}
    serving.registry.change_aliases(MODEL, lambda aliases: stop_traffic(aliases, **stopped))
    found = asked()
    assert (found["ended"]["action"], found["ended"]["by"], found["ended"]["reason"]) == ("traffic", "ann", "enough")
    assert {each["variant"]: each["rows"] for each in found["report"]["variants"]} == {
        "champion": 400,
        "challenger": 100,
    }


def test_an_unknown_model_is_a_problem_document(serving: Plant) -> None:
    unknown = event("monitoring/read_traffic.json") | {"pathParameters": {"model": "unknown"}}
    assert judge_traffic.lambda_handler(unknown, None)["statusCode"] == 404


def test_a_look_a_day_promotes_no_twin(serving: Plant) -> None:
    """Two variants that are alike by chance, judged after each of four days."""
    start(serving)
    random = np.random.default_rng(3)
    for day in range(4):
        at = NOW + timedelta(days=day, hours=1)
        for variant in ("champion", "challenger"):
            seen = answers(variant, 100, at=at)
            chance = seen.model_copy(update={"score": tuple(random.choice([SURE, UNSURE], 100).tolist())})
            write(chance, happened(chance, 0.8, at=at + HOUR))
        assert judge(serving, at=at + 2 * HOUR).verdict == "continue"
