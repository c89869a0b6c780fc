"""What other people's rule books say about the templates."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.config import REPOSITORY
from tests.infra.templates import STACKS, Assembly


def test_cdk_nag_finds_nothing_that_is_not_accepted_with_a_reason(assembly: Assembly) -> None:
    report = json.loads((assembly.folder / "validation-report.json").read_text())
    [nag] = report["pluginReports"]
    assert nag["pluginName"] == "AwsSolutions"
    assert nag["violations"] == []
    for accepted in nag["suppressedViolations"]:
        assert len(accepted["reason"].split()) > 5, accepted["ruleName"]


@pytest.mark.slow
def test_cfn_lint_finds_nothing(assembly: Assembly) -> None:
    templates = [str(assembly.folder / f"{name}.template.json") for name in STACKS]
    linter = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run([linter, *templates], cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_lock_of_the_command_line_names_no_registry() -> None:
    lock = json.loads((REPOSITORY / "package-lock.json").read_text())
    pinned = json.loads((REPOSITORY / "package.json").read_text())["devDependencies"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == pinned["aws-cdk"]
