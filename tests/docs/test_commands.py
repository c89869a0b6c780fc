"""Every command that a page names exists, with those arguments and options, and every command is on some page."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from local import cli
from tests.docs.markdown import REPOSITORY, SHELLS, Snippet, blocks, commands, spans, split

PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*…?|…")
"""NAME, FILE…, VERSION: "1" is a name, a path and a number."""

OURS = ("everloop", "make")
IN_BLOCKS = [
    pytest.param(command, id=f"{block}: {' '.join(command)}")
    for block in blocks(*SHELLS)
    for command in commands(block)
    if Path(command[0]).name in OURS
]
IN_PROSE = [
    pytest.param(command, id=f"{span}: {span.text}")
    for span in spans()
    if span.text.startswith(tuple(f"{name} " for name in OURS))
    for command in split(span.text)
]


def command_line() -> Any:
    """The commands of `everloop`, parsing their arguments and doing nothing."""
    group: Any = typer.main.get_command(cli.app)
    for command in known_commands(group).values():
        command.callback = lambda **_: None
    return group


def known_commands(group: Any) -> dict[str, Any]:
    """Each command by all its words: `train`, `experiment start`."""
    found = {}
    for name, command in group.commands.items():
        below = known_commands(command) if hasattr(command, "commands") else {}
        found |= {f"{name} {word}": each for word, each in below.items()} or {name: command}
    return found


@cache
def make_knows(*arguments: str) -> str | None:
    """None, or why `make` cannot do it; nothing is run."""
    done = subprocess.run(
        ["make", "--dry-run", *arguments], cwd=REPOSITORY, check=False, capture_output=True, text=True
    )
    return done.stderr if done.returncode else None


@pytest.mark.parametrize("command", IN_BLOCKS)
def test_a_command_in_a_block_can_be_typed_as_it_stands(command: list[str]) -> None:
    program, *arguments = command
    if Path(program).name == "make":
        assert make_knows(*arguments) is None
        return
    typed = ["1" if PLACEHOLDER.fullmatch(word) else word for word in arguments]
    command_line().main(typed, prog_name="everloop", standalone_mode=False)  # raises what is wrong


@pytest.mark.parametrize("command", IN_PROSE)
def test_a_command_in_the_text_exists_with_its_options(command: list[str]) -> None:
    """It may leave its arguments out: the text is about it, and nobody types it from there."""
    program, name, *arguments = command
    if program == "make":
        assert make_knows(name, *arguments) is None
        return
    known = known_commands(command_line())
    meant = [each for words, each in known.items() if f"{' '.join(command[1:])} ".startswith(f"{words} ")]
    meant = meant or [each for words, each in known.items() if arguments == [] and words.split()[0] == name]
    assert meant
    options = {option for each in meant for parameter in each.params for option in parameter.opts} | {"--help"}
    assert {word.split("=")[0] for word in arguments if word.startswith("-")} <= options


@pytest.mark.parametrize("name", known_commands(command_line()))
def test_every_command_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(cli.app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert known_commands(command_line())[name].help, "a docstring"


def test_every_command_is_on_some_page() -> None:
    told: list[Snippet] = [*blocks(*SHELLS), *spans()]
    text = "\n".join(snippet.text for snippet in told)
    names = known_commands(command_line())
    assert {name for name in names if not re.search(rf"\beverloop {name}\b", text)} == set()
