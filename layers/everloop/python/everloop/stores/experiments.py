"""Judgements of experiments in the lake, by the experiment's salt and the moment they looked at."""

from datetime import datetime

from everloop.contracts.experiments import ExperimentReport
from everloop.ports import ObjectStore
from everloop.stores.checks import check_id


class ExperimentStore:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def save(self, report: ExperimentReport) -> bool:
        """False, and nothing changes, when this moment was judged already."""
        key = _key(report.model, report.salt, report.judged_at)
        return self._objects.put_new(key, report.model_dump_json(indent=1).encode())

    def find(self, model: str, salt: str, moment: datetime) -> ExperimentReport | None:
        key = _key(model, salt, moment)
        return ExperimentReport.model_validate_json(self._objects.get(key).body) if self._objects.exists(key) else None

    def newest(self, model: str, salt: str) -> ExperimentReport | None:
        keys = list(self._objects.list_keys(_folder(model, salt)))
        return ExperimentReport.model_validate_json(self._objects.get(keys[-1]).body) if keys else None


def _folder(model: str, salt: str) -> str:
    # NOTE: not below checks/{model}/: a model may be called "experiments".
    return f"experiments/{model}/{salt}/"


def _key(model: str, salt: str, moment: datetime) -> str:
    return f"{_folder(model, salt)}{check_id(moment)}.json"
