"""What the command line asks of a deployed loop: which routes, and what it sends to the schedule's function."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.api import Answer, Api
from local.errors import ApiError, StillWaitingError
from local.loop import SCHEDULED_TIME, Loop
from local.target import Target

MODEL = "flight-delay"
UNKNOWN = '{"detail": "no model is called \'flight-delay\'"}'


class FakeScheduler:
    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self) -> list[Any]:
        return [{"Schedules": [{"Name": "FlightDelay"}]}]

    def get_schedule(self, **names: str) -> dict[str, Any]:
        request = {"model": MODEL, "scheduled_time": SCHEDULED_TIME}
        return {"Target": {"Arn": "check-model", "Input": json.dumps(request)}}


@dataclass
class FakeFunction:
    requests: list[Any] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:
        self.requests.append((FunctionName, json.loads(Payload)))
        return {"Payload": io.BytesIO(b"{}")}


class FakeTarget(Target):
    def __init__(self) -> None:
        super().__init__(None)
        self.__dict__["clients"] = {"scheduler": FakeScheduler(), "lambda": FakeFunction()}

    def client(self, service: str) -> Any:
        return self.__dict__["clients"][service]


class FakeApi(Api):
    """Gives one answer to everything, and remembers what was asked for."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str]] = []

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        self.calls.append((method, path))
        return self.answer


def loop_answering(status: int, text: str) -> tuple[Loop, FakeApi]:
    loop, api = Loop(FakeTarget()), FakeApi(Answer(status, text))
    loop.api = api
    return loop, api


@pytest.mark.parametrize("listing", ["batches", "datasets"])
def test_an_unknown_model_has_no_empty_list(listing: str) -> None:
    loop, _ = loop_answering(404, UNKNOWN)
    with pytest.raises(ApiError, match="no model is called"):
        getattr(loop, listing)(MODEL)


def test_a_definition_that_waits_for_its_deployment_is_pointed_at() -> None:
    loop, _ = loop_answering(404, UNKNOWN)
    with pytest.raises(ApiError, match=r"no model is .*; models/flight-delay.toml is there: `make deploy` deploys it"):
        loop.train(MODEL)
    with pytest.raises(ApiError, match=r"no model is called 'flight-delay' \(HTTP 404\)$"):
        loop.train("flight-decay")


def test_a_run_id_is_one_piece_of_the_path() -> None:
    loop, api = loop_answering(200, "{}")
    loop.ended_run(MODEL, "../a b?")
    assert api.calls == [("GET", "/models/flight-delay/runs/..%2Fa%20b%3F")]


def test_a_run_that_has_not_ended_is_a_readable_error() -> None:
    loop, _ = loop_answering(404, '{"detail": "run \'r1\' has not ended, or never began"}')
    with pytest.raises(ApiError, match=r"has not ended, or never began \(HTTP 404\)"):
        loop.ended_run(MODEL, "r1")


def test_whoever_waited_too_long_learns_how_to_look_again() -> None:
    loop, _ = loop_answering(404, "{}")
    with pytest.raises(StillWaitingError, match="see `everloop runs flight-delay r1`"):
        loop.wait_for_run(MODEL, "r1", timeout_s=0)


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00Z", '", "model": "other'])
def test_a_check_sends_the_input_of_the_schedule_with_its_moment(moment: str) -> None:
    loop, _ = loop_answering(200, "{}")
    loop.check(MODEL, moment)
    assert loop.target.client("lambda").requests == [("check-model", {"model": MODEL, "scheduled_time": moment})]
