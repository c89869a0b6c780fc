"""Executions: whether one goes on, in memory as on Step Functions."""

import json

import boto3
import pytest

from everloop.adapters.step_functions import StepFunctionsExecutions
from everloop.errors import StorageError
from everloop.ports import Executions
from tests.fakes import InMemoryExecutions

MACHINE = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/training"


class FakeWorld:
    def __init__(self) -> None:
        self._fake = InMemoryExecutions()
        self.executions: Executions = self._fake

    def start(self) -> str:
        self._fake.running.add("execution-1")
        return "execution-1"

    def stop(self, execution: str) -> None:
        self._fake.running.remove(execution)


class AwsWorld:
    def __init__(self) -> None:
        self.executions: Executions = StepFunctionsExecutions()
        self._client = boto3.client("stepfunctions")
        made = self._client.create_state_machine(name="training", definition=json.dumps(MACHINE), roleArn=ROLE)
        self._machine = made["stateMachineArn"]

    def start(self) -> str:
        return self._client.start_execution(stateMachineArn=self._machine)["executionArn"]

    def stop(self, execution: str) -> None:
        self._client.stop_execution(executionArn=execution)


@pytest.fixture(params=["in-memory", "step-functions"])
def world(request: pytest.FixtureRequest, aws: None) -> FakeWorld | AwsWorld:
    return FakeWorld() if request.param == "in-memory" else AwsWorld()


def test_an_execution_runs_until_it_is_stopped(world: FakeWorld | AwsWorld) -> None:
    execution = world.start()
    assert world.executions.is_running(execution)
    world.stop(execution)
    assert not world.executions.is_running(execution)


def test_an_execution_that_nobody_knows_does_not_run(world: FakeWorld | AwsWorld) -> None:
    arn = "arn:aws:states:eu-central-1:123456789012:execution:training:00000000-0000-4000-8000-000000000000"
    assert not world.executions.is_running(arn)


def test_an_answer_that_does_not_come_is_an_error_of_ours(aws: None) -> None:
    with pytest.raises(StorageError, match=r"execution no-arn: .*InvalidArn"):
        StepFunctionsExecutions().is_running("no-arn")
