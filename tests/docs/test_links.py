"""Links lead somewhere, and files that a page names exist."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import REPOSITORY, Snippet, anchors, links, spans

ELSEWHERE = re.compile(r"[a-z]+:")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
ROOTS = (REPOSITORY, REPOSITORY / "layers" / "everloop" / "python")
"""`everloop/sql.py` is read as the package's."""

WRITTEN_BY_OTHERS = {"models", *(line.strip("/") for line in (REPOSITORY / ".gitignore").read_text().splitlines())}
"""By the reader, or by a program."""


def looks_like_a_path(text: str) -> bool:
    """Something with a slash whose first part is a folder of ours; keys in buckets begin otherwise."""
    first = text.split("/", maxsplit=1)[0]
    is_ours = first not in WRITTEN_BY_OTHERS and any((root / first).is_dir() for root in ROOTS)
    return "/" in text and PATH.fullmatch(text) is not None and is_ours


HERE = [link for link in links() if not ELSEWHERE.match(link.text)]
PATHS = [span for span in spans() if looks_like_a_path(span.text.split("::")[0])]


def show(snippet: Snippet) -> str:
    return f"{snippet}: {snippet.text}"


@pytest.mark.parametrize("link", HERE, ids=show)
def test_a_link_leads_somewhere(link: Snippet) -> None:
    name, _, fragment = link.text.partition("#")
    target: Path = (link.page.parent / name).resolve() if name else link.page
    assert target.exists()
    assert target.is_relative_to(REPOSITORY)
    if fragment and target.suffix == ".md":
        assert fragment in anchors(target)


@pytest.mark.parametrize("span", PATHS, ids=show)
def test_a_path_that_is_named_exists(span: Snippet) -> None:
    name = span.text.split("::")[0]
    assert any((root / name).exists() for root in ROOTS)
