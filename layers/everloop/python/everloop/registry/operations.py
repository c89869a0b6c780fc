"""What an operator may do to a model, each checked, recorded and announced."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from everloop.contracts import imports, traffic
from everloop.contracts.definition import Definition
from everloop.contracts.imports import ImportedModel
from everloop.contracts.registry import Aliases, RunStatus, TrainingRequest
from everloop.contracts.tasks import Task
from everloop.contracts.traffic import TrafficRequest
from everloop.errors import ConflictingRequestError, MalformedBodyError, NotFoundError
from everloop.ports import Clock, EventBus
from everloop.registry.moments import parse_moment
from everloop.registry.promotion import (
    change_by,
    promote,
    promote_challenger,
    promote_once,
    roll_back,
    running_experiment,
    start_traffic,
    start_traffic_once,
    step_traffic,
    stop_traffic,
)
from everloop.registry.reproduction import plan_reproduction
from everloop.registry.traffic import plan_traffic
from everloop.stores.registry import ModelRegistry

Change = Callable[..., Aliases]
Body = TypeVar("Body", bound=BaseModel)

IMPORTABLE = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)
_OF_A_RUN: dict[str, type] = {"as_of": str, "reason": str}
_LONGEST_DETAIL = 200
_EVENTS = {"traffic": "model.traffic_changed"}
"""Of changes that leave the champion; the others announce a new one."""


class Introduction(NamedTuple):
    """What the end of a training run made of its version."""

    status: RunStatus
    detail: str
    """Why it is on trial, or is neither that nor champion."""
    aliases: Aliases


class Operations:
    def __init__(self, registry: ModelRegistry, events: EventBus, clock: Clock, next_id: Callable[[], str]) -> None:
        self._registry = registry
        self._events = events
        self._clock = clock
        self._next_id = next_id

    def request_training(self, model: str, body: Any, *, by: str) -> dict[str, Any]:
        """Publish `training.requested`; the run can be followed under the returned run_id."""
        fields = _fields(body, _OF_A_RUN)
        request = TrainingRequest(
            model=model,
            run_id=self._next_id(),
            as_of=self._moment(fields.get("as_of")),
            reason=fields.get("reason", "asked for by an operator"),
            requested_by=by,
        )
        return self._request(request)

    def request_reproduction(self, definition: Definition, version: int, *, by: str) -> dict[str, Any]:
        """Like `request_training`, for a run that makes a version again and compares; it registers nothing."""
        as_of, reproduction = plan_reproduction(self._registry, definition, version)
        return self._request(
            TrainingRequest(
                model=definition.name,
                run_id=self._next_id(),
                as_of=as_of,
                reason=f"to make version {version} again",
                requested_by=by,
                reproduction=reproduction,
            )
        )

    def request_import(self, definition: Definition, body: Any, *, by: str) -> dict[str, Any]:
        """Like `request_training`, for a run whose candidate is a model that was trained elsewhere.

        Its file, and that of reference predictions, lie in the landing bucket already.
        """
        if definition.task not in IMPORTABLE:
            raise ConflictingRequestError(
                f"{definition.name!r} is a model of {definition.task}; expected one of {', '.join(IMPORTABLE)}"
            )
        asked = _object(body, '"sha256": str, …')
        fields = _fields({name: asked[name] for name in _OF_A_RUN if name in asked}, _OF_A_RUN)
        about = {name: value for name, value in asked.items() if name not in _OF_A_RUN}
        imported = _validated(ImportedModel, about, imports.EXPECTED)
        return self._request(
            TrainingRequest(
                model=definition.name,
                run_id=self._next_id(),
                as_of=self._moment(fields.get("as_of")),
                reason=fields.get("reason", f"`{imported.file}` was imported by an operator"),
                requested_by=by,
                imported=imported,
            )
        )

    def _moment(self, as_of: str | None) -> datetime:
        return self._clock.now() if as_of is None else parse_moment("as_of", as_of, error=MalformedBodyError)

    def _request(self, request: TrainingRequest) -> dict[str, Any]:
        document = request.model_dump(mode="json")
        self._events.publish("training.requested", subject=request.model, data=document)
        return document

    def promote(self, model: str, body: Any, *, by: str) -> dict[str, Any]:
        fields = _fields(body, {"version": int, "reason": str})
        if "version" not in fields:
            raise MalformedBodyError('expected {"version": <number>, "reason"?: <text>}, got no version')
        reason = fields.get("reason", "promoted by an operator")
        self._require(model, fields["version"])
        change = partial(promote, version=fields["version"])
        return self._change(model, change, reason=reason, by=by).model_dump(mode="json")

    def introduce(
        self, definition: Definition, version: int, *, mode: str, against: int | None, reason: str, run_id: str
    ) -> Introduction:
        """The end of a training run: promote, or put on trial, as `promotion.mode` says; the first version is promoted.

        Neither if the champion is no longer the one it was judged `against`, or if an experiment runs. Repeated, it
        undoes nothing that came in between.
        """
        self._require(definition.name, version)
        change: Change = partial(promote_once, version=version, against=against)
        if mode != "automatic" and against is not None:
            request = TrafficRequest.model_validate({"mode": mode, "challenger": version})
            planned = plan_traffic(definition, request, salt=self._next_id(), at=self._clock.now())
            change = partial(start_traffic_once, traffic=planned, against=against)
        by = f"run {run_id}"
        aliases = self._change(definition.name, change, reason=reason, by=by)
        made = change_by(aliases, by)
        if made is None:
            return Introduction("registered", _declined(aliases), aliases)
        if made.traffic:
            return Introduction("challenging", f"began an {running_experiment(made.traffic)}", aliases)
        return Introduction("promoted", "", aliases)

    def roll_back(self, model: str, body: Any, *, by: str) -> dict[str, Any]:
        reason = _fields(body, {"reason": str}).get("reason", "rolled back by an operator")
        return self._change(model, roll_back, reason=reason, by=by).model_dump(mode="json")

    def change_traffic(self, definition: Definition, body: Any, *, by: str) -> dict[str, Any]:
        """Begin an experiment; or end the one that runs, with the mode `champion`: all traffic is the champion's."""
        model = definition.name
        if _object(body, '"mode": str, …').get("mode") == "champion":
            reason = _fields(body, {"mode": str, "reason": str}).get("reason", "stopped by an operator")
            return self._change(model, stop_traffic, reason=reason, by=by).model_dump(mode="json")
        request = _validated(TrafficRequest, body, traffic.EXPECTED)
        self._require(model, request.challenger)
        planned = plan_traffic(definition, request, salt=self._next_id(), at=self._clock.now())
        reason = request.reason or "begun by an operator"
        change = partial(start_traffic, traffic=planned)
        return self._change(model, change, reason=reason, by=by).model_dump(mode="json")

    # What the judge of experiments decides, each for the experiment with this salt and for no later one

    def promote_challenger(self, model: str, salt: str, reason: str) -> Aliases:
        return self._change(model, partial(promote_challenger, salt=salt), reason=reason, by=f"experiment {salt}")

    def step(self, model: str, salt: str, reason: str) -> Aliases:
        return self._change(model, partial(step_traffic, salt=salt), reason=reason, by=f"experiment {salt}")

    def stop(self, model: str, salt: str, reason: str) -> Aliases:
        return self._change(model, partial(stop_traffic, salt=salt), reason=reason, by=f"experiment {salt}")

    def _require(self, model: str, version: int) -> None:
        """Raises NotFoundError unless the version is complete."""
        versions = self._registry.versions(model)
        if version not in versions:
            have = ", ".join(map(str, versions)) or "none"
            raise NotFoundError(f"model {model!r} has no version {version}; there are: {have}")

    def _change(self, model: str, change: Change, *, reason: str, by: str) -> Aliases:
        aliases = self._registry.change_aliases(
            model, lambda aliases: change(aliases, at=self._clock.now(), reason=reason, by=by)
        )
        if aliases.history:
            # Announced again when nothing changed: an earlier attempt may have died before it could tell.
            newest = aliases.history[-1]
            event = _EVENTS.get(newest.action, "model.alias_changed")
            self._events.publish(event, subject=model, data={"alias": "champion", **newest.model_dump(mode="json")})
        return aliases


def _declined(aliases: Aliases) -> str:
    by_hand = "compare the two and promote by hand, or train again"
    if aliases.traffic:
        return f"an {running_experiment(aliases.traffic)} was running, and there is one at a time; {by_hand}"
    return f"version {aliases.champion} became champion while this run was under way; {by_hand}"


def _validated(contract: type[Body], body: Any, expected: Mapping[str, str]) -> Body:
    """Raises MalformedBodyError; `expected` tells in words what each field takes."""
    try:
        return contract.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "value_error":  # one of ours, in our words
            what = str(first["msg"]).removeprefix("Value error, ")
        else:
            field = [part for part in first["loc"] if isinstance(part, str)][-1]
            got = "nothing" if first["type"] == "missing" else repr(first["input"])
            what = f"expected {expected[field]}, got {got}"[:_LONGEST_DETAIL]
        raise MalformedBodyError(f"{where}: {what}" if where else what) from error


def _object(body: Any, shape: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise MalformedBodyError(f"expected an object {{{shape}}}, got a JSON {type(body).__name__}")
    return body


def _fields(body: Any, expected: dict[str, type]) -> dict[str, Any]:
    shape = ", ".join(f'"{name}": {kind.__name__}' for name, kind in expected.items())
    fields = _object(body, shape)
    for name, value in fields.items():
        if name not in expected:
            raise MalformedBodyError(f"unknown key {name!r}; expected {{{shape}}}")
        if type(value) is not expected[name]:
            raise MalformedBodyError(f"{name}: expected {expected[name].__name__}, got {value!r}"[:_LONGEST_DETAIL])
    return fields
