"""A version made again: what the run needs to know, and whether the same came out."""

import json
from datetime import datetime
from typing import Any

from everloop.contracts.definition import Definition
from everloop.contracts.registry import Reproduction, RunStatus
from everloop.errors import ConflictingRequestError
from everloop.ids import code_version
from everloop.stores.registry import LINEAGE, ModelRegistry

MODELS = ("model.onnx", "judged.onnx")


def plan_reproduction(registry: ModelRegistry, definition: Definition, version: int) -> tuple[datetime, Reproduction]:
    """The `as_of` of then, and what to compare with.

    Raises NotFoundError, or ConflictingRequestError unless definition and code are those of then.
    """
    model = definition.name
    manifest = registry.manifest(model, version)
    lineage = json.loads(registry.read(model, version, LINEAGE))
    if imported := lineage.get("imported"):
        raise ConflictingRequestError(
            f"version {version} of {model!r} was imported from {imported['file']} (sha256 {imported['sha256']}): it was"
            " trained elsewhere, and cannot be trained again here"
        )
    for name, deployed in (("definition_hash", definition.hash), ("code_version", code_version())):
        if lineage[name] != deployed:
            raise ConflictingRequestError(
                f"version {version} of {model!r} was made with {name} {lineage[name]}, deployed is {deployed}; "
                "deploy what was deployed then, and ask again"
            )
    hashes = {name: manifest.files[name] for name in MODELS}
    wanted = Reproduction(version=version, dataset_version=lineage["dataset_version"], sha256=hashes)
    return datetime.fromisoformat(lineage["as_of"]), wanted


def compare(wanted: Reproduction, found: dict[str, Any]) -> tuple[RunStatus, str]:
    """`found` holds the sha256 of what the run made, by file name."""
    different = [name for name, sha256 in wanted.sha256.items() if found[name] != sha256]
    if not different:
        return "reproduced", f"{' and '.join(wanted.sha256)} have the bytes of version {wanted.version}"
    return "differs", "; ".join(
        f"{name} has sha256 {found[name]}, that of version {wanted.version} has {wanted.sha256[name]}"
        for name in different
    )
