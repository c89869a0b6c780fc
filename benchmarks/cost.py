"""What a million predictions cost on AWS: the list prices of us-east-1, and the formula of docs/operations.md."""

import math
from typing import NamedTuple

PRICES_AS_OF = "November 2026"
MILLION = 1_000_000
API_REQUEST = 3.50 / MILLION
"""API Gateway, REST, the first 333 million of a month."""
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_SECOND = 0.0000133334
"""arm64, the first 7.5 billion of a month."""
SQS_REQUEST = 0.40 / MILLION
S3_PUT = 0.005 / 1_000
LOG_GB = 0.50
TRACE = 5.00 / MILLION
SNAPSHOT_GB_SECOND = 0.0000015046
"""SnapStart keeps the snapshot of each published version; every restore costs 0.0001397998 USD per GB beside it."""

SQS_CHUNK_BYTES = 64 * 1024
"""Of a message; each counts as a request."""
SQS_BATCH = 10
"""Messages that one call receives or deletes."""
LOG_BATCH = 20
"""Messages that one call of log_predictions writes at 4 requests/s: it waits 5 s, or until it has 500."""
PUTS_PER_BATCH = 3
"""A file of the log, the object that tells which ids are in it, and a listing of such objects, which costs the same."""
PLATFORM_LOG_BYTES = 700
"""START, END and REPORT of Lambda, and one line of the API's access log."""
TRACED_SHARE = 0.05
"""X-Ray samples one request a second and 5 % of the others."""
QUEUE_MS = 10
"""ASSUMED: what SQS takes for a message within a region. A function is paid for while it waits."""
WRITE_MS = 300
"""ASSUMED: what log_predictions takes for a batch."""
WRITE_GIB = 1769 / 1024


class Line(NamedTuple):
    name: str
    dollars: float
    """For a million requests."""


def cost_of_a_million(*, handler_ms: float, memory_gib: float, message_bytes: int, log_bytes: int) -> list[Line]:
    """Of requests that take `handler_ms` of computing, log `log_bytes` and queue one message each."""
    billed_s = math.ceil(handler_ms + QUEUE_MS) / 1_000
    chunks = math.ceil(message_bytes / SQS_CHUNK_BYTES)
    write = LAMBDA_REQUEST + WRITE_MS / 1_000 * WRITE_GIB * LAMBDA_GB_SECOND
    each = {
        "API Gateway": API_REQUEST,
        "Lambda requests": LAMBDA_REQUEST,
        "Lambda compute": billed_s * memory_gib * LAMBDA_GB_SECOND,
        "SQS": SQS_REQUEST * (2 * chunks + 1 / SQS_BATCH),  # sent, received and deleted: deletions carry no body
        "log writer": (write + PUTS_PER_BATCH * S3_PUT) / LOG_BATCH,
        "CloudWatch logs": (log_bytes + PLATFORM_LOG_BYTES) / 1e9 * LOG_GB,
        "X-Ray": TRACED_SHARE * TRACE,
    }
    return [Line(name, dollars * MILLION) for name, dollars in each.items()]


def snapshot_dollars_a_month(memory_gib: float) -> float:
    return memory_gib * SNAPSHOT_GB_SECOND * 30 * 24 * 3600
