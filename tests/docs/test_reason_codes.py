"""Every reason code the code can give is documented, and none that it cannot give."""

import re
from pathlib import Path

import everloop
from everloop.contracts.batches import Finding, Impact, Problem
from everloop.reading.scan import REASONS
from everloop.validation.checks import CHECKS
from everloop.validation.findings import FINDINGS
from everloop.validation.verdict import judge_batch

PAGE = Path(__file__).parents[2] / "docs" / "reason-codes.md"
RAISED = re.compile(r'BatchRejectedError\(\s*"(\w+)"')


MISSING = Finding(reason="missing_columns", impact=Impact.BREAKING, expected="columns 'x'", got="a file without")
WRONG_TYPE = Problem(reason="wrong_type", column="x", rows=2, expected="a number")


def reasons_of_files() -> set[str]:
    [folder] = everloop.__path__
    sources = [path.read_text() for path in Path(folder).rglob("*.py")]
    return {reason for source in sources for reason in RAISED.findall(source)} | set(REASONS)


def reasons_of_findings() -> set[str]:
    return {check.__module__.rpartition(".")[2] for check in FINDINGS}


def reasons_of_batches() -> set[str | None]:
    verdicts = [
        judge_batch(delivered=3, invalid=3),
        judge_batch(delivered=3, invalid=2),
        judge_batch(delivered=3, invalid=2, problems=[WRONG_TYPE]),
        judge_batch(delivered=3, invalid=0, missing_columns=MISSING),
        judge_batch(delivered=3, invalid=0),
    ]
    return {verdict.reason for verdict in verdicts if verdict.reason}


def test_the_page_lists_the_reasons_there_are() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == reasons_of_files() | reasons_of_batches() | set(CHECKS) | reasons_of_findings()
