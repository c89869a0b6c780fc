"""Messages of an SQS event, handled so that a failing message does not bring back the others."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from everloop.adapters.observability import logger


def handle_each(event: dict[str, Any], handle: Callable[[str], None]) -> dict[str, Any]:
    """Call `handle` with each body; answer a partial batch failure that names the messages to deliver again."""
    failed = [record for record in event["Records"] if not _succeeds([record], partial(handle, record["body"]))]
    return _to_deliver_again(failed)


def handle_groups(
    event: dict[str, Any], group_of: Callable[[str], str], handle: Callable[[str, Sequence[str]], None]
) -> dict[str, Any]:
    """As `handle_each`, but with all bodies of a group at once: they fail together, and no other group with them."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    failed = []

    def gather(record: dict[str, Any]) -> None:
        groups[group_of(record["body"])].append(record)

    for record in event["Records"]:
        if not _succeeds([record], partial(gather, record)):
            failed.append(record)
    for group, records in groups.items():
        bodies = [record["body"] for record in records]
        if not _succeeds(records, partial(handle, group, bodies)):
            failed.extend(records)
    return _to_deliver_again(failed)


def _succeeds(records: Sequence[dict[str, Any]], work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception:  # noqa: BLE001  # whatever went wrong, the queue retries these messages and then keeps them in its DLQ
        for record in records:
            logger.exception("a message failed and will be delivered again", extra={"message_id": record["messageId"]})
        return False
    return True


def _to_deliver_again(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}
