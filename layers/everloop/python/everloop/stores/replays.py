"""Replays in the lake, by version and the moment until which they looked."""

from everloop.contracts.replays import ReplayReport
from everloop.ports import ObjectStore
from everloop.stores.checks import check_id


class ReplayStore:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def save(self, report: ReplayReport) -> str:
        """The key; a replay of the same version and moment that is there already stays."""
        # NOTE: not below checks/{model}/: a model may be called "replays".
        key = f"replays/{report.model}/{report.version}-{check_id(report.until)}.json"
        self._objects.put_new(key, report.model_dump_json(indent=1).encode())
        return key
