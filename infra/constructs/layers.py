"""The Lambda layers of one stack: the package, the definitions, and third-party packages."""

from functools import cached_property
from pathlib import Path

from aws_cdk.aws_lambda import Code, LayerVersion, Runtime
from constructs import Construct

from infra.config import BUILD, REPOSITORY, Config
from layers.build import PACKAGE, build, build_package
from layers.definitions import build_definitions

RUNTIME = Runtime.PYTHON_3_13
BYTECODE = ["**/__pycache__", "**/*.pyc"]
"""Left out of assets, so that importing a module on this machine does not change a hash."""

HOST_LAYER = REPOSITORY / "layers" / "host"
"""Stands in for a third-party layer where the host brings the packages."""


class Layers(Construct):
    """Each stack has its own layers: a layer version shared between stacks could never be replaced while in use."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self._config = config

    @cached_property
    def serving(self) -> list[LayerVersion]:
        return [self._package, self._definitions, self._dependencies("serving")]

    @cached_property
    def data(self) -> list[LayerVersion]:
        return [self._package, self._definitions, self._dependencies("data")]

    @cached_property
    def training(self) -> list[LayerVersion]:
        return [self._package, self._definitions, self._dependencies("training")]

    @cached_property
    def _package(self) -> LayerVersion:
        bundled = self._config.dependencies == "bundled"
        return self._layer("Package", build_package() if bundled else PACKAGE.parent)

    @cached_property
    def _definitions(self) -> LayerVersion:
        return self._layer("Definitions", build_definitions(self._config.models_dir))

    def _dependencies(self, name: str) -> LayerVersion:
        bundled = self._config.dependencies == "bundled"
        return self._layer(name.title(), build(name, self._config.architecture) if bundled else HOST_LAYER)

    def _layer(self, construct_id: str, asset: Path) -> LayerVersion:
        return LayerVersion(
            self,
            construct_id,
            code=Code.from_asset(str(asset), exclude=[] if asset.is_relative_to(BUILD) else BYTECODE),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[self._config.lambda_architecture],
            removal_policy=self._config.removal_policy,
        )
