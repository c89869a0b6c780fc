"""Every reason code the code can give is documented, and none that it cannot give."""

import re
from pathlib import Path

from everloop import ingestion
from everloop.ingestion.readers.delimited import REASONS
from everloop.validation.checks import CHECKS
from everloop.validation.rows import ABSENT_COLUMN
from everloop.validation.verdict import judge_batch

PAGE = Path(__file__).parents[2] / "docs" / "reason-codes.md"
RAISED = re.compile(r'BatchRejectedError\(\s*"(\w+)"')


def reasons_of_files() -> set[str]:
    [folder] = ingestion.__path__
    sources = [path.read_text() for path in Path(folder).rglob("*.py")]
    return {reason for source in sources for reason in RAISED.findall(source)} | set(REASONS.values())


def reasons_of_batches() -> set[str | None]:
    verdicts = [
        judge_batch(delivered=3, invalid=invalid, missing_columns=missing)
        for invalid, missing in ((3, None), (2, None), (0, "x"), (0, None))
    ]
    return {verdict.reason for verdict in verdicts if verdict.reason}


def test_the_page_lists_the_reasons_there_are() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == reasons_of_files() | reasons_of_batches() | set(CHECKS) | {ABSENT_COLUMN}
