"""The dataset of an older run, selected again."""

from collections.abc import Iterable

from everloop.contracts.batches import BatchReport
from everloop.contracts.datasets import DatasetManifest, Selection, build_manifest
from everloop.contracts.definition import Definition
from everloop.contracts.registry import TrainingRequest
from everloop.errors import NotReproducibleError


def select_again(
    definition: Definition, request: TrainingRequest, wanted: DatasetManifest, reports: Iterable[BatchReport]
) -> tuple[Selection, DatasetManifest]:
    """The selection that made this very manifest, whatever was delivered since; raises NotReproducibleError."""
    then = {batch.batch_id for batch in wanted.batches}
    again = [report for report in reports if report.batch_id in then]
    selection, manifest = build_manifest(definition, again, as_of=request.as_of)
    if manifest.version != wanted.version:
        raise NotReproducibleError(
            f"{definition.name}: the batches of dataset {wanted.version} make {manifest.version} today; a batch is "
            "gone or was judged again, or the definition has changed"
        )
    return selection, manifest
