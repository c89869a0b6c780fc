"""The app, synthesized once for a whole test run: starting jsii takes longer than all the tests."""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from infra.app import build_app

STACKS = ("EverloopStorage", "EverloopPipeline", "EverloopServing", "EverloopMonitoring")
MODELS_DIR = "tests/infra/models"

Properties = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    folder: Path
    templates: dict[str, dict[str, Any]]

    def resources(self, resource_type: str) -> Iterator[tuple[str, Properties]]:
        """Every resource of a type, with `<stack>/<logical id>` as its name."""
        for stack, template in self.templates.items():
            for logical_id, resource in template["Resources"].items():
                if resource["Type"] == resource_type:
                    yield f"{stack}/{logical_id}", resource.get("Properties", {})

    def functions(self) -> dict[str, Properties]:
        """Every function, by the name of its module."""
        found = self.resources("AWS::Lambda::Function")
        return {properties["Handler"].removesuffix(".lambda_handler"): properties for _, properties in found}

    def statements(self, module: str) -> list[Properties]:
        """What the role of a function may do."""
        role = self.functions()[module]["Role"]["Fn::GetAtt"][0]
        return [
            statement
            for _, policy in self.resources("AWS::IAM::Policy")
            if {"Ref": role} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def may_read(self, module: str, bucket: str, key: str) -> bool:
        return self._may("s3:GetObject", module, bucket, key)

    def may_write(self, module: str, bucket: str, key: str) -> bool:
        return self._may("s3:PutObject", module, bucket, key)

    def _may(self, action: str, module: str, bucket: str, key: str) -> bool:
        return any(
            fnmatchcase(key, pattern)
            for statement in self.statements(module)
            if action in as_list(statement["Action"])
            for pattern in (key_pattern(bucket, resource) for resource in as_list(statement["Resource"]))
            if pattern
        )


@cache
def synthesize() -> Assembly:
    folder = Path(tempfile.mkdtemp(prefix="everloop-assembly-"))
    context = {"everloop:dependencies": "host", "everloop:models": MODELS_DIR}
    build_app(context, outdir=str(folder)).synth()
    templates = {name: json.loads((folder / f"{name}.template.json").read_text()) for name in STACKS}
    return Assembly(folder, templates)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """A property as text, with `<logical id>` or the name of an export where it refers to something."""
    match value:
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(flat(part) for part in parts)
        case {"Fn::GetAtt": [logical_id, _]} | {"Ref": logical_id} | {"Fn::ImportValue": logical_id}:
            return f"<{logical_id}>"
        case _:
            return str(value)


def key_pattern(bucket: str, resource: Any) -> str | None:
    """The keys that a resource of a statement stands for, if it names objects of this bucket."""
    found = re.fullmatch(rf"<[^>]*{bucket}[^>]*>/(.*)", flat(resource))
    return found[1] if found else None
