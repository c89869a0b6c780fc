"""Batches in the lake: staged rows, accepted rows, quarantined rows, and the report that makes a batch visible."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.batches import BatchReport, BatchStatus, StagedBatch, batch_key, report_key
from everloop.errors import NotFoundError, ObjectNotFoundError
from everloop.ports import ObjectStore

_STAGED_KEY = re.compile(r"staged/([^/]+)/([^/]+)\.rows")


def quarantine_key(model: str, batch_id: str) -> str:
    return f"quarantine/{model}/{batch_id}.parquet"


def profile_key(model: str, batch_id: str) -> str:
    return f"profiles/{model}/{batch_id}.json"


def _centres_key(model: str, definition_hash: str) -> str:
    return f"profiles/{model}/centres/{definition_hash}.json"


def arrival_key(model: str, received_at: datetime, batch_id: str) -> str:
    return f"{_arrivals_before(model, received_at)}_{batch_id}"


def _arrivals_before(model: str, moment: datetime) -> str:
    """Sorts after the arrivals before that moment and before all others."""
    return f"arrivals/{model}/{moment.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z"


def _staged_key(model: str, batch_id: str) -> str:
    return f"staged/{model}/{batch_id}.rows"


def parse_staged_key(key: str) -> tuple[str, str]:
    """Model and batch id of `staged/{model}/{batch_id}.rows`; raises ValueError for any other key."""
    match = _STAGED_KEY.fullmatch(key)
    if not match:
        raise ValueError(f"expected a key like staged/{{model}}/{{batch_id}}.rows, got {key!r}")
    return match[1], match[2]


class BatchStore:
    """A batch becomes visible with its report, which is written last and once.

    Until then its other objects are what an attempt that died may have left, perhaps under another definition: the next
    attempt writes over them. Two attempts at once write the same bytes.
    """

    def __init__(self, lake: ObjectStore) -> None:
        self._objects = lake

    # Staged

    def stage(self, batch: StagedBatch, plain: Path) -> bool:
        """Hand the plain file over to validation; False when it was handed over before and waits.

        A file that was refused before is handed over again: the definition, and so how it is read, has changed.
        """
        description, rows = f"staged/{batch.model}/{batch.batch_id}.json", _staged_key(batch.model, batch.batch_id)
        again = self._objects.exists(report_key(batch.model, batch.batch_id))
        if not again and self._objects.exists(rows):
            return False
        # NOTE: the rows come last: their notification starts validation, which reads the description beside them.
        self._put(description, _json(batch))
        if again:
            self._objects.upload(plain, rows)
            return True
        return self._objects.upload_new(plain, rows)

    def staged(self, model: str, batch_id: str) -> StagedBatch:
        """Raises ObjectNotFoundError."""
        return StagedBatch.model_validate_json(self._objects.get(f"staged/{model}/{batch_id}.json").body)

    def download_staged(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.download(_staged_key(model, batch_id), path)

    # Rows

    def save_rows(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.upload(path, batch_key(model, batch_id))

    def download_rows(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.download(batch_key(model, batch_id), path)

    def save_quarantine(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.upload(path, quarantine_key(model, batch_id))

    def download_quarantine(self, model: str, batch_id: str, path: Path) -> None:
        """Raises ObjectNotFoundError when no row of the batch was quarantined."""
        self._objects.download(quarantine_key(model, batch_id), path)

    # Row keys

    def save_keys(self, model: str, batch_id: str, keys: NDArray[np.uint64]) -> None:
        """Sorted 64-bit hashes of the row ids, so that rows delivered again are known without reading any row."""
        self._put(f"keys/{model}/{batch_id}.u64", keys.astype("<u8").tobytes())

    def keys(self, model: str, batch_id: str) -> NDArray[np.uint64]:
        """Raises ObjectNotFoundError for a batch without row ids."""
        return np.frombuffer(self._objects.get(f"keys/{model}/{batch_id}.u64").body, "<u8")

    # Profiles

    def _put(self, key: str, body: bytes) -> None:
        if not self._objects.put_new(key, body):
            self._objects.replace(key, body, etag=self._objects.get(key).etag)

    def save_profile(self, model: str, batch_id: str, profile: bytes) -> None:
        self._put(profile_key(model, batch_id), profile)

    def centres(self, model: str, definition_hash: str) -> dict[str, float] | None:
        """What `fix_centres` has fixed; None before the definition's first batch."""
        try:
            body = self._objects.get(_centres_key(model, definition_hash)).body
        except ObjectNotFoundError:
            return None
        centres: dict[str, float] = json.loads(body)
        return centres

    def fix_centres(
        self, model: str, definition_hash: str, *, propose: Callable[[], Mapping[str, float]]
    ) -> dict[str, float]:
        """What all profiles under one definition are made about, so that they merge; the first proposal wins.

        A column that an earlier definition knew keeps its centre, so that profiles before and after can be compared.
        """
        centres = self.centres(model, definition_hash)
        while centres is None:
            earlier = self._earlier_centres(model)
            proposal = {name: earlier.get(name, centre) for name, centre in propose().items()}
            body = json.dumps(proposal, allow_nan=False).encode()
            self._objects.put_new(_centres_key(model, definition_hash), body)
            centres = self.centres(model, definition_hash)
        return centres

    def _earlier_centres(self, model: str) -> dict[str, float]:
        earlier: dict[str, float] = {}
        for key in self._objects.list_keys(f"profiles/{model}/centres/"):
            earlier = {**json.loads(self._objects.get(key).body), **earlier}
        return earlier

    def profile(self, model: str, batch_id: str) -> bytes:
        """Raises ObjectNotFoundError."""
        return self._objects.get(profile_key(model, batch_id)).body

    # Reports

    def report(self, model: str, batch_id: str) -> BatchReport:
        """Raises NotFoundError while the batch is on its way, or was never delivered."""
        try:
            return BatchReport.model_validate_json(self._objects.get(report_key(model, batch_id)).body)
        except ObjectNotFoundError as error:
            raise NotFoundError(f"batch {batch_id!r} of {model!r} is not judged yet, or was never delivered") from error

    def reports(self, model: str) -> Iterator[BatchReport]:
        """Each batch that was judged, by batch id."""
        with ThreadPoolExecutor(_READERS) as pool:
            for stored in pool.map(self._objects.get, self._objects.list_keys(f"reports/{model}/")):
                yield BatchReport.model_validate_json(stored.body)

    def standing_report(self, model: str, batch_id: str, definition_hash: str | None) -> BatchReport | None:
        """The report, unless it refused the file unread under another definition: then the file deserves a new look."""
        try:
            report = self.report(model, batch_id)
        except NotFoundError:
            return None
        return report if _stands(report, definition_hash) else None

    def save_report(self, report: BatchReport) -> None:
        """The first report stands; only one that `standing_report` passes over is replaced.

        Raises PreconditionFailedError when somebody else replaced it first.
        """
        key = report_key(report.model, report.batch_id)
        if self._objects.put_new(key, _json(report)):
            return
        present = self._objects.get(key)
        if not _stands(BatchReport.model_validate_json(present.body), report.definition_hash):
            self._objects.replace(key, _json(report), etag=present.etag)

    # Arrivals

    def record_arrival(self, report: BatchReport) -> None:
        """List an accepted batch by the time it was received; the reports tell the same, but in no such order."""
        if report.status is BatchStatus.ACCEPTED:
            self._objects.put_new(arrival_key(report.model, report.received_at, report.batch_id), b"")

    def recent(self, model: str, *, before: datetime, limit: int) -> tuple[BatchReport, ...]:
        """The last accepted batches received before that moment, newest last."""
        newest_first = list(islice(self._arrived(model, before), limit))
        return tuple(reversed(newest_first))

    def _arrived(self, model: str, before: datetime) -> Iterator[BatchReport]:
        """The newest first."""
        end = _arrivals_before(model, before)
        folder = end[: end.rindex("/") + 1]
        for days in _LOOK_BACK_DAYS:
            start = folder if days is None else _arrivals_before(model, before - timedelta(days))
            listed = list(takewhile(end.__gt__, self._objects.list_keys(folder, after=start)))
            for key in reversed(listed):
                # A person may have deleted what belongs to a batch, and have left its arrival.
                with suppress(NotFoundError):
                    yield self.report(model, key.rpartition("_")[2])
            end = start


_READERS = 10
"""Threads that wait for reports at once: as many as a client of S3 keeps connections."""

_LOOK_BACK_DAYS = (1, 30, None)
"""Listing goes forward only: it starts so many days before the end, then earlier; None: at the very start."""


def _stands(report: BatchReport, definition_hash: str | None) -> bool:
    return not report.is_unread or report.definition_hash == definition_hash


def _json(contract: BatchReport | StagedBatch) -> bytes:
    return contract.model_dump_json(indent=1).encode()
