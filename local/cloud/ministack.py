"""The embedded cloud: MiniStack with a faithful Lambda. Run as `python -m local.cloud.ministack HOME`.

MiniStack is pinned exactly, because this module replaces some of its internals; test_ministack_internals.py in
tests/contract fails when an upgrade moves one of them. HOME only marks the process as the one that belongs to this
state folder.
"""

import asyncio
import importlib.util
import logging
import os
import resource
import signal
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import ministack.app
import uvicorn
from ministack.core import lambda_runtime
from ministack.core.persistence import STATE_DIR, save_all
from ministack.services import apigateway_v1, cloudwatch, eventbridge, lambda_svc, s3, sqs

from local.cloud.environment import HOST, QUEUE_HOST, QUEUE_PORT, SAVED_MARK, SCHEDULED_TIME
from local.cloud.metrics import metrics_in

logger = logging.getLogger(__name__)

MAX_INVOCATION_BYTES = 6 * 1024**2
"""Lambda's limit; messages beyond it wait for the next batch."""

MAX_INVOCATIONS = 1_000
"""At once, as an account of AWS has by default."""

KEEP_ALIVE_S = 75
SHUTDOWN_S = 5
"""For requests that are under way; then the state is saved."""

Invocation = dict[str, Any]


def is_python(config: dict[str, Any]) -> bool:
    return str(config.get("Runtime", "")).startswith("python")


def has_runtime_client() -> bool:
    """awslambdaric has wheels for Linux only."""
    return importlib.util.find_spec("awslambdaric") is not None


def install() -> None:
    """Replace what differs from AWS."""
    if has_runtime_client():
        run_python_under_the_runtime_client()
    else:
        logger.warning(
            "awslambdaric is not installed: functions run under MiniStack's own worker, without error names and "
            "memory limits"
        )
    invoke_on_kept_threads()
    count_every_invocation()
    hide_errors_behind_the_api()
    tell_targets_the_scheduled_time()
    keep_queues_over_a_restart()
    gather_batches_from_queues()
    read_ranges_of_versions()


def run_python_under_the_runtime_client() -> None:
    from local.cloud.runtime import RuntimeClientWorker

    worker_class_for = lambda_runtime._worker_class_for
    execute_warm = lambda_svc._execute_function_warm

    def worker_class(config: dict[str, Any]) -> Any:
        return RuntimeClientWorker if is_python(config) else worker_class_for(config)

    def execute(func: dict[str, Any], event: Any, request_id: str) -> Any:
        python = is_python(func.get("config") or func)
        run = lambda_svc._execute_function_provided_warm if python else execute_warm
        return run(func, event, request_id)

    lambda_runtime._worker_class_for = worker_class
    lambda_svc._execute_function_warm = execute


def invoke_on_kept_threads() -> None:
    """MiniStack starts a thread for each request that reaches a function."""
    threads = ThreadPoolExecutor(MAX_INVOCATIONS, thread_name_prefix="invocation")

    async def run(function: Callable[..., Any], *arguments: Any, thread_name: str) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, partial(copy_context().run, function, *arguments))

    apigateway_v1.run_reentrant = run


def count_every_invocation() -> None:
    """MiniStack counts `Invoke` calls only: not those from queues, events and the API, nor errors of async ones.

    All paths meet in the dispatcher, where the log of the call is at hand, too: metrics printed in it become metrics.
    """
    emit = lambda_svc._emit_lambda_metrics
    dispatch = lambda_svc._execute_function_dispatch

    def emit_throttles(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        # A throttled call never reaches the dispatcher. It is reported twice; only the first has no duration.
        if throttle and not duration_ms:
            emit(function_name, duration_ms, error, throttle)

    def counted(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> Invocation:
        result: Invocation = dispatch(func, config, event, request_id, started)
        emit(config["FunctionName"], (time.time() - started) * 1000, bool(result.get("error")), False)
        for metric in metrics_in(result.get("log") or ""):
            cloudwatch.record_metric(*metric)
        return result

    lambda_svc._emit_lambda_metrics = emit_throttles
    lambda_svc._execute_function_dispatch = counted


def hide_errors_behind_the_api() -> None:
    """API Gateway answers 502 `{"message": "Internal server error"}`; MiniStack sends the exception to the caller."""
    to_response: Callable[[Invocation], Any] = lambda_svc.lambda_execute_result_to_api_proxy_response

    def without_error_text(result: Invocation) -> Any:
        failed = result.get("error") and not result.get("throttle")
        return to_response({**result, "body": "Internal server error"} if failed else result)

    lambda_svc.lambda_execute_result_to_api_proxy_response = without_error_text


def tell_targets_the_scheduled_time() -> None:
    """EventBridge Scheduler writes the moment a schedule was due into its input; MiniStack leaves the placeholder."""
    invoke = eventbridge._invoke_target

    def invoke_with_time(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        if event.get("Source") == "aws.scheduler" and "Input" in target:
            due = datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            target = {**target, "Input": target["Input"].replace(SCHEDULED_TIME, due)}
        invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_with_time


def keep_queues_over_a_restart() -> None:
    """MiniStack finds a queue by a URL with host and port in it: started on another port, no trigger would fire.

    And a message that was being worked on when the cloud stopped would stay invisible for up to hours, though its
    consumer is gone.
    """
    load = sqs.load_persisted_state

    def load_with_all_messages_visible(state: dict[str, Any]) -> None:
        load(state)
        for queue in sqs._queues.all_values():
            for message in queue["messages"]:
                if message["receive_count"] > 0:
                    message["visible_at"] = 0.0

    sqs.DEFAULT_HOST, sqs.DEFAULT_PORT = QUEUE_HOST, QUEUE_PORT
    sqs._CANONICAL_NETLOC = f"{QUEUE_HOST}:{QUEUE_PORT}"  # callers get the host and port that they used instead
    sqs.load_persisted_state = load_with_all_messages_visible


def gather_batches_from_queues() -> None:
    """Lambda waits until a batch is full or its window is over; MiniStack hands over what is there at once, at most 10
    messages, to five calls at a time. Each request would start a writer of its own and share the processors with it.
    """

    def receive(queue_url: str, batch_size: int) -> list[dict[str, Any]]:
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            now = time.time()
            waiting = [each for each in queue["messages"] if each.get("visible_at", 0.0) <= now][:batch_size]
            fitting = bisect_right([*accumulate(len(each["body"]) for each in waiting)], MAX_INVOCATION_BYTES)
            full = len(waiting) == batch_size or fitting < len(waiting)
            oldest = min((each.get("visible_at", 0.0) for each in waiting), default=now)
            if not full and now - oldest < _batching_window_s(queue["attributes"]["QueueArn"]):
                return []
            invisible_s = int(queue["attributes"].get("VisibilityTimeout", "30"))
            received: list[dict[str, Any]] = sqs._collect_msgs(queue, max(1, fitting), invisible_s)
            return received

    sqs._receive_messages_for_esm = receive
    lambda_svc._ESM_SQS_DEFAULT_CONCURRENCY = 1  # here they would only take turns


def _batching_window_s(queue_arn: str) -> int:
    mappings = (mapping for _, _, mapping in lambda_svc._iter_all_esms() if mapping["EventSourceArn"] == queue_arn)
    return max((mapping.get("MaximumBatchingWindowInSeconds", 0) for mapping in mappings), default=0)


def read_ranges_of_versions() -> None:
    """MiniStack answers a range of a version with the whole of it. boto3 downloads files over 8 MiB by ranges: they
    would arrive longer than they are, with other bytes."""
    get = s3._get_object

    def get_range(bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Any:
        status, told, body = get(bucket, key, headers, query)
        found = s3._parse_range(headers.get("range", ""), len(body)) if status == 200 else None
        if found is None:
            return status, told, body
        first, last = found
        of_all = {name for name in told if name.lower().startswith("x-amz-checksum-")}
        told = {name: value for name, value in told.items() if name not in of_all}
        part = body[first : last + 1]
        told |= {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return 206, told, part

    s3._get_object = get_range


def save_state_on_request() -> None:
    """Save all services on SIGUSR1. MiniStack saves only on a clean stop: a crash would forget the stacks, and with
    them the names of the buckets that hold everything."""

    def save() -> None:
        save_all(ministack.app._build_persistence_save_dict())
        Path(STATE_DIR, SAVED_MARK).touch()

    def save_beside_the_event_loop(number: int, frame: object) -> None:
        threading.Thread(target=save, daemon=True).start()

    signal.signal(signal.SIGUSR1, save_beside_the_event_loop)


def allow_as_many_files_as_may_be() -> None:
    """Each connection and each warm function takes some; macOS begins with 256."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "no limit", and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve() -> None:
    """Until SIGTERM or SIGINT. MiniStack's own server, in Python alone, takes half of the time of an answer."""
    allow_as_many_files_as_may_be()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises again what it was stopped by
    uvicorn.run(
        ministack.app.app,
        host=HOST,
        port=int(os.environ["GATEWAY_PORT"]),
        http="httptools",
        loop="uvloop",
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the application's own
        access_log=False,
        log_config=None,
    )


def main() -> None:
    logging.getLogger("persistence").setLevel(logging.WARNING)  # else each save logs a line for each of 60 services
    install()
    save_state_on_request()
    try:
        serve()
    finally:
        # MiniStack leaves its functions' processes behind when it stops.
        lambda_runtime.reset()


if __name__ == "__main__":
    main()
