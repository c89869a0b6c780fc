"""Each internal of MiniStack that the adapter replaces or calls is still there, and still of the same shape."""

import inspect
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from types import CodeType
from typing import Any

import ministack.app
import pytest
from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import ProvidedInitTimeout, ProvidedRuntimeError, ProvidedWorker
from ministack.core.persistence import save_all
from ministack.services import apigateway_v1, cloudwatch, eventbridge, lambda_svc, s3, scheduler, sqs
from ministack.services.cloudformation import provisioners

from local.cloud.runtime import RuntimeApi

SIGNATURES: dict[Any, tuple[str, ...]] = {
    lambda_runtime._worker_class_for: ("config",),
    lambda_runtime.reset: (),
    save_all: ("services",),
    ministack.app._build_persistence_save_dict: (),
    apigateway_v1.run_reentrant: ("fn", "args", "thread_name"),
    lambda_svc._execute_function_warm: ("func", "event", "request_id"),
    lambda_svc._execute_function_provided_warm: ("func", "event", "request_id"),
    lambda_svc._execute_function_dispatch: ("func", "config", "event", "request_id", "started"),
    lambda_svc._emit_lambda_metrics: ("function_name", "duration_ms", "error", "throttle"),
    lambda_svc.lambda_execute_result_to_api_proxy_response: ("exec_result",),
    lambda_svc._resolve_layer_zip: ("attachment",),
    lambda_svc._docker_extracted_dir: ("blob", "kind"),
    eventbridge._invoke_target: ("target", "event", "rule", "view"),
    sqs.load_persisted_state: ("data",),
    sqs._receive_messages_for_esm: ("queue_url", "max_number"),
    sqs._get_q: ("url", "action"),
    sqs._expire_retained: ("q",),
    sqs._dlq_sweep: ("q",),
    sqs._collect_msgs: ("q", "max_n", "vis_timeout"),
    lambda_svc._iter_all_esms: (),
    s3._get_object: ("bucket_name", "key", "headers", "query_params"),
    s3._parse_range: ("range_header", "total"),
    cloudwatch.record_metric: ("namespace", "metric_name", "value", "unit", "dimensions"),
    ProvidedWorker.__init__: ("self", "func_name", "config", "code_zip"),
    ProvidedWorker._spawn: ("self", "init_timeout"),
    ProvidedWorker._await_init: ("self", "init_timeout"),
    ProvidedWorker._build_handler_class: ("self", "generation", "pending"),
    ProvidedWorker._pump_output: ("self", "stream", "log_queue"),
    ProvidedWorker._drain_stderr: ("self",),
    ProvidedWorker._drain_stderr_bounded: ("self", "first_line_wait", "idle_confirm", "hard_cap"),
    ProvidedWorker.invoke: ("self", "event", "request_id", "trace_id", "invoked_function_arn"),
    ProvidedRuntimeError.__init__: ("self", "message", "error_type"),
}


def test_the_version_is_the_one_the_adapter_was_written_for() -> None:
    assert version("ministack") == "1.5.33", "read local/cloud/ministack.py and runtime.py again, then change this line"


@pytest.mark.parametrize("internal", SIGNATURES, ids=lambda internal: internal.__qualname__)
def test_a_replaced_internal_has_its_signature(internal: Any) -> None:
    assert tuple(inspect.signature(internal).parameters) == SIGNATURES[internal]


def test_the_dispatcher_looks_its_executors_up_when_called() -> None:
    """Replacing a module's function only helps as long as its callers find it by that name."""
    assert "_execute_function_warm" in lambda_svc._execute_function_dispatch.__code__.co_names
    assert "_execute_function_dispatch" in lambda_svc._execute_function.__code__.co_names
    assert "_worker_class_for" in lambda_runtime.acquire_worker.__code__.co_names
    assert "run_reentrant" in apigateway_v1._call_lambda_raw.__code__.co_names
    assert issubclass(ProvidedInitTimeout, RuntimeError)


def test_the_runtime_api_is_served_by_the_handler_whose_reading_is_replaced() -> None:
    handler = ProvidedWorker._build_handler_class(object.__new__(ProvidedWorker), 0, None)
    assert issubclass(handler, BaseHTTPRequestHandler)
    assert vars(RuntimeApi).keys() & vars(handler).keys() <= {"__module__", "__doc__"}


def test_a_schedule_s_target_is_invoked_by_the_event_bus() -> None:
    assert "_invoke_target" in scheduler._tick_schedules.__code__.co_names
    assert {"aws.scheduler", "Source", "Time"} <= _constants(scheduler._tick_schedules.__code__)


def test_a_queue_s_url_is_made_of_the_names_the_adapter_sets() -> None:
    assert {"DEFAULT_HOST", "DEFAULT_PORT"} <= set(sqs._queue_url_for_account.__code__.co_names)
    assert f"{sqs.DEFAULT_HOST}:{sqs.DEFAULT_PORT}" == sqs._CANONICAL_NETLOC
    assert hasattr(sqs._queues, "all_values")
    assert {"visible_at", "receive_count"} <= set(sqs._collect_msgs.__code__.co_consts)


def test_the_poller_asks_the_replaced_function_for_a_batch() -> None:
    assert {"_receive_messages_for_esm", "_iter_all_esms"} <= set(lambda_svc._poll_sqs.__code__.co_names)
    assert "_ESM_SQS_DEFAULT_CONCURRENCY" in lambda_svc._sqs_esm_concurrency.__code__.co_names
    assert "MaximumBatchingWindowInSeconds" in provisioners._lambda_esm_create.__code__.co_consts
    assert hasattr(sqs, "_queues_lock")


def _constants(code: CodeType) -> set[Any]:
    """The constants of a function, those inside of tuples included."""
    flat = [item for constant in code.co_consts for item in (constant if isinstance(constant, tuple) else (constant,))]
    return set(flat)
