"""What a deployment may choose, read once from the CDK context (cdk.json, or `-c everloop:<name>=<value>`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from aws_cdk import RemovalPolicy
from aws_cdk.aws_lambda import Architecture
from constructs import Node

from everloop.contracts.definition import Definition, load_definitions

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = REPOSITORY / ".build"

ArchitectureName = Literal["arm64", "x86_64"]
Dependencies = Literal["bundled", "host"]
Removal = Literal["retain", "destroy"]


@dataclass(frozen=True, kw_only=True)
class Config:
    architecture: ArchitectureName
    dependencies: Dependencies
    """`bundled` layers are built and deployed; with `host` the machine that runs the functions brings the packages."""
    removal: Removal
    """`retain` keeps data when a stack is deleted; `destroy` is for throwaway deployments."""
    models_dir: Path
    requests_per_second: int
    predict_concurrency: int
    """Concurrency reserved for predict; 0 reserves none, since small accounts have too little to reserve."""
    snap_start: bool
    """Whether predict starts from a snapshot, which costs money at rest and takes the imports off a cold start."""
    tracing: bool
    """Whether functions, API and training runs are traced by X-Ray."""
    definitions: tuple[Definition, ...]

    @classmethod
    def from_context(cls, node: Node) -> Self:
        models_dir = REPOSITORY / _text(node, "models")
        return cls(
            architecture=_one_of(node, "architecture", get_args(ArchitectureName)),
            dependencies=_one_of(node, "dependencies", get_args(Dependencies)),
            removal=_one_of(node, "removal", get_args(Removal)),
            models_dir=models_dir,
            requests_per_second=_whole_number(node, "requests-per-second"),
            predict_concurrency=_whole_number(node, "predict-concurrency"),
            snap_start=_is_on(node, "snap-start"),
            tracing=_is_on(node, "tracing"),
            definitions=tuple(load_definitions(models_dir)),
        )

    @property
    def removal_policy(self) -> RemovalPolicy:
        return RemovalPolicy.DESTROY if self.removal == "destroy" else RemovalPolicy.RETAIN

    @property
    def lambda_architecture(self) -> Architecture:
        return Architecture.ARM_64 if self.architecture == "arm64" else Architecture.X86_64


def _text(node: Node, name: str) -> str:
    return str(node.get_context(f"everloop:{name}"))


def _one_of(node: Node, name: str, expected: tuple[Any, ...]) -> Any:
    value = _text(node, name)
    if value not in expected:
        raise ValueError(f"context everloop:{name}: expected one of {', '.join(expected)}, got {value!r}")
    return value


def _is_on(node: Node, name: str) -> bool:
    """JSON's true and false, or the same words on the command line."""
    value = _text(node, name).lower()
    if value not in ("true", "false"):
        raise ValueError(f"context everloop:{name}: expected true or false, got {value!r}")
    return value == "true"


def _whole_number(node: Node, name: str) -> int:
    value = _text(node, name)
    try:
        number = float(value)  # jsii hands every number over as a double
    except ValueError:
        number = -1
    if number < 0 or number != int(number):
        raise ValueError(f"context everloop:{name}: expected a whole number of at least 0, got {value!r}")
    return int(number)
