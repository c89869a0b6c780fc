"""Where an answer came from: its inputs, the version, what that learned from, and the same answer made again."""

import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from everloop.columns import Columns
from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.sections import Constant
from everloop.errors import ModelUnavailableError, NotFoundError
from everloop.ids import moment_of
from everloop.monitoring.rescoring import logged_columns, rescore
from everloop.scorer import Scorer
from everloop.sql import open_database
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.predictions import FEATURE_PREFIX, INPUT_PREFIX, PredictionLog
from everloop.stores.registry import LINEAGE, ModelRegistry

RULE = "rule:"
_SHADOW = "shadow_"
_OUTCOME_FILES = 3_000
"""That are looked through, oldest first, from the day of the row on: outcomes have nothing that finds an id in them."""
_READERS = 10
"""Threads that read at once: as many as a client of S3 keeps connections."""
_OF_LINEAGE = ("run_id", "algorithm", "code_version", "dataset_version", "reason", "requested_by", "imported")
_GONE = (ModelUnavailableError, NotFoundError, ValueError)
"""What a link of the chain may fail with that is no longer there, or cannot be read; S3 that fails is none of these."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHY_OTHERWISE = (
    "the definition may have changed since, so that the model takes other columns or other history, and another"
    " processor may round otherwise"
)

FirstRule = Callable[[Definition, Columns], int]
"""The place of the rule that the first row meets, or -1."""


class Explainer:
    def __init__(
        self,
        *,
        log: PredictionLog,
        registry: ModelRegistry,
        datasets: DatasetStore,
        batches: BatchStore,
        first_rule: FirstRule,
    ) -> None:
        self._log = log
        self._registry = registry
        self._datasets = datasets
        self._batches = batches
        self._first_rule = first_rule

    def explain(self, prediction_id: str, definition_of: Callable[[str], Definition]) -> dict[str, Any]:
        """Raises NotFoundError for an id that is not in the log. What else cannot be found is listed as `missing`."""
        try:
            moment_of(prediction_id)
        except ValueError as error:
            raise NotFoundError(str(error)) from error
        found = self._log.find(prediction_id)
        if found is None:
            raise NotFoundError(
                f"no prediction {prediction_id!r} is in the log; one that was just made is written within seconds: ask"
                " again"
            )
        model, key = found
        definition = definition_of(model)
        with tempfile.TemporaryDirectory() as folder:
            row = self._row(key, prediction_id, Path(folder))
            outcomes, complete = self._outcomes(definition, row, Path(folder))
        missing = [] if complete else [f"only the oldest {_OUTCOME_FILES:,} files of outcomes were looked through"]
        inputs = {name: row[INPUT_PREFIX + name] for name in definition.served_columns if INPUT_PREFIX + name in row}
        of_requests = definition.inputs  # made anew each time
        answer = ("score", "label", "version", "answered_by", "variant", "latency_ms")
        version = self._version(model, row["version"], missing)
        return {
            "prediction_id": prediction_id,
            "model": model,
            "predicted_at": _moment(row["predicted_at"]),
            "event_time": _moment(row["event_time"]),
            "answer": {name: row.get(name) for name in answer},
            "request": {name: _told(of_requests[name], value) for name, value in inputs.items() if name in of_requests},
            "personal": {name: column.pii for name, column in of_requests.items() if column.pii},
            "history": {name: value for name, value in inputs.items() if name not in of_requests},
            "features": {name: row.get(FEATURE_PREFIX + name) for name in definition.features},
            "rule": _rule(definition, row["answered_by"]),
            "shadow": _shadow(row),
            "outcomes": outcomes,
            "version": version,
            "dataset": self._dataset(model, version, missing),
            "reexecution": self._again(definition, row, inputs),
            "missing": missing,
        }

    def _row(self, key: str, prediction_id: str, folder: Path) -> dict[str, Any]:
        path = folder / "predictions.parquet"
        self._log.download(key, path)
        # DuckDB gives moments with a zone only to those who have pytz.
        query = (
            "SELECT * REPLACE (epoch_us(predicted_at) AS predicted_at, epoch_us(event_time) AS event_time)"
            " FROM read_parquet($files) WHERE prediction_id = $id LIMIT 1"
        )
        return _rows(query, [path], prediction_id)[0]

    def _outcomes(self, definition: Definition, row: dict[str, Any], folder: Path) -> tuple[list[dict[str, Any]], bool]:
        """Oldest first, and whether all files were looked through."""
        first = _EPOCH + timedelta(microseconds=min(row["event_time"], row["predicted_at"]))
        keys = list(islice(self._log.keys("outcomes", definition.name, first.date()), _OUTCOME_FILES + 1))
        complete = len(keys) <= _OUTCOME_FILES
        paths = self._log.download_all(keys[:_OUTCOME_FILES], folder, "outcomes")
        query = (
            "SELECT DISTINCT actual, epoch_us(observed_at) AS observed_at FROM read_parquet($files)"
            " WHERE prediction_id = $id ORDER BY observed_at, actual"
        )
        found = _rows(query, paths, row["prediction_id"]) if paths else []
        return [{**each, "observed_at": _moment(each["observed_at"])} for each in found], complete

    def _version(self, model: str, version: int | None, missing: list[str]) -> dict[str, Any] | None:
        if version is None:
            return None
        try:
            manifest = self._registry.manifest(model, version)
            lineage = json.loads(self._registry.read(model, version, LINEAGE))
        except _GONE as error:
            missing.append(f"version {version}: {error}")
            return {"version": version}
        return {
            "version": version,
            "created_at": manifest.created_at.isoformat(),
            "sha256": manifest.files.get("model.onnx"),
            **{name: lineage[name] for name in _OF_LINEAGE if name in lineage},
        }

    def _dataset(self, model: str, version: dict[str, Any] | None, missing: list[str]) -> dict[str, Any] | None:
        """With its batches and the files that these came from."""
        if not version or not version.get("dataset_version"):
            return None
        name = version["dataset_version"]
        try:
            manifest = self._datasets.manifest(model, name)
        except _GONE as error:
            missing.append(f"dataset {name}: {error}")
            return {"version": name}
        with ThreadPoolExecutor(_READERS) as pool:
            sources = list(pool.map(lambda batch: self._source(model, batch.batch_id), manifest.batches))
        missing += [source for source in sources if isinstance(source, str)]
        batches = [
            {"batch_id": batch.batch_id, "rows": batch.rows, **({} if isinstance(source, str) else source)}
            for batch, source in zip(manifest.batches, sources, strict=True)
        ]
        as_of = manifest.as_of.isoformat() if manifest.as_of else None
        return {"version": name, "as_of": as_of, "batches": batches}

    def _source(self, model: str, batch_id: str) -> dict[str, str] | str:
        """Of a batch, or why it is not known."""
        try:
            report = self._batches.report(model, batch_id)
        except _GONE as error:
            return f"batch {batch_id}: {error}"
        return {"file": report.source.key, "received_at": report.received_at.isoformat()}

    def _again(self, definition: Definition, row: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        """`reproduced` is None where there is nothing to be made again, or not what it takes."""
        try:
            columns = logged_columns(definition, {name: [value] for name, value in inputs.items()})
            if row["answered_by"].startswith(RULE):
                return self._rule_again(definition, row, columns)
            if row["version"] is None:
                return {"reproduced": None, "detail": "the declared constant answered: there is nothing to compute"}
            scorer = Scorer(self._registry.read(definition.name, row["version"], "model.onnx"))
            scorer.check_schema(definition)
            found = rescore(definition, scorer, columns)
        except (ModelUnavailableError, NotFoundError) as error:
            return {"reproduced": None, "detail": str(error)}
        score, label = found.scores[0], found.labels[0]
        same = (score, label) == (row["score"], row["label"])
        told = {"reproduced": same, "score": score, "label": label}
        if not same:
            bits = [None if each is None else float(each).hex() for each in (row["score"], score)]
            told["detail"] = (
                f"the log has score {bits[0]} and label {row['label']!r}, now it is {bits[1]} and {label!r}:"
                f" {_WHY_OTHERWISE}"
            )
        return told

    def _rule_again(self, definition: Definition, row: dict[str, Any], columns: Columns) -> dict[str, Any]:
        place = self._first_rule(definition, columns)
        if place < 0:
            return {"reproduced": False, "detail": "now no rule answers: the rules have changed since"}
        rule = definition.serving.rules[place]
        told = dict(zip(("score", "label"), _as_logged(rule.answer), strict=True))
        now = {"answered_by": RULE + rule.name, **told}
        if all(row[name] == value for name, value in now.items()):
            return {"reproduced": True, **told}
        return {
            "reproduced": False,
            **told,
            "detail": f"now {now['answered_by']} answers {rule.answer!r}: the rules have changed since",
        }


def _rule(definition: Definition, answered_by: str) -> dict[str, Any] | None:
    if not answered_by.startswith(RULE):
        return None
    name = answered_by.removeprefix(RULE)
    declared: Sequence[dict[str, str | Constant]] = [
        rule.model_dump() for rule in definition.serving.rules if rule.name == name
    ]
    return dict(declared[0]) if declared else {"name": name, "when": None, "answer": None}


def _as_logged(constant: Constant) -> tuple[float | None, str | None]:
    """Score and label."""
    if isinstance(constant, tuple):
        return None, json.dumps(constant, ensure_ascii=False)
    return (None, constant) if isinstance(constant, str) else (float(constant), None)


def _told(column: Column, value: Any) -> Any:
    """A moment as clients write it: the log has seconds since 1970, unless the column was of another type then."""
    if column.type is not ColumnType.TIMESTAMP or not isinstance(value, float):
        return value
    try:
        return _moment(round(value * 1_000_000))
    except (ValueError, OverflowError):
        return value


def _moment(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()


def _shadow(row: dict[str, Any]) -> dict[str, Any] | None:
    if row.get("shadow_version") is None:
        return None
    return {name.removeprefix(_SHADOW): value for name, value in row.items() if name.startswith(_SHADOW)}


def _rows(query: str, files: Sequence[Path], prediction_id: str) -> list[dict[str, Any]]:
    with open_database(files[0].parent) as connection:
        answer = connection.execute(query, {"files": list(map(str, files)), "id": prediction_id})
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, values, strict=True)) for values in answer.fetchall()]
