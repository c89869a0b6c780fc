"""Promote, roll back, and divide the traffic: pure changes of a model's aliases, recorded in its history."""

from datetime import datetime

from everloop.contracts.registry import AliasChange, Aliases
from everloop.contracts.traffic import Traffic
from everloop.errors import ConflictingRequestError


def promote(aliases: Aliases, version: int, *, at: datetime, reason: str, by: str) -> Aliases:
    """Make `version` the champion, of all traffic; nothing changes when it is champion already."""
    if aliases.champion == version:
        return aliases
    return _change(aliases, "promote", version, None, at=at, reason=reason, by=by)


def promote_once(aliases: Aliases, version: int, *, against: int | None, at: datetime, reason: str, by: str) -> Aliases:
    """`promote` for whom is delivered at least once, and only over the champion the version was judged against.

    What `by` changed before stays as somebody left it since, and an experiment that runs is not ended.
    """
    if not _may_still(aliases, against, by):
        return aliases
    return promote(aliases, version, at=at, reason=reason, by=by)


def change_by(aliases: Aliases, by: str) -> AliasChange | None:
    """The first one; whoever is delivered at least once makes one change only."""
    return next((change for change in aliases.history if change.by == by), None)


def roll_back(aliases: Aliases, *, at: datetime, reason: str, by: str) -> Aliases:
    """Give all traffic to the champion before this one; raises ConflictingRequestError when there is none."""
    previous = aliases.predecessor
    if previous is None:
        have = f"version {aliases.champion} is its first champion" if aliases.champion else "it has no champion"
        running = f"; its {running_experiment(aliases.traffic)} can be stopped" if aliases.traffic else ""
        raise ConflictingRequestError(f"{aliases.model!r} cannot be rolled back: {have}{running}")
    return _change(aliases, "rollback", previous, None, at=at, reason=reason, by=by)


def start_traffic(aliases: Aliases, traffic: Traffic, *, at: datetime, reason: str, by: str) -> Aliases:
    """Begin an experiment; raises ConflictingRequestError unless it is the only one, against another champion."""
    if aliases.champion is None:
        raise ConflictingRequestError(f"{aliases.model!r} has no champion to compare with; promote a version first")
    if aliases.traffic:
        raise ConflictingRequestError(
            f"{aliases.model!r} has an {running_experiment(aliases.traffic)}; expected one at a time: stop it, or wait"
            f" for its end, at {aliases.traffic.ends_at:%Y-%m-%d %H:%M} UTC at the latest"
        )
    if traffic.challenger == aliases.champion:
        raise ConflictingRequestError(f"version {traffic.challenger} of {aliases.model!r} is the champion itself")
    return _change(aliases, "traffic", aliases.champion, traffic, at=at, reason=reason, by=by)


def start_traffic_once(
    aliases: Aliases, traffic: Traffic, *, against: int | None, at: datetime, reason: str, by: str
) -> Aliases:
    """`start_traffic` as `promote_once` promotes."""
    if not _may_still(aliases, against, by):
        return aliases
    return start_traffic(aliases, traffic, at=at, reason=reason, by=by)


def step_traffic(aliases: Aliases, salt: str, *, at: datetime, reason: str, by: str) -> Aliases:
    """The next share of the canary with this salt; nothing changes before it has kept the present one for `step_for`.

    So a step that is delivered twice is one step.
    """
    traffic = aliases.traffic
    if not traffic or traffic.salt != salt or not traffic.steps or at - traffic.step_since < traffic.step_for:
        return aliases
    share, *left = traffic.steps
    stepped = traffic.model_copy(update={"share": share, "steps": tuple(left), "step_since": at})
    return _change(aliases, "traffic", aliases.champion, stepped, at=at, reason=reason, by=by)


def stop_traffic(aliases: Aliases, *, at: datetime, reason: str, by: str, salt: str | None = None) -> Aliases:
    """All traffic to the champion; nothing changes unless an experiment runs: if given, the one with this salt."""
    if not aliases.traffic or salt not in (None, aliases.traffic.salt):
        return aliases
    return _change(aliases, "traffic", aliases.champion, None, at=at, reason=reason, by=by)


def promote_challenger(aliases: Aliases, salt: str, *, at: datetime, reason: str, by: str) -> Aliases:
    """Nothing changes unless the experiment with this salt runs."""
    if not aliases.traffic or aliases.traffic.salt != salt:
        return aliases
    return promote(aliases, aliases.traffic.challenger, at=at, reason=reason, by=by)


def running_experiment(traffic: Traffic) -> str:
    """`experiment (canary) with version 2 since 2026-03-14 09:26 UTC`"""
    return (
        f"experiment ({traffic.mode}) with version {traffic.challenger} since {traffic.started_at:%Y-%m-%d %H:%M} UTC"
    )


def _may_still(aliases: Aliases, against: int | None, by: str) -> bool:
    """Whether who is delivered at least once comes for the first time, and finds what it was judged against."""
    return change_by(aliases, by) is None and aliases.champion == against and aliases.traffic is None


def _change(
    aliases: Aliases, action: str, champion: int | None, traffic: Traffic | None, *, at: datetime, reason: str, by: str
) -> Aliases:
    # Two writers' clocks differ, and the slower one may win later: a change is never older than the one before it.
    at = max([at, *(change.at for change in aliases.history[-1:])])
    change = AliasChange.model_validate(
        {
            "epoch": aliases.epoch + 1,
            "at": at,
            "action": action,
            "champion": champion,
            "previous": aliases.champion,
            "reason": reason,
            "by": by,
            "traffic": traffic,
        }
    )
    return Aliases(
        model=aliases.model,
        epoch=change.epoch,
        champion=change.champion,
        traffic=traffic,
        history=(*aliases.history, change),
    )
