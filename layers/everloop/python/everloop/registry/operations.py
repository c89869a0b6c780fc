"""What an operator may do to a model, each checked, recorded and announced."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from everloop.contracts.definition import Definition
from everloop.contracts.imports import EXPECTED, ImportedModel
from everloop.contracts.registry import Aliases, TrainingRequest
from everloop.contracts.tasks import Task
from everloop.errors import ConflictingRequestError, MalformedBodyError, NotFoundError
from everloop.ports import Clock, EventBus
from everloop.registry.moments import parse_moment
from everloop.registry.promotion import promote, promote_once, roll_back, was_promoted
from everloop.registry.reproduction import plan_reproduction
from everloop.stores.registry import ModelRegistry

Change = Callable[..., Aliases]

IMPORTABLE = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)
_OF_A_RUN: dict[str, type] = {"as_of": str, "reason": str}
_LONGEST_DETAIL = 200


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
        if not isinstance(body, dict):
            raise MalformedBodyError(f'expected an object {{"sha256": str, …}}, got a JSON {type(body).__name__}')
        fields = _fields({name: body[name] for name in _OF_A_RUN if name in body}, _OF_A_RUN)
        imported = _imported({name: value for name, value in body.items() if name not in _OF_A_RUN})
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
        return self._set_champion(promote, model, fields["version"], reason=reason, by=by).model_dump(mode="json")

    def promote_trained(
        self, model: str, version: int, *, against: int | None, reason: str, run_id: str
    ) -> tuple[bool, Aliases]:
        """The end of a training run: promote, unless the champion is no longer the one it was judged `against`.

        Repeated, it does not undo a rollback that came in between. Tells whether the run promoted its version.
        """
        by = f"run {run_id}"
        aliases = self._set_champion(partial(promote_once, against=against), model, version, reason=reason, by=by)
        return was_promoted(aliases, version, by), aliases

    def _set_champion(self, change: Change, model: str, version: int, *, reason: str, by: str) -> Aliases:
        """Raises NotFoundError unless the version is complete."""
        versions = self._registry.versions(model)
        if version not in versions:
            have = ", ".join(map(str, versions)) or "none"
            raise NotFoundError(f"model {model!r} has no version {version}; there are: {have}")
        return self._change(model, lambda aliases: change(aliases, version, at=self._clock.now(), reason=reason, by=by))

    def roll_back(self, model: str, body: Any, *, by: str) -> dict[str, Any]:
        reason = _fields(body, {"reason": str}).get("reason", "rolled back by an operator")
        aliases = self._change(model, lambda aliases: roll_back(aliases, at=self._clock.now(), reason=reason, by=by))
        return aliases.model_dump(mode="json")

    def _change(self, model: str, change: Callable[[Aliases], Aliases]) -> Aliases:
        aliases = self._registry.change_aliases(model, change)
        if aliases.history:
            # Announced again when nothing changed: an earlier attempt may have died before it could tell.
            newest = aliases.history[-1].model_dump(mode="json")
            self._events.publish("model.alias_changed", subject=model, data={"alias": "champion", **newest})
        return aliases


def _imported(body: dict[str, Any]) -> ImportedModel:
    try:
        return ImportedModel.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "value_error":  # one of ours, in our words
            what = str(first["msg"]).removeprefix("Value error, ")
        else:
            field = [part for part in first["loc"] if isinstance(part, str)][-1]
            got = "nothing" if first["type"] == "missing" else repr(first["input"])
            what = f"expected {EXPECTED[field]}, got {got}"[:_LONGEST_DETAIL]
        raise MalformedBodyError(f"{where}: {what}" if where else what) from error


def _fields(body: Any, expected: dict[str, type]) -> dict[str, Any]:
    shape = ", ".join(f'"{name}": {kind.__name__}' for name, kind in expected.items())
    if not isinstance(body, dict):
        raise MalformedBodyError(f"expected an object {{{shape}}}, got a JSON {type(body).__name__}")
    for name, value in body.items():
        if name not in expected:
            raise MalformedBodyError(f"unknown key {name!r}; expected {{{shape}}}")
        if type(value) is not expected[name]:
            raise MalformedBodyError(f"{name}: expected {expected[name].__name__}, got {value!r}"[:_LONGEST_DETAIL])
    return body
