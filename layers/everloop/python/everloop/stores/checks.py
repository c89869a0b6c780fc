"""Monitoring checks in the lake, ordered by the moment they looked at."""

from datetime import UTC, datetime

from everloop.contracts.monitoring import Check
from everloop.ports import ObjectStore


def check_id(scheduled_time: datetime) -> str:
    """The same scheduled moment gives the same id, so a schedule that fires twice makes one check."""
    return scheduled_time.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


class CheckStore:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def save(self, check: Check) -> bool:
        key = f"checks/{check.model}/{check.check_id}.json"
        return self._objects.put_new(key, check.model_dump_json(indent=1).encode())

    def since(self, model: str, moment: datetime | None = None) -> list[Check]:
        """Oldest first."""
        folder = f"checks/{model}/"
        after = folder + check_id(moment) if moment else ""
        keys = self._objects.list_keys(folder, after=after)
        return [Check.model_validate_json(self._objects.get(key).body) for key in keys]

    def find(self, model: str, identifier: str) -> Check | None:
        key = f"checks/{model}/{identifier}.json"
        return Check.model_validate_json(self._objects.get(key).body) if self._objects.exists(key) else None
