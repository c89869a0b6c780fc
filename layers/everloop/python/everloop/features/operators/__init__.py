"""The table of all operators a feature may use: to add one is to add one entry to one of these modules."""

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.operators.arithmetic import ARITHMETIC
from everloop.features.operators.calendar import CALENDAR
from everloop.features.operators.cast import CAST
from everloop.features.operators.choice import CHOICE
from everloop.features.operators.comparison import COMPARISON
from everloop.features.operators.logic import LOGIC
from everloop.features.operators.text import TEXT

OPERATORS: dict[type[exp.Expr], Operator] = {
    operator.node: operator for operator in (*ARITHMETIC, *COMPARISON, *LOGIC, *CHOICE, *CALENDAR, *TEXT, *CAST)
}

_SAME_AT_ANY_TIME = "a column of the request: for the same row a feature is the same at any time"
_EARLIER_ROWS = "an entry of [history], which looks at earlier rows"

WAYS_AROUND: dict[str, str] = {
    "tan": "sin(x) / cos(x)",
    "cbrt": "sign(x) * power(abs(x), 1.0 / 3)",
    "degrees": "x * 57.29577951308232",
    "radians": "x * 0.017453292519943295",
    "pi": "3.141592653589793",
    "fmod": "x % y",
    "is_inf": "IS NULL: a number that is not finite is null",
    "is_nan": "IS NULL: a number that is not finite is null",
    "date_sub": "date_diff('day', a, b), or trunc((epoch(b) - epoch(a)) / 86400)",
    "datesub": "date_diff('day', a, b), or trunc((epoch(b) - epoch(a)) / 86400)",
    "age": "date_diff('day', a, b), or epoch(a) - epoch(b)",
    "interval": "epoch(t) + 86400",
    "timestamp_trunc": "CAST(t AS DATE) for the day",
    "millisecond": "floor(epoch(t) * 1000) % 60000",
    "epoch_us": "epoch(t) * 1000000",
    "unix_to_time": "epoch(t) * 1000",
    "dayname": "dayofweek(t)",
    "monthname": "month(t)",
    "now": _SAME_AT_ANY_TIME,
    "current_date": _SAME_AT_ANY_TIME,
    "current_timestamp": _SAME_AT_ANY_TIME,
    "rand": _SAME_AT_ANY_TIME,
    "sum": _EARLIER_ROWS,
    "count": _EARLIER_ROWS,
    "avg": _EARLIER_ROWS,
    "max": f"greatest(x, y), or {_EARLIER_ROWS}",
    "min": f"least(x, y), or {_EARLIER_ROWS}",
    "null_safe_eq": "=, or IS NULL",
    "null_safe_neq": "<>, or IS NULL",
    "concat_ws": "a || '-' || b",
    "regexp_like": "LIKE",
    "regexp_full_match": "LIKE",
    "regexp_ilike": "ILIKE",
    "similar_to": "LIKE",
    "glob": "LIKE",
}
"""What does the work of what is not in the table, by the parser's name for it in snake case."""

WITHOUT_ONNX: dict[str, str] = {
    "trim": "= or IN with each of the spellings, or LIKE '%word%'",
    "length": "LIKE '___%' for a text of three characters or more",
    "substring": "LIKE 'ab%' for what a text begins with",
    "left": "LIKE 'ab%' for what a text begins with",
    "right": "LIKE '%ab' for what a text ends with",
    "str_position": "LIKE '%word%' for whether a text is in it",
    "replace": "CASE WHEN s = 'old' THEN 'new' ELSE s END",
    "reverse": "LIKE '%ab' for what a text ends with",
    "strip_accents": "CASE WHEN s = 'é' THEN 'e' ELSE s END",
    "pad": "||",
    "regexp_replace": "CASE WHEN s LIKE '…' THEN 'new' ELSE s END",
    "regexp_extract": "CASE WHEN s LIKE '…' THEN 'found' END",
    "split_part": "CASE WHEN s LIKE 'first,%' THEN 'first' END",
    "levenshtein": "= or IN with each of the spellings",
    "bitwise_and": "x // 4 % 2 for the third bit",
    "bitwise_or": "x // 4 % 2 for the third bit",
    "bitwise_xor": "x // 4 % 2 for the third bit",
}
"""Functions on what ONNX has no operator for, and what comes nearest."""
