"""Write a draft as TOML that people like to read: one line for each column, and beside it what the file holds."""

import json
import re
from collections.abc import Iterator

from everloop.contracts.base import Contract
from everloop.contracts.recommendation import Recommendation
from everloop.contracts.tasks import Task
from everloop.drafting.drafted import Draft, DraftColumn, Role

COMMENT_PLACE = 72
"""Comments of a block stand below one another, at most here; longer lines have theirs where they end."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


Line = tuple[str, str]
"""TOML, and the comment behind it."""


def render(draft: Draft) -> str:
    sections = (_head, _data, _csv, _columns, _left_out, _suspects, _forecast, _features, _training, _serving)
    blocks = ("\n".join(_aligned(list(section(draft)))) for section in sections)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _aligned(lines: list[Line]) -> Iterator[str]:
    place = max((len(text) for text, comment in lines if comment and len(text) < COMMENT_PLACE), default=0)
    for text, comment in lines:
        yield f"{text:<{place}}  # {_UNPRINTABLE.sub(' ', comment)}" if comment else text


def _remark(text: str) -> Line:
    return f"# {_UNPRINTABLE.sub(' ', text)}", ""


def _head(draft: Draft) -> Iterator[Line]:
    yield _remark(f"Drafted from {draft.file}, {draft.rows:,} rows: comments tell what they hold.")
    yield from (_remark(f"NOTE: {note}") for note in draft.notes)
    yield f"name = {value(draft.name)}", ""
    yield f"task = {value(draft.goal.task.value)}", f"{draft.target}: {draft.goal.why}"


def _data(draft: Draft) -> Iterator[Line]:
    yield "[data]", ""
    yield f"target = {value(draft.target)}", ""
    if draft.goal.positive is not None:
        yield f"positive = {value(draft.goal.positive)}", "counts as 1"
    if draft.timestamp:
        rivals = " or ".join(draft.timestamp_rivals)
        yield f"timestamp = {value(draft.timestamp)}", f"or {rivals}, if that is when a row happened" if rivals else ""
    if draft.row_id:
        yield f"row_id = [{value(draft.row_id)}]", "of rows with the same one the newest wins"
    if draft.forecast and draft.timestamp and not draft.row_id:
        names = ", ".join(map(value, (draft.timestamp, *draft.forecast.by)))
        yield f"# row_id = [{names}]", "without this #, a value that is delivered again takes the place of the old one"
    elif draft.possible_row_id:
        yield (
            f"# row_id = [{value(draft.possible_row_id)}]",
            "different in every row; without this # and its column's, of rows with the same one the newest wins",
        )
    if draft.entity and draft.goal.task is Task.RECOMMENDATION:
        yield f"entity = {value(draft.entity)}", "to whom; its rows without one are not learned from"
    elif draft.entity:
        yield f"# entity = {value(draft.entity)}", "if rows are about it: carried along, and not learned from"
    if draft.maximum_invalid_share is not None:
        yield f"maximum_invalid_share = {draft.maximum_invalid_share}", "this file has many rows without what is needed"


def _csv(draft: Draft) -> Iterator[Line]:
    hints = _set(draft.csv)
    if hints:
        yield "[data.csv]", ""
        yield from ((f"{key} = {value(hint)}", "") for key, hint in hints.items())


def _columns(draft: Draft) -> Iterator[Line]:
    yield "[columns]", ""
    for column in draft.declared:
        role = "" if column.role is Role.INPUT else column.role.value
        yield _entry(column), _told(role, column.shown, column.nulls, column.why)


def _left_out(draft: Draft) -> Iterator[Line]:
    if draft.left_out:
        yield _remark("Left out; take the # away to declare one.")
    for column in draft.left_out:
        yield f"# {_entry(column)}", _told(column.why, column.shown, column.nulls)


def _suspects(draft: Draft) -> Iterator[Line]:
    if draft.suspects:
        yield _remark(
            "Left out as well: these seem to be known only with the target. Take the # away if that is wrong."
        )
    for column in draft.suspects:
        yield f"# {_entry(column)}", _told(column.why)


def _entry(column: DraftColumn) -> str:
    settings = _set(column.column)
    short = settings.keys() == {"type"}
    return f"{key(column.name)} = {value(settings['type'] if short else settings)}"


def _told(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _forecast(draft: Draft) -> Iterator[Line]:
    told = {
        "period": "the most frequent time between rows",
        "horizon": "how far ahead it is asked for at most: write what you need",
        "seasons": "after each it is expected to look alike",
        "by": "which tell rows of one moment apart: a series for each",
    }
    if draft.forecast:
        yield "[forecast]", ""
        yield from ((f"{name} = {value(setting)}", told[name]) for name, setting in _set(draft.forecast).items())


def _features(draft: Draft) -> Iterator[Line]:
    if draft.features:
        yield "[features]", ""
        yield from ((f"{key(name)} = {value(sql)}", "") for name, sql in draft.features.items())


def _training(draft: Draft) -> Iterator[Line]:
    if draft.minimum_training_rows is not None or not draft.splits_by_time:
        yield "[training]", ""
    if draft.minimum_training_rows is not None:
        yield f"minimum_rows = {draft.minimum_training_rows}", "200, if nothing is said"
    if not draft.splits_by_time:
        yield 'holdout = { by = "random" }', "by time, a class would be missing where it is needed"


def _serving(draft: Draft) -> Iterator[Line]:
    usual = _usual(draft)
    if usual is not None:
        yield _remark("[serving]")
        yield f"# fallback = {value(usual)}", "what to answer when no version can: what is usual here"


def _usual(draft: Draft) -> float | str | list[str] | None:
    """The mean of numbers, the share of the positive class, the most frequent one of several classes, or items."""
    target = next(column.facts for column in draft.columns if column.role is Role.TARGET)
    assert target is not None  # only a moment is put together
    if draft.goal.task is Task.MULTICLASS:
        return target.levels[0][0]
    if draft.goal.task is Task.RECOMMENDATION:
        return [item for item, _ in target.levels[: Recommendation().items]]
    usual = target.mean
    if draft.goal.positive is not None:
        usual = dict(draft.goal.classes)[draft.goal.positive] / target.present
    return None if usual is None else float(f"{usual:.3g}")


def _set(contract: Contract) -> dict[str, object]:
    found: dict[str, object] = contract.model_dump(mode="json", exclude_defaults=True)
    return {name: setting for name, setting in found.items() if setting not in (None, [], ())}


def key(name: str) -> str:
    """
    >>> print(key("cnt"), key("Tool wear [min]"), key("default.payment"))
    cnt "Tool wear [min]" "default.payment"
    """
    return name if _BARE.fullmatch(name) else value(name)


def value(setting: object) -> str:
    """
    >>> print(value({"type": "category", "allowed": ['a', 'b "c"'], "minimum": 0.0, "nullable": False}))
    { type = "category", allowed = ["a", "b \\"c\\""], minimum = 0, nullable = false }
    """
    if isinstance(setting, dict):
        return f"{{ {', '.join(f'{key(name)} = {value(inner)}' for name, inner in setting.items())} }}"
    if isinstance(setting, list | tuple):
        return f"[{', '.join(map(value, setting))}]"
    if isinstance(setting, float):
        return f"{setting:.0f}" if setting.is_integer() and abs(setting) < 1e15 else repr(setting)
    # JSON writes texts as TOML does, but for DEL.
    return json.dumps(setting, ensure_ascii=False).replace("\x7f", "\\u007f")
