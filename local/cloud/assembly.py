"""Read a CDK cloud assembly: its stacks in the order of their dependencies, and the files they need."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from local.cloud.environment import ACCOUNT, REGION


@dataclass(frozen=True)
class FileAsset:
    """A file, or a folder to be zipped, and where the template expects it."""

    source: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class StackArtifact:
    name: str
    template: Path
    assets: tuple[FileAsset, ...]

    @property
    def template_asset(self) -> FileAsset:
        return next(asset for asset in self.assets if asset.source == self.template)


def stacks_of(folder: Path) -> list[StackArtifact]:
    """The stacks of an assembly, each after those it depends on."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    order = TopologicalSorter({name: artifact.get("dependencies", []) for name, artifact in artifacts.items()})
    return [
        _stack(folder, name, artifacts)
        for name in order.static_order()
        if artifacts.get(name, {}).get("type") == "aws:cloudformation:stack"
    ]


def _stack(folder: Path, name: str, artifacts: dict[str, Any]) -> StackArtifact:
    properties = artifacts[name]["properties"]
    manifests = [
        folder / artifacts[dependency]["properties"]["file"]
        for dependency in artifacts[name].get("dependencies", [])
        if artifacts[dependency]["type"] == "cdk:asset-manifest"
    ]
    return StackArtifact(
        name=properties.get("stackName", name),
        template=folder / properties["templateFile"],
        assets=tuple(asset for manifest in manifests for asset in _assets(folder, manifest)),
    )


def _assets(folder: Path, manifest: Path) -> Iterator[FileAsset]:
    for file in json.loads(manifest.read_text())["files"].values():
        for destination in file["destinations"].values():
            yield FileAsset(
                source=folder / file["source"]["path"],
                zipped=file["source"]["packaging"] == "zip",
                bucket=_resolved(destination["bucketName"]),
                key=_resolved(destination["objectKey"]),
            )


def _resolved(value: str) -> str:
    return value.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
