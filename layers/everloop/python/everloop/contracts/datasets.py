"""What a model was trained on: a manifest that names every batch, and the version that follows from it."""

import hashlib
from datetime import datetime

from everloop.contracts.base import Contract


class DatasetBatch(Contract):
    batch_id: str
    rows: int


class DatasetManifest(Contract):
    """Content-addressed: the same batches, cutoff and definition are the same dataset version."""

    model: str
    definition_hash: str
    since: datetime | None
    """Rows before this moment are left out; None without a training window."""
    as_of: datetime
    """Rows of this moment or later are left out."""
    batches: tuple[DatasetBatch, ...]
    rows: int

    @property
    def version(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]
