"""What the project's pages say, in pieces that can be checked: code blocks, commands, links, headings, code spans."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
PAGES = sorted([README, REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").rglob("*.md")])
SHELLS = frozenset({"bash", "console", "sh", "shell"})

_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *``` *$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} (.+?) *#*$", re.MULTILINE)
_SEPARATORS = frozenset({"&&", "||", "|", ";", "&"})
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Snippet:
    """A piece of a page, and where it begins."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY).as_posix()}:{self.line}"


def blocks(*languages: str) -> list[Snippet]:
    return [block for page in PAGES for block in _blocks(page, page.read_text("utf-8")) if block.language in languages]


def whole_definitions(*pages: Path) -> dict[str, str]:
    """The TOML of the definitions of models on these pages, or on all, by their names."""
    texts = [block.text for block in blocks("toml") if not pages or block.page in pages]
    documents = [(text, tomllib.loads(text)) for text in texts]
    return {raw["name"]: text for text, raw in documents if "task" in raw}


def spans() -> list[Snippet]:
    """Inline code; a span may go on in the next line."""
    found = []
    for page in PAGES:
        prose = _prose(page.read_text("utf-8"))
        for match in _SPAN.finditer(prose):
            found.append(Snippet(page, _line(prose, match.start()), "", " ".join(match[1].split())))
    return found


def links() -> list[Snippet]:
    found = []
    for page in PAGES:
        prose = _SPAN.sub(lambda match: " " * len(match[0]), _prose(page.read_text("utf-8")))
        found += [Snippet(page, _line(prose, match.start()), "", match[1]) for match in _LINK.finditer(prose)]
    return found


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in _headings(page)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def commands(block: Snippet) -> list[list[str]]:
    """The words of each command of a shell block, without prompts, comments, redirections and variables before it."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
    return [command for line in lines for command in split(line)]


def split(line: str) -> list[list[str]]:
    """
    >>> split("A=1 everloop up --port 5000 && make test | tee log  # both")
    [['everloop', 'up', '--port', '5000'], ['make', 'test'], ['tee', 'log']]
    >>> split("everloop predict pump @row.json > answer.json")
    [['everloop', 'predict', 'pump', '@row.json']]
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    redirected = False
    for word in lexer:
        if word in _SEPARATORS:
            found.append([])
            redirected = False
        elif word[0] in "<>":
            redirected = True
        elif not redirected and (found[-1] or not _ASSIGNMENT.fullmatch(word)):
            found[-1].append(word)
    return [command for command in found if command]


def _blocks(page: Path, text: str) -> Iterator[Snippet]:
    for match in _FENCE.finditer(text):
        yield Snippet(page, _line(text, match.start()), match[1], match[2])


def _prose(text: str) -> str:
    """The text without its blocks, with every line where it was."""
    return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def _headings(page: Path) -> list[str]:
    return _HEADING.findall(_prose(page.read_text("utf-8")))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
