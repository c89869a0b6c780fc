"""Operators on text: LIKE, joining, and the case of ASCII letters. '' is the null of text."""

import functools
import re
import string
from collections.abc import Callable, Iterator
from functools import partial

from sqlglot import exp

from everloop.features.expression import Literal, Operator, operand
from everloop.features.graph import NULL_TEXT, Graph, Tensor
from everloop.features.signature import Kind, SignatureError, all_of

ESCAPE = "\\"
_WILDCARDS = {"%": ".*", "_": "."}
_MAXIMUM_PATTERN = 200  # characters; from some thousands on RE2 runs out of its cache and is slow

_LOWER_TO_UPPER = (string.ascii_lowercase, string.ascii_uppercase)
_UPPER_TO_LOWER = (string.ascii_uppercase, string.ascii_lowercase)

_JOIN = all_of(Kind.TEXT, gives=Kind.TEXT)
_MATCH = all_of(Kind.TEXT, gives=Kind.BOOLEAN)


def escaped(text: str) -> str:
    """As a pattern that this text alone is LIKE."""
    return "".join(ESCAPE + letter if letter in (*_WILDCARDS, ESCAPE) else letter for letter in text)


def _pattern(node: exp.Expr) -> tuple[str]:
    """The pattern of a LIKE, with a backslash as its escape whatever was declared."""
    pattern, escape = _quoted(node.expression), _quoted(node.args.get("escape") or exp.Literal.string(""))
    if pattern == NULL_TEXT:
        raise SignatureError("an empty text is null; write IS NULL")
    if len(pattern) > _MAXIMUM_PATTERN:
        raise SignatureError(f"expected a pattern of at most {_MAXIMUM_PATTERN} characters, got {len(pattern)}")
    if len(escape) > 1:
        raise SignatureError(f"expected one character after ESCAPE, got {escape!r}")
    return ("".join(token if wild else escaped(token) for token, wild in _tokens(pattern, escape)),)


def _quoted(node: exp.Expr) -> str:
    if not node.is_string:
        raise SignatureError(
            "expected a pattern in quotes: it becomes a part of the ONNX graph, so no row can bring it"
        )
    return str(node.name)


def _tokens(pattern: str, escape: str) -> Iterator[tuple[str, bool]]:
    """Each character to find, and whether it is a wildcard."""
    characters = iter(pattern)
    for character in characters:
        if character != escape:
            yield character, character in _WILDCARDS
        elif literal := next(characters, None):
            yield literal, False
        else:
            raise SignatureError("the pattern ends with its escape character")


def _regex(pattern: str, of_letter: Callable[[str], str]) -> str:
    tokens = _tokens(pattern, ESCAPE)
    return "(?s)" + "".join(_WILDCARDS[token] if wild else of_letter(token) for token, wild in tokens)


def _any_case(letter: str) -> str:
    # Not RE2's (?i): it also takes U+017F for s and U+212A for k.
    return f"[{letter.lower()}{letter.upper()}]" if letter in string.ascii_letters else re.escape(letter)


def _matching(of_letter: Callable[[str], str]) -> Callable[..., Tensor]:
    def match(graph: Graph, pattern: str, text: Tensor) -> Tensor:
        regex = _regex(pattern, of_letter)
        found = graph.op("RegexFullMatch", text, pattern=regex)
        if re.fullmatch(regex, NULL_TEXT):
            found = graph.op("And", found, graph.op("Not", graph.is_null(text)))
        return graph.truth(found, null_if=(text,))

    return match


def _like_sql(pattern: str, text: str) -> str:
    return f"({text} LIKE {Literal(pattern, Kind.TEXT).to_duckdb()} ESCAPE '{ESCAPE}')"


def _ilike_sql(pattern: str, text: str) -> str:
    return _like_sql(pattern.translate(str.maketrans(*_UPPER_TO_LOWER)), _translated(*_UPPER_TO_LOWER)(text))


def _translated(letters: str, others: str) -> Callable[[str], str]:
    # DuckDB's own lower and upper know all of Unicode; ONNX knows what the machine's locale knows.
    return f"translate({{}}, '{letters}', '{others}')".format


def _in_case(action: str) -> Callable[[Graph, Tensor], Tensor]:
    def normalize(graph: Graph, text: Tensor) -> Tensor:
        """StringNormalizer takes one row of one text or more: hence the spare one. The locale C is on every machine."""
        spare = graph.constant(" ")
        row = graph.op("Reshape", graph.op("Concat", spare, text, axis=0), graph.integers(1, -1))
        changed = graph.op("StringNormalizer", row, case_change_action=action, locale="C")
        column = graph.op("Reshape", changed, graph.integers(-1, 1))
        return graph.op("Slice", column, graph.integers(1), graph.integers(_END), graph.integers(0), is_text=True)

    return normalize


_END = 2**63 - 1


def _join(graph: Graph, *texts: Tensor) -> Tensor:
    """A null is '' and adds nothing."""
    return functools.reduce(partial(graph.op, "StringConcat", is_text=True), texts)


def _join_unless_null(graph: Graph, *texts: Tensor) -> Tensor:
    return graph.unless_null(_join(graph, *texts), *texts)


TEXT: tuple[Operator, ...] = (
    Operator("LIKE", exp.Like, _MATCH, _like_sql, _matching(re.escape), arguments=operand, settings=_pattern),
    Operator(
        "ILIKE",
        exp.ILike,
        _MATCH,
        _ilike_sql,
        _matching(_any_case),
        arguments=operand,
        settings=_pattern,
    ),
    Operator(
        "||",
        exp.DPipe,
        _JOIN,
        lambda *texts: f"({' || '.join(texts)})",
        _join_unless_null,
        arguments=lambda node: list(node.flatten()),
    ),
    Operator("concat", exp.Concat, _JOIN, lambda *texts: f"nullif(concat({', '.join(texts)}), '')", _join),
    Operator("lower", exp.Lower, _JOIN, _translated(*_UPPER_TO_LOWER), _in_case("LOWER")),
    Operator("upper", exp.Upper, _JOIN, _translated(*_LOWER_TO_UPPER), _in_case("UPPER")),
)
