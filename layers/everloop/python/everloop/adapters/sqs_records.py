"""Messages of an SQS event one by one, so that a failing message does not bring back the others."""

from collections.abc import Callable
from typing import Any

from everloop.adapters.observability import logger


def handle_each(event: dict[str, Any], handle: Callable[[str], None]) -> dict[str, Any]:
    """Call `handle` with each body; answer a partial batch failure that names the messages to deliver again."""
    failures = []
    for record in event["Records"]:
        try:
            handle(record["body"])
        except Exception:  # noqa: BLE001  # whatever went wrong, the queue retries this message and then keeps it in its DLQ
            logger.exception("a message failed and will be delivered again", extra={"message_id": record["messageId"]})
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
