"""Registering a version: once per run, whoever dies or competes in between."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from everloop.errors import IntegrityError, ModelMissingError, NotFoundError
from everloop.stores.registry import ModelRegistry
from tests.conftest import fine_switching
from tests.fakes import InMemoryObjectStore
from tests.samples import NOW, constant_model, register, version_files
from tests.unit.registry.conftest import MODEL, DyingObjectStore, KilledError, World

WRITES = len(version_files("run-1")) + 3
"""Of one registration: the claim, the pointer, the files (lineage again), the manifest."""


def test_versions_are_numbered_from_one() -> None:
    registry = World().with_versions(3).registry
    assert registry.versions(MODEL) == [1, 2, 3]
    assert registry.versions("pump") == [], "a model whose name begins alike is another one"


def test_the_manifest_names_the_run_and_each_file(world: World) -> None:
    register(world.registry, MODEL, "run-1")
    manifest = world.registry.manifest(MODEL, 1)
    assert (manifest.run_id, manifest.version, manifest.created_at) == ("run-1", 1, NOW)
    assert manifest.files.keys() == version_files("run-1").keys()


def test_the_same_run_registers_one_version_however_often(world: World) -> None:
    register(world.registry, MODEL, "run-1")
    register(world.registry, MODEL, "run-2")
    before = dict(world.store.objects)
    assert register(world.registry, MODEL, "run-1") == 1
    assert world.store.objects == before


def test_a_registration_makes_as_many_writes_as_the_next_test_kills() -> None:
    store = DyingObjectStore(WRITES + 1, after_storing=False)
    register(ModelRegistry(store), MODEL, "run-1")
    with pytest.raises(KilledError):
        register(ModelRegistry(store), MODEL, "run-2")


@pytest.mark.parametrize("after_storing", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
@pytest.mark.parametrize("meanwhile", [0, 1, 3], ids=lambda count: f"{count} others meanwhile")
def test_a_run_killed_between_any_two_writes_becomes_exactly_one_version(
    write: int, after_storing: bool, meanwhile: int
) -> None:
    store = DyingObjectStore(write, after_storing=after_storing)
    registry = ModelRegistry(store)
    with pytest.raises(KilledError):
        register(registry, MODEL, "run-1")
    for number in range(meanwhile):
        register(registry, MODEL, f"other-{number}")
    version = register(registry, MODEL, "run-1")
    assert register(registry, MODEL, "run-1") == version
    runs = [registry.manifest(MODEL, number).run_id for number in registry.versions(MODEL)]
    assert sorted(runs) == sorted(["run-1", *(f"other-{number}" for number in range(meanwhile))])
    for number in registry.versions(MODEL):
        for name in registry.manifest(MODEL, number).files:
            registry.read(MODEL, number, name)


def test_a_version_without_a_manifest_does_not_exist() -> None:
    store = DyingObjectStore(WRITES, after_storing=False)
    registry = ModelRegistry(store)
    with pytest.raises(KilledError):
        register(registry, MODEL, "run-1")
    assert registry.versions(MODEL) == []
    with pytest.raises(NotFoundError, match="has no version 1"):
        registry.read(MODEL, 1, "model.onnx")


def test_runs_that_register_at_once_get_numbers_of_their_own() -> None:
    registry = ModelRegistry(InMemoryObjectStore())
    runs = [f"run-{number}" for number in range(40)]
    with fine_switching(), ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda run: register(registry, MODEL, run), runs))
    assert sorted(versions) == registry.versions(MODEL)
    assert len(set(versions)) == 40
    assert [registry.manifest(MODEL, version).run_id for version in versions] == runs


def test_one_run_that_registers_many_times_at_once_is_one_version() -> None:
    for _ in range(20):
        registry = ModelRegistry(InMemoryObjectStore())
        with fine_switching(), ThreadPoolExecutor(8) as pool:
            runs = ["run-1", "run-2", *["run-1"] * 6]
            versions = list(pool.map(lambda run, registry=registry: register(registry, MODEL, run), runs))
        assert len({versions[0], *versions[2:]}) == 1
        assert sorted({*versions}) == registry.versions(MODEL)


@pytest.mark.parametrize("damage", [b"", b"damaged", constant_model(0.71)], ids=["empty", "garbage", "another model"])
def test_a_damaged_file_is_never_handed_out(world: World, damage: bytes) -> None:
    register(world.registry, MODEL, "run-1")
    world.store.objects[f"{MODEL}/versions/1/model.onnx"] = damage
    with pytest.raises(IntegrityError, match=r"model\.onnx has sha256 .*, its manifest says"):
        world.registry.read(MODEL, 1, "model.onnx")


def test_a_lost_file_is_told_from_one_that_never_was(world: World) -> None:
    register(world.registry, MODEL, "run-1")
    del world.store.objects[f"{MODEL}/versions/1/model.onnx"]
    with pytest.raises(ModelMissingError, match=r"model\.onnx is gone"):
        world.registry.read(MODEL, 1, "model.onnx")
    with pytest.raises(NotFoundError, match=r"has no file 'weights\.bin'"):
        world.registry.read(MODEL, 1, "weights.bin")


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"model": "pump-failure"', b"\xff"])
def test_a_damaged_manifest_or_aliases_file_is_an_integrity_error(world: World, damage: bytes) -> None:
    register(world.registry, MODEL, "run-1")
    world.store.objects[f"{MODEL}/versions/1/manifest.json"] = damage
    world.store.objects[f"{MODEL}/aliases.json"] = damage
    with pytest.raises(IntegrityError, match="manifest is damaged"):
        world.registry.read(MODEL, 1, "model.onnx")
    with pytest.raises(IntegrityError, match=r"aliases\.json is damaged"):
        world.registry.aliases(MODEL)
