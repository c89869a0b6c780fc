"""Each change of a template is seen: `pytest tests/infra --snapshot-update` accepts it, and the diff shows it."""

import json
import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.infra.templates import STACKS, Assembly

CONTENT_HASH = re.compile(r"(?<=CurrentVersion)[0-9A-F]{8}[0-9a-f]{32}|[0-9a-f]{64}(?=\.zip)")
"""Follows the handlers' code, which has tests of its own."""


def without_code(template: dict[str, Any]) -> Any:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Description"] = "(first line of the handler)"
    return json.loads(CONTENT_HASH.sub("(hash)", json.dumps(template)))


@pytest.mark.parametrize("stack", STACKS)
def test_template_is_as_reviewed(assembly: Assembly, snapshot: SnapshotAssertion, stack: str) -> None:
    template = json.loads((assembly.folder / f"{stack}.template.json").read_text())
    assert without_code(template) == snapshot(extension_class=JSONSnapshotExtension)
