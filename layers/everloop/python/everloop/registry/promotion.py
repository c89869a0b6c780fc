"""Promote and roll back: pure changes of a model's aliases, recorded in its history."""

from datetime import datetime

from everloop.contracts.registry import AliasChange, Aliases
from everloop.errors import ConflictingRequestError


def promote(aliases: Aliases, version: int, *, at: datetime, reason: str, by: str) -> Aliases:
    """Make `version` the champion; nothing changes when it is already."""
    if aliases.champion == version:
        return aliases
    return _change(aliases, "promote", version, at=at, reason=reason, by=by)


def promote_once(aliases: Aliases, version: int, *, against: int | None, at: datetime, reason: str, by: str) -> Aliases:
    """`promote` for whom is delivered at least once, and only over the champion the version was judged against.

    What `by` promoted before stays as somebody left it since.
    """
    if was_promoted(aliases, version, by) or aliases.champion != against:
        return aliases
    return promote(aliases, version, at=at, reason=reason, by=by)


def was_promoted(aliases: Aliases, version: int, by: str) -> bool:
    return any(change.champion == version and change.by == by for change in aliases.history)


def roll_back(aliases: Aliases, *, at: datetime, reason: str, by: str) -> Aliases:
    """Give the alias back to the champion before this one; raises ConflictingRequestError when there is none."""
    previous = aliases.predecessor
    if previous is None:
        have = f"version {aliases.champion} is its first champion" if aliases.champion else "it has no champion"
        raise ConflictingRequestError(f"{aliases.model!r} cannot be rolled back: {have}")
    return _change(aliases, "rollback", previous, at=at, reason=reason, by=by)


def _change(aliases: Aliases, action: str, version: int, *, at: datetime, reason: str, by: str) -> Aliases:
    # Two writers' clocks differ, and the slower one may win later: a change is never older than the one before it.
    at = max([at, *(change.at for change in aliases.history[-1:])])
    change = AliasChange.model_validate(
        {
            "epoch": aliases.epoch + 1,
            "at": at,
            "action": action,
            "champion": version,
            "previous": aliases.champion,
            "reason": reason,
            "by": by,
        }
    )
    return Aliases(model=aliases.model, epoch=change.epoch, champion=version, history=(*aliases.history, change))
