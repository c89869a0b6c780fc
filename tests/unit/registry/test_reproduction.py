"""A version is made again only by the definition and the code of then, and compared byte by byte."""

import hashlib
import json
from typing import Any

import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.registry import TrainingRequest
from everloop.errors import ConflictingRequestError, NotFoundError
from everloop.ids import code_version
from everloop.registry.runs import finish_run
from tests.samples import NOW, pump_failure
from tests.unit.registry.conftest import MODEL, World

MODELS = {"model.onnx": b"shipped", "judged.onnx": b"judged"}
HASHES = {name: hashlib.sha256(body).hexdigest() for name, body in MODELS.items()}


def with_version(world: World, **changes: Any) -> Definition:
    definition = pump_failure()
    lineage = {
        "definition_hash": definition.hash,
        "code_version": code_version(),
        "dataset_version": "0a1b2c3d4e5f6071",
        "as_of": NOW.isoformat(),
        **changes,
    }
    files = {**MODELS, "lineage.json": json.dumps(lineage).encode()}
    assert world.registry.register(MODEL, "run-1", files, now=NOW) == 1
    return definition


def test_a_reproduction_is_asked_for_with_all_that_made_the_version(world: World) -> None:
    answer = world.operations.request_reproduction(with_version(world), 1, by="ann")
    [told] = world.bus.events
    assert (told.type, told.data) == ("training.requested", answer)
    request = TrainingRequest.model_validate(answer)
    assert (request.as_of, request.requested_by, request.reason) == (NOW, "ann", "to make version 1 again")
    assert request.reproduction is not None
    assert request.reproduction.dataset_version == "0a1b2c3d4e5f6071"
    assert request.reproduction.sha256 == HASHES


@pytest.mark.parametrize("what", ["definition_hash", "code_version"])
def test_another_definition_or_code_than_then_is_refused(world: World, what: str) -> None:
    definition = with_version(world, **{what: "older"})
    with pytest.raises(ConflictingRequestError, match=f"made with {what} older, deployed is .*; deploy what was"):
        world.operations.request_reproduction(definition, 1, by="ann")
    assert world.bus.events == []


def test_a_version_that_is_none_cannot_be_made_again(world: World) -> None:
    with pytest.raises(NotFoundError, match="has no version 2"):
        world.operations.request_reproduction(with_version(world), 2, by="ann")


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (HASHES, "reproduced", "model.onnx and judged.onnx have the bytes of version 1"),
        ({**HASHES, "model.onnx": "0" * 64}, "differs", f"model.onnx has sha256 {'0' * 64}, that of version 1 has"),
    ],
    ids=["the same bytes", "other bytes"],
)
def test_a_compared_run_tells_whether_the_bytes_are_the_same(
    world: World, found: dict[str, str], status: str, words: str
) -> None:
    state = world.operations.request_reproduction(with_version(world), 1, by="ann")
    state["candidate"] = {"trial": 0, "sha256": found}
    report = finish_run(state, "compared", registry=world.registry, events=world.bus, clock=world.clock)
    assert (report.status, report.reproduces, report.version) == (status, 1, None)
    assert report.reason.startswith(words)


def test_an_imported_version_is_not_made_again(world: World) -> None:
    definition = with_version(world, imported={"file": "forest.onnx", "sha256": "1f"})
    with pytest.raises(ConflictingRequestError, match=r"was imported from forest\.onnx .*trained elsewhere"):
        world.operations.request_reproduction(definition, 1, by="ann")
