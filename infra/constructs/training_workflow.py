"""A training run as a state machine: begin, prepare, try and select, fit, evaluate, register, introduce, finish."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk.aws_iam import Policy, PolicyStatement
from aws_cdk.aws_logs import LogGroup
from aws_cdk.aws_stepfunctions import (
    Choice,
    Condition,
    DefinitionBody,
    Fail,
    IChainable,
    JitterType,
    JsonPath,
    LogLevel,
    LogOptions,
    Map,
    Pass,
    StateMachine,
    StateMachineType,
    Succeed,
    TaskInput,
    Timeout,
)
from aws_cdk.aws_stepfunctions_tasks import LambdaInvoke
from constructs import Construct

from infra.config import Config
from infra.constructs.findings import accept, accept_wildcard
from infra.constructs.python_function import LOG_RETENTION, PythonFunction

TRANSIENT_ERRORS = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "PreconditionFailedError",  # Everloop's own: somebody else wrote first, so read again
    "StorageError",  # Everloop's own: S3 or EventBridge did not answer
]
TASK_OVERHEAD_S = 30
"""On top of a function's own timeout: a task's time counts cold starts and the invocation itself."""

MAX_TRIALS_AT_ONCE = 4
RUN_TIMEOUT = Duration.hours(24)
"""200 trials, the most a definition may ask for, take 12.5 hours at 4 at once and 15 minutes each, their best thirds
again 6 at most; and retries."""

RUN = {"model": JsonPath.string_at("$.model"), "run_id": JsonPath.string_at("$.run_id")}


class TrainingWorkflow(Construct):
    """Input `{model, run_id, as_of, reason, requested_by, reproduction, imported}`; states hand on numbers only."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        begin_run: PythonFunction,
        prepare_dataset: PythonFunction,
        run_trial: PythonFunction,
        select_trials: PythonFunction,
        fit_candidate: PythonFunction,
        import_candidate: PythonFunction,
        evaluate_candidate: PythonFunction,
        register_version: PythonFunction,
        set_alias: PythonFunction,
        finish_run: PythonFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        failed = Fail(self, "Failed", error_path="$.error.Error", cause_path="$.error.Cause")
        self._finish_run = finish_run
        self._failed = failed
        self._on_failure = self._finish("failed", error_path="$.report_error").next(failed)

        begin = self._step("BeginRun", begin_run, {**RUN, "execution": JsonPath.execution_id}, JsonPath.DISCARD)
        prepare = self._step("PrepareDataset", prepare_dataset, None, "$.dataset")
        trials = Map(
            self,
            "Trials",
            items_path="$.dataset.search.trials",
            max_concurrency=MAX_TRIALS_AT_ONCE,
            item_selector={**RUN, "trial": JsonPath.object_at("$$.Map.Item.Value")},
            result_path="$.trials",
        )
        trials.item_processor(self._trial(run_trial))
        trials.add_catch(self._on_failure, errors=["States.ALL"], result_path="$.error")
        select = self._step(
            "SelectTrials",
            select_trials,
            {**RUN, "search": JsonPath.object_at("$.dataset.search"), "trials": JsonPath.list_at("$.trials")},
            "$.dataset.search",
        )
        fit = self._step("FitCandidate", fit_candidate, {**RUN, "trials": JsonPath.list_at("$.trials")}, "$.candidate")
        adopt = self._step("ImportCandidate", import_candidate, RUN, "$.candidate")
        evaluate = self._step("EvaluateCandidate", evaluate_candidate, RUN, "$.evaluation")
        register = self._step("RegisterVersion", register_version, RUN, "$.registration")
        promote = self._step(
            "SetAlias",
            set_alias,
            {
                **RUN,
                "version": JsonPath.number_at("$.registration.version"),
                "mode": JsonPath.string_at("$.evaluation.promotion"),
                "against": JsonPath.object_at("$.evaluation.against"),
                "reason": JsonPath.string_at("$.reason"),
            },
            "$.promotion",
        )
        done = Succeed(self, "Done")

        registered = self._finish("registered").next(done)
        promotion = (
            Choice(self, "ByHand?")
            .when(Condition.string_equals("$.evaluation.promotion", "manual"), registered)
            .otherwise(promote)
        )
        promote.next(
            Choice(self, "PromotedOrOnTrial?")
            .when(Condition.boolean_equals("$.promotion.promoted", True), self._finish("promoted").next(done))
            .when(Condition.boolean_equals("$.promotion.challenging", True), self._finish("challenging").next(done))
            .otherwise(registered)
        )
        gates = (
            Choice(self, "GatesPassed?")
            .when(Condition.boolean_equals("$.evaluation.passed", True), register.next(promotion))
            .otherwise(self._finish("refused").next(done))
        )
        fit.next(
            Choice(self, "Reproduction?")
            .when(_is_given("$.reproduction"), self._finish("compared").next(done))
            .otherwise(evaluate.next(gates))
        )
        adopt.next(evaluate)
        begin.next(prepare)
        prepare.next(Choice(self, "Import?").when(_is_given("$.imported"), adopt).otherwise(trials))
        trials.next(
            Choice(self, "LastRung?")
            .when(Condition.boolean_equals("$.dataset.search.is_last", True), fit)
            .otherwise(select.next(trials))
        )
        self.state_machine = StateMachine(
            self,
            "Workflow",
            comment="One training run",
            state_machine_type=StateMachineType.STANDARD,
            definition_body=DefinitionBody.from_chainable(begin),
            timeout=RUN_TIMEOUT,
            tracing_enabled=config.tracing,
            # Without execution data: an error's text may quote a cell, and the history keeps it anyway.
            logs=LogOptions(
                destination=LogGroup(self, "Logs", retention=LOG_RETENTION, removal_policy=config.removal_policy),
                level=LogLevel.ALL,
            ),
            removal_policy=config.removal_policy,
        )
        if not config.tracing:
            accept(self.state_machine, "SF2", reason="The deployment chose to do without traces.")
        accept(
            self.state_machine,
            "IAM5[Resource::*]",
            reason="Neither X-Ray nor the log delivery API (CreateLogDelivery and its kin) knows resources.",
        )
        for function in (
            begin_run,
            prepare_dataset,
            run_trial,
            select_trials,
            fit_candidate,
            import_candidate,
            evaluate_candidate,
            register_version,
            set_alias,
            finish_run,
        ):
            accept_wildcard(
                self.state_machine,
                f"{function.function_arn}:*",
                reason="The versions and aliases of the one function this step invokes.",
            )

    def let_watch(self, function: PythonFunction) -> None:
        """Allow a function to ask whether a run goes on.

        NOTE: a policy of its own, since the workflow needs its functions before they can name it.
        """
        executions = Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.state_machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        assert function.role
        policy = Policy(
            self,
            "Watchers",
            roles=[function.role],
            statements=[PolicyStatement(actions=["states:DescribeExecution"], resources=[executions])],
        )
        accept_wildcard(
            policy, executions, reason="The executions of this one workflow, whose names Step Functions makes."
        )

    def _trial(self, run_trial: PythonFunction) -> IChainable:
        """A trial that fails is a result like any other: the trial as it was planned, and its error."""
        lost = Pass(self, "TrialFailed", input_path="$.error.Error", result_path="$.trial.error", output_path="$.trial")
        attempt = self._task("RunTrial", run_trial, None)
        attempt.add_catch(lost, errors=["States.ALL"], result_path="$.error")
        return attempt

    def _step(
        self, construct_id: str, function: PythonFunction, request: Mapping[str, Any] | None, result_path: str
    ) -> LambdaInvoke:
        """One step of the run; whatever it raises after its retries, the run still finishes with a report."""
        task = self._task(construct_id, function, request, result_path)
        task.add_catch(self._on_failure, errors=["States.ALL"], result_path="$.error")
        return task

    def _finish(self, status: str, error_path: str = "$.error") -> LambdaInvoke:
        """Report how the run ended; the report sees the whole state, and leaves it as it is.

        A run that failed keeps its first error, even when its report fails, too.
        """
        started_at = JsonPath.string_at("$$.Execution.StartTime")
        request = {**RUN, "status": status, "started_at": started_at, "state": JsonPath.entire_payload}
        task = self._task(f"Finish{status.title()}", self._finish_run, request, JsonPath.DISCARD)
        task.add_catch(self._failed, errors=["States.ALL"], result_path=error_path)
        return task

    def _task(
        self,
        construct_id: str,
        function: PythonFunction,
        request: Mapping[str, Any] | None,
        result_path: str | None = None,
    ) -> LambdaInvoke:
        task = LambdaInvoke(
            self,
            construct_id,
            lambda_function=function,
            payload=None if request is None else TaskInput.from_object(dict(request)),
            payload_response_only=True,
            result_path=result_path,
            retry_on_service_exceptions=False,  # our own list below is wider
            task_timeout=Timeout.duration(Duration.seconds(function.timeout_s + TASK_OVERHEAD_S)),
        )
        task.add_retry(
            errors=TRANSIENT_ERRORS,
            interval=Duration.seconds(2),
            backoff_rate=2,
            max_attempts=4,
            max_delay=Duration.minutes(1),
            jitter_strategy=JitterType.FULL,
        )
        return task


def _is_given(path: str) -> Condition:
    return Condition.and_(Condition.is_present(path), Condition.is_not_null(path))
