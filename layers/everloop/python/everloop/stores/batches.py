"""Batches in the lake: staged rows, accepted rows, quarantined rows, and the report that makes a batch visible."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from everloop.contracts.batches import BatchReport, BatchStatus, StagedBatch
from everloop.errors import NotFoundError, ObjectNotFoundError
from everloop.ports import ObjectStore

_STAGED_KEY = re.compile(r"staged/([^/]+)/([^/]+)\.parquet")


def batch_key(model: str, batch_id: str) -> str:
    return f"batches/{model}/{batch_id}.parquet"


def quarantine_key(model: str, batch_id: str) -> str:
    return f"quarantine/{model}/{batch_id}.parquet"


def profile_key(model: str, batch_id: str) -> str:
    return f"profiles/{model}/{batch_id}.json"


def report_key(model: str, batch_id: str) -> str:
    return f"reports/{model}/{batch_id}.json"


def parse_staged_key(key: str) -> tuple[str, str]:
    """Model and batch id of `staged/{model}/{batch_id}.parquet`; raises ValueError for any other key."""
    match = _STAGED_KEY.fullmatch(key)
    if not match:
        raise ValueError(f"expected a key like staged/{{model}}/{{batch_id}}.parquet, got {key!r}")
    return match[1], match[2]


class BatchStore:
    """Each object is written once; a second writer finds it there and changes nothing."""

    def __init__(self, lake: ObjectStore) -> None:
        self._objects = lake

    # Staged

    def stage(self, batch: StagedBatch, rows: Path) -> None:
        """Hand the rows (a Parquet file of text columns) over to validation."""
        # NOTE: the rows come last: their notification starts validation, which reads the source beside them.
        self._objects.put_new(f"staged/{batch.model}/{batch.batch_id}.json", _json(batch))
        self._objects.upload_new(rows, f"staged/{batch.model}/{batch.batch_id}.parquet")

    def staged(self, model: str, batch_id: str) -> StagedBatch:
        """Raises ObjectNotFoundError."""
        return StagedBatch.model_validate_json(self._objects.get(f"staged/{model}/{batch_id}.json").body)

    def download_staged(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.download(f"staged/{model}/{batch_id}.parquet", path)

    # Rows

    def save_rows(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.upload_new(path, batch_key(model, batch_id))

    def download_rows(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.download(batch_key(model, batch_id), path)

    def save_quarantine(self, model: str, batch_id: str, path: Path) -> None:
        self._objects.upload_new(path, quarantine_key(model, batch_id))

    def download_quarantine(self, model: str, batch_id: str, path: Path) -> None:
        """Raises ObjectNotFoundError when no row of the batch was quarantined."""
        self._objects.download(quarantine_key(model, batch_id), path)

    # Profiles

    def save_profile(self, model: str, batch_id: str, profile: bytes) -> None:
        self._objects.put_new(profile_key(model, batch_id), profile)

    def fix_centres(
        self, model: str, definition_hash: str, *, propose: Callable[[], Mapping[str, float]]
    ) -> dict[str, float]:
        """What all profiles under one definition are made about, so that they merge; the first proposal wins."""
        key = f"profiles/{model}/centres/{definition_hash}.json"
        if not self._objects.exists(key):
            self._objects.put_new(key, json.dumps(dict(propose()), allow_nan=False).encode())
        centres: dict[str, float] = json.loads(self._objects.get(key).body)
        return centres

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
        for key in self._objects.list_keys(f"reports/{model}/"):
            yield BatchReport.model_validate_json(self._objects.get(key).body)

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


def _stands(report: BatchReport, definition_hash: str | None) -> bool:
    return not report.is_unread or report.definition_hash == definition_hash


def event_of(report: BatchReport) -> tuple[str, dict[str, object]]:
    """Type and data of the event that tells the world about a report."""
    if report.status is BatchStatus.ACCEPTED:
        key = batch_key(report.model, report.batch_id)
        return "batch.accepted", {"batch_id": report.batch_id, "rows": report.rows.accepted, "key": key}
    key = report_key(report.model, report.batch_id)
    refusal = {"status": report.status.value, "reason": report.reason, "detail": report.detail}
    return "batch.rejected", {"batch_id": report.batch_id, "rows": report.rows.delivered, "key": key, **refusal}


def _json(contract: BatchReport | StagedBatch) -> bytes:
    return contract.model_dump_json(indent=1).encode()
