"""Random features over random rows, drawn from one seed: every operator of the table, nulls, extremes, odd texts."""

import random
import struct
from datetime import datetime, timedelta
from typing import Any

Row = tuple[Any, ...]

FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, -3.7, 0.49999999999999994, 1e308, -1e308, 5e-324, 1e-308]
FLOATS += [3.5e38, 2.0**31, 2.0**52 + 1, 2.0**53, 2.0**63, -(2.0**63), 1 / 3, float("inf"), float("-inf"), float("nan")]
TEXTS = [
    "",
    "x",
    "y",
    "X",
    "é",
    "É",
    "e\u0301",
    "日本",
    "it's",
    '"',
    " ",
    "🦆",
    "NULL",
    "a" * 40,
    "a\nb",
    "100%",
    "a_b",
]
TEXTS += ["\\", "ß", "İ", "ſ", "\u212a", "K", "k", "ΑΣ", "ǆ", "[a]", "(.*)", "a\\%b", "\r\n", "\u2028", "1", "12.5"]
LETTERS = "aAbBxXyYkK%_\\'. \n1éÉßİ日🦆\u0301\u212a"
PATTERNS = [
    "%",
    "_",
    "__",
    "x%",
    "%b",
    "%a%",
    "a_b",
    "_%_",
    "100%",
    "%é",
    "日_",
    "[a]",
    "(.*)",
    "%'%",
    "a\n%",
    "X",
    "K",
]
MOMENTS = [
    datetime(1900, 1, 1),
    datetime(1900, 2, 28, 23, 59, 59, 999_999),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(2000, 2, 29, 12),
    datetime(2024, 2, 29, 23, 59, 59, 999_999),
    datetime(2023, 12, 31, 23, 59),
    datetime(2100, 2, 28, 1, 2, 3, 4),
    datetime(2100, 12, 31, 23, 59, 59, 999_999),
]
_CENTURIES = (datetime(2100, 12, 31) - datetime(1900, 1, 1)) // timedelta(microseconds=1)

NUMBER_LEAVES = ["a", "b", "n", "a", "b", "n", "0", "1", "2", "0.1", "-1", "1e308", "1e-300", "1.00000001", "3", "60"]
TIMES = ["at", "at", "at", "TIMESTAMP '2024-02-29 12:30:00'", "DATE '1999-12-31'"]
PARTS = ["second", "minute", "hour", "dayofweek", "isodow", "day", "week", "month", "quarter", "dayofyear", "year"]
UNITS = ["second", "minute", "hour", "day", "month", "quarter", "year"]
FUNCTIONS = ["abs", "floor", "ceil", "round", "trunc", "sign", "sqrt", "ln", "log", "log2", "exp", "sin", "cos"]
TYPES = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE"]
ORDERS = ["<", "<=", ">", ">=", "=", "<>"]


class RandomSql:
    """Expressions of each kind, at most `depth` operators deep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._one_of = self._random.choice

    def features(self, count: int) -> dict[str, str]:
        """One in three is a number, a boolean, a text; some use one that came before."""
        features: dict[str, str] = {}
        for index in range(count):
            make, column = self._one_of([(self.number, "a"), (self.boolean, "flag"), (self.text, "s")])
            sql = make(self._random.randint(1, 4))
            # A feature must read a column; this reads one and has no effect on the value.
            features[f"f{index}"] = f"coalesce({sql}, nullif({column}, {column}))"
        features["used"] = "CASE WHEN f0 IS NULL THEN 1 ELSE 2 END"
        return features

    def rows(self, count: int) -> list[Row]:
        """(at, a, b, n, flag, s, t)"""
        values = (self._moment, self._float, self._float, self._integer, self._flag, self._words, self._words)
        return [tuple(None if self._random.random() < 0.15 else value() for value in values) for _ in range(count)]

    def number(self, depth: int) -> str:
        if depth == 0:
            return self._one_of(NUMBER_LEAVES)
        n, b, t, m = (lambda make=make: make(depth - 1) for make in (self.number, self.boolean, self.text, self.moment))
        one_of = self._one_of
        forms = [
            lambda: f"({n()} {one_of(['+', '-', '*', '/', '//', '%'])} {n()})",
            lambda: f"({n()} {one_of(['+', '-', '*', '/', '//', '%'])} {n()})",
            lambda: f"{one_of(FUNCTIONS)}({n()})",
            lambda: f"{one_of(FUNCTIONS)}({n()})",
            lambda: f"(- {n()})",
            lambda: f"{one_of(['power', 'mod', 'log', 'nullif'])}({n()}, {n()})",
            lambda: f"({n()} ^ {one_of(['2', '3', '0.5', '-1', '0'])})",
            lambda: f"{one_of(['least', 'greatest', 'coalesce'])}({n()}, {n()}, {n()})",
            lambda: f"{one_of([*PARTS, 'epoch'])}({m()})",
            lambda: f"(epoch({m()}) - epoch({m()}))",
            lambda: f"date_diff('{one_of(UNITS)}', {m()}, {m()})",
            lambda: f"CAST({one_of([n, b])()} AS {one_of(TYPES)})",
            lambda: f"CASE WHEN {b()} THEN {n()} WHEN {b()} THEN {n()} END",
            lambda: f"CASE {n()} WHEN {n()} THEN {n()} ELSE {n()} END",
            lambda: f"CASE {t()} WHEN {t()} THEN {n()} ELSE {n()} END",
            lambda: f"if({b()}, {n()}, {n()})",
        ]
        return one_of(forms)()

    def boolean(self, depth: int) -> str:
        if depth == 0:
            return self._one_of(["flag", "flag", "TRUE", "FALSE", "(flag IS NULL)"])
        n, b, t, m = (lambda make=make: make(depth - 1) for make in (self.number, self.boolean, self.text, self.moment))
        one_of, no = self._one_of, lambda: self._one_of(["", "NOT "])
        forms = [
            lambda: f"({n()} {one_of(ORDERS)} {n()})",
            lambda: f"({m()} {one_of(ORDERS)} {m()})",
            lambda: f"({t()} {one_of(['=', '<>'])} {t()})",
            lambda: f"({b()} {one_of(['AND', 'OR', 'AND', 'OR', '='])} {b()})",
            lambda: f"(NOT {b()})",
            lambda: f"({one_of([n, b, t, m])()} IS {no()}NULL)",
            lambda: f"({n()} {no()}IN (0, 1, 2.5, 3))",
            lambda: f"({n()} {no()}IN ({n()}, NULL, 2))",
            lambda: f"({t()} {no()}IN ('x', 'é', '日本', 'it''s'))",
            lambda: f"({t()} {no()}IN ({t()}, ''))",
            lambda: f"({n()} {no()}BETWEEN {n()} AND {n()})",
            lambda: f"({t()} {no()}{one_of(['LIKE', 'ILIKE'])} {self._pattern()})",
            lambda: f"({t()} {no()}{one_of(['LIKE', 'ILIKE'])} {self._pattern()})",
            lambda: f"{one_of(['starts_with', 'ends_with', 'contains'])}({t()}, {quoted(one_of(PATTERNS))})",
            lambda: f"CAST({n()} AS BOOLEAN)",
        ]
        return one_of(forms)()

    def text(self, depth: int) -> str:
        if depth == 0:
            return self._one_of(["s", "t", "s", "t", quoted(self._one_of(TEXTS))])
        t = lambda: self.text(depth - 1)  # noqa: E731  three letters keep each form on a line
        forms = [
            lambda: f"coalesce({t()}, {t()})",
            lambda: f"nullif({t()}, {t()})",
            lambda: f"lower({t()})",
            lambda: f"upper({t()})",
            lambda: f"({t()} || {t()})",
            lambda: f"concat({t()}, {t()}, {t()})",
            lambda: f"CASE WHEN {self.boolean(depth - 1)} THEN {t()} ELSE {t()} END",
        ]
        return self._one_of(forms)()

    def moment(self, depth: int) -> str:
        if depth == 0:
            return self._one_of(TIMES)
        m = lambda: self.moment(depth - 1)  # noqa: E731  as above
        forms = [
            m,
            lambda: f"CAST({m()} AS DATE)",
            lambda: f"coalesce({m()}, {m()})",
            lambda: f"greatest({m()}, {m()})",
        ]
        return self._one_of(forms)()

    def _pattern(self) -> str:
        pattern = self._one_of([*PATTERNS, "".join(self._random.choices(LETTERS, k=self._random.randint(1, 4)))])
        if "!" in pattern or self._random.random() < 0.5:
            return quoted(pattern)
        return f"{quoted(pattern.replace('_', '!_'))} ESCAPE '!'"

    def _float(self) -> float:
        draw = self._random
        (any_bits,) = struct.unpack("<d", draw.randbytes(8))
        return float(self._one_of([self._one_of(FLOATS), any_bits, draw.gauss(0, 3), draw.randint(-9, 9) / 2]))

    def _integer(self) -> int:
        return self._one_of([self._random.randint(-(2**62), 2**62), self._random.randint(-3, 3)])

    def _flag(self) -> bool:
        return self._random.random() < 0.5

    def _moment(self) -> datetime:
        if self._random.random() < 0.3:
            return self._one_of(MOMENTS)
        return datetime(1900, 1, 1) + timedelta(microseconds=self._random.randrange(_CENTURIES))

    def _words(self) -> str:
        if self._random.random() < 0.5:
            return self._one_of(TEXTS)
        return "".join(self._letter() for _ in range(self._random.randint(0, 6)))

    def _letter(self) -> str:
        if self._random.random() < 0.7:
            return self._one_of(LETTERS)
        point = self._random.randrange(1, 0x110000 - 0x800)
        return chr(point if point < 0xD800 else point + 0x800)  # surrogates are no characters


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
