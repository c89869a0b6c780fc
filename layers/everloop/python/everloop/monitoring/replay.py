"""Logged traffic through another version: which answers flip, where, and what that is worth."""

import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.replays import Compared, CostBound, Differences, ReplayReport, ReplayRequest, Segment
from everloop.contracts.tasks import Task
from everloop.errors import RequestError, WrongSchemaError
from everloop.metrics import METRICS, bootstrap_difference
from everloop.monitoring.comparable import Floats, Texts, comparable
from everloop.monitoring.losses import loss_of
from everloop.monitoring.rescoring import check_impersonal, logged_columns, rescore
from everloop.monitoring.window import STRAY, counted_outcomes
from everloop.scorer import Scorer
from everloop.sql import fetch_number, identifier, open_database
from everloop.stores.predictions import INPUT_PREFIX, PredictionLog
from everloop.stores.registry import VersionReader

_FILES = 200
"""Of the log that lie on the disk at once."""
_ROWS = 10_000
"""That are scored at once."""
_TIMED_ROWS = 100
_KNOWN_ROWS = 200_000
"""With an outcome that are compared at most: more would tell the same, and their texts need memory."""
_VALUES = 50
"""Of a column that is cut into segments; of more, the most frequent ones where the column was asked for."""
_LEAST_ROWS = 20
"""Of a segment that nobody asked for: in fewer, chance flips them all."""
_DIRECTIONS = 20
_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_BINS = 20
_NORMAL_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
_RULE, _CONSTANT = "a rule answered them", "the declared constant answered them"

Objects = npt.NDArray[np.object_]


class Replayer:
    def __init__(self, *, log: PredictionLog, registry: VersionReader) -> None:
        self._log = log
        self._registry = registry

    def replay(self, definition: Definition, request: ReplayRequest) -> ReplayReport:
        """Of what was answered in the time before `until`, whatever day the rows are of: forecasts lie ahead.

        Raises RequestError, and ModelUnavailableError when the version cannot be run. Memory is bounded: DuckDB keeps
        what is compared, and spills it.
        """
        scorer = Scorer(self._registry.read(definition.name, request.version, "model.onnx"))
        scorer.check_schema(definition)
        segments = _segments(definition, request.by)
        with tempfile.TemporaryDirectory() as name, open_database(Path(name)) as connection:
            replay = _Replay(connection, definition, request, scorer, segments)
            for paths in self._downloaded(self._log.keys_since(definition.name, request.until - request.last), name):
                replay.take(paths)
            replay.forget_repeated()
            if first := replay.first_day():
                for paths in self._downloaded(self._log.keys("outcomes", definition.name, first), name):
                    replay.take_outcomes(paths)
            return replay.report()

    def _downloaded(self, keys: Iterable[str], folder: str) -> Iterator[list[Path]]:
        """Some files at a time, which are gone when the next ones come."""
        waiting = iter(keys)
        while some := list(islice(waiting, _FILES)):
            paths = self._log.download_all(some, Path(folder), "log")
            yield paths
            for path in paths:
                path.unlink()


class _Replay:
    """What was answered and what the version answers, row by row in the table `replayed`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        definition: Definition,
        request: ReplayRequest,
        scorer: Scorer,
        segments: Sequence[str],
    ) -> None:
        self._connection = connection
        self._definition = definition
        self._request = request
        self._scorer = scorer
        self._segments = segments
        self._skipped: Counter[str] = Counter()
        self._latencies_ms: list[float] = []
        self._window = {"since": request.until - request.last, "until": request.until}
        declared = ", ".join(f"{identifier(INPUT_PREFIX + name)} varchar" for name in segments)
        connection.execute(
            "create temp table replayed (prediction_id varchar, event_us bigint, version bigint, score double,"
            " label varchar, latency_ms double, other_score double, other_label varchar, moved double, flipped boolean"
            f"{f', {declared}' if declared else ''})"
        )
        connection.execute("create temp table outcomes (prediction_id varchar, actual varchar, observed_at bigint)")

    # Rows

    def take(self, paths: Sequence[Path]) -> None:
        for present, files in self._by_schema(paths).items():
            self._take_alike(dict(present), files)

    def _by_schema(self, paths: Sequence[Path]) -> dict[tuple[tuple[str, bool], ...], list[str]]:
        """Files by the inputs that they have, and whether these are texts."""
        found: dict[str, list[tuple[str, bool]]] = {str(path): [] for path in paths}
        told = self._connection.execute(
            "select file_name, name, type = 'BYTE_ARRAY' from parquet_schema($files) where starts_with(name, $prefix)"
            " order by all",
            {"files": list(found), "prefix": INPUT_PREFIX},
        )
        for file, name, is_text in told.fetchall():
            found[file].append((name.removeprefix(INPUT_PREFIX), is_text))
        files: dict[tuple[tuple[str, bool], ...], list[str]] = defaultdict(list)
        for file, columns in found.items():
            files[tuple(columns)].append(file)
        return files

    def _take_alike(self, present: Mapping[str, bool], files: Sequence[str]) -> None:
        version = self._request.version
        names = [name for name in self._scorer.inputs if name in present]
        selected = [
            "prediction_id, epoch_us(event_time) as event_us, version, score, label, latency_ms",
            *(identifier(INPUT_PREFIX + name) for name in names),
            *(
                f"cast({identifier(INPUT_PREFIX + name) if name in present else 'null'} as varchar)"
                f" as {identifier(name)}"
                for name in self._segments
            ),
        ]
        # What is nobody's traffic is left out: versions that callers asked for by number.
        rows = (
            "from read_parquet($files) where predicted_at >= $since and predicted_at < $until and variant <> 'pinned'"
        )
        given = {"files": list(files), **self._window}
        reason = (
            f"case when starts_with(answered_by, 'rule:') then '{_RULE}' when version is null then '{_CONSTANT}'"
            f" when version = {version} then 'version {version} answered them itself' end"
        )
        problem = self._problem(present)
        self._connection.execute(
            f"create or replace temp table taken as select {', '.join(selected)} {rows} and {reason} is null", given
        )
        counted = self._connection.execute(f"select {reason}, count(*) {rows} group by 1", given).fetchall()
        self._skipped.update({why: count for told, count in counted if (why := told or problem)})
        if problem is None:
            count = fetch_number(self._connection.execute("select count(*) from taken"))
            for first in range(0, count, _ROWS):
                self._score(first, names)

    def _problem(self, present: Mapping[str, bool]) -> str | None:
        """Why the version cannot score rows that have these inputs."""
        try:
            check_impersonal(self._definition, self._scorer.inputs, "the version takes")
        except WrongSchemaError as error:
            return str(error)
        missing = [name for name in self._scorer.inputs if name not in present]
        if missing:
            return f"logged before {', '.join(missing)} was declared"
        other = [name for name, is_textual in self._scorer.inputs.items() if present[name] != is_textual]
        return f"logged when {', '.join(other)} had another type" if other else None

    def _score(self, first: int, names: Sequence[str]) -> None:
        """The rows from `first` on."""
        rows: dict[str, Any] = self._connection.execute(
            "select * from taken where rowid >= $first and rowid < $end order by rowid",
            {"first": first, "end": first + _ROWS},
        ).fetchnumpy()
        inputs = {name: _filled(rows[INPUT_PREFIX + name]) for name in names}
        columns = logged_columns(self._definition, inputs)
        if not self._latencies_ms:
            self._time(columns, len(rows["score"]))
        found = rescore(self._definition, self._scorer, columns)
        other_score, other_label = _objects(found.scores), _objects(found.labels)
        score, label = _filled(rows["score"]), _filled(rows["label"])
        moved, flipped = self._moved(score, label, other_score, other_label)
        compared = {
            "prediction_id": rows["prediction_id"],
            "event_us": rows["event_us"],
            "version": rows["version"],
            "score": np.array(score, np.float64),
            "label": _objects(label),
            "latency_ms": np.ma.filled(np.ma.asanyarray(rows["latency_ms"]).astype(np.float64), np.nan),
            "other_score": np.array(other_score, np.float64),
            "other_label": other_label,
            "moved": moved,
            "flipped": flipped,
            **{INPUT_PREFIX + name: _objects(_filled(rows[name])) for name in self._segments},
        }
        answered = np.array([a is not None or b is not None for a, b in zip(*found, strict=True)])
        if not answered.all():
            self._skipped[f"version {self._request.version} answers NaN or infinity"] += int((~answered).sum())
            compared = {name: values[answered] for name, values in compared.items()}
        self._connection.execute("insert into replayed by name select * from compared")

    def _time(self, columns: Mapping[str, npt.NDArray[Any]], rows: int) -> None:
        for row in range(min(rows, _TIMED_ROWS)):
            one = {name: values[row : row + 1] for name, values in columns.items()}
            begun = time.perf_counter()
            rescore(self._definition, self._scorer, one)
            self._latencies_ms.append(1_000 * (time.perf_counter() - begun))

    def _moved(
        self, score: Sequence[Any], label: Sequence[Any], other_score: Objects, other_label: Objects
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Of each row how far the answer moved, and whether it is another one."""
        if self._definition.task is not Task.RECOMMENDATION:
            moved = np.array(other_score, np.float64) - np.array(score, np.float64)
            return moved, np.array([a != b for a, b in zip(label, other_label, strict=True)])
        pairs = [(json.loads(a or "[]"), json.loads(b or "[]")) for a, b in zip(label, other_label, strict=True)]
        shares = [1 - len({*a} & {*b}) / max(len(a), len(b), 1) for a, b in pairs]
        return np.array(shares), np.array([a[:1] != b[:1] for a, b in pairs])

    def forget_repeated(self) -> None:
        self._connection.execute(
            "delete from replayed where rowid not in (select min(rowid) from replayed group by prediction_id)"
        )

    # Outcomes

    def first_day(self) -> date | None:
        """From which on outcomes of the rows may have been observed."""
        stray = f"select quantile_disc(make_timestamp(event_us)::date, {STRAY}) from replayed"
        [(first,)] = self._connection.execute(stray).fetchall()
        return min(first, self._window["since"].date()) if first else None

    def take_outcomes(self, paths: Sequence[Path]) -> None:
        self._connection.execute(
            "insert into outcomes select prediction_id, actual, epoch_us(observed_at) from read_parquet($files)"
            " where observed_at <= $until and prediction_id in (select prediction_id from replayed)",
            {"files": list(map(str, paths)), "until": self._window["until"]},
        )

    # What it comes to

    def report(self) -> ReplayReport:
        rows = fetch_number(self._connection.execute("select count(*) from replayed"))
        versions = self._all("select version, count(*) from replayed group by 1 order by 1")
        [(flips, latency_ms)] = self._all(
            "select count(*) filter (flipped), median(latency_ms) filter (not isnan(latency_ms)) from replayed"
        )
        known = self._known()
        return ReplayReport(
            model=self._definition.name,
            version=self._request.version,
            since=self._window["since"],
            until=self._window["until"],
            logged_versions={str(version): count for version, count in versions},
            rows=rows,
            skipped=dict(self._skipped.most_common()),
            flips=flips if self._has_labels else None,
            agreement=1 - flips / rows if rows and self._has_labels else None,
            directions=self._directions(),
            differences=self._differences() if rows else None,
            segments=tuple(self._cut()) if rows else (),
            latency_ms=float(np.median(self._latencies_ms)) if self._latencies_ms else None,
            logged_latency_ms=latency_ms,
            outcomes=len(known["actual"]),
            metric=self._metric(known),
            loss=self._loss(known),
            cost_bound=self._cost_bound(),
        )

    @property
    def _has_labels(self) -> bool:
        return self._definition.task not in (Task.REGRESSION, Task.FORECASTING)

    def _all(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()

    def _directions(self) -> dict[str, int]:
        if self._definition.task is Task.RECOMMENDATION:
            return {}
        named = "if(moved > 0, 'higher', if(moved < 0, 'lower', 'same'))"
        if self._has_labels:
            named = "label || ' → ' || other_label"
        only = "where flipped" if self._has_labels else ""
        query = f"select {named}, count(*) from replayed {only} group by 1 order by 2 desc, 1 limit {_DIRECTIONS}"
        return dict(self._all(query))

    def _differences(self) -> Differences:
        moved = np.asarray(self._connection.execute("select moved from replayed").fetchnumpy()["moved"], np.float64)
        quantiles = np.quantile(moved, _QUANTILES)
        low, high = np.quantile(moved, (0.01, 0.99))
        edges = np.linspace(low, high, _BINS + 1) if high > low else np.array([low, high])
        counts, _ = np.histogram(np.clip(moved, low, high), edges) if high > low else (np.array([len(moved)]), None)
        return Differences(
            mean=float(moved.mean()),
            quantiles={f"{100 * at:g} %": float(value) for at, value in zip(_QUANTILES, quantiles, strict=True)},
            edges=tuple(edges.tolist()),
            counts=tuple(counts.tolist()),
        )

    def _cut(self) -> list[Segment]:
        found: list[Segment] = []
        for name in self._segments:
            column = identifier(INPUT_PREFIX + name)
            values = fetch_number(self._connection.execute(f"select count(distinct {column}) from replayed"))
            if values > _VALUES and self._request.by is None:
                continue
            query = (
                f"select {column}, count(*), count(*) filter (flipped), avg(abs(moved)) from replayed group by 1"
                f" order by 2 desc, 1 limit {_VALUES}"
            )
            found += [
                Segment(
                    column=name,
                    value=value,
                    rows=rows,
                    flips=flips if self._has_labels else None,
                    mean_distance=distance,
                )
                for value, rows, flips, distance in self._all(query)
                if rows >= _LEAST_ROWS or self._request.by
            ]
        return sorted(
            found, key=lambda each: (-(each.flips or 0) / each.rows, -each.mean_distance, each.column, each.value or "")
        )

    def _known(self) -> dict[str, Any]:
        """Texts and scores of rows with an outcome."""
        read: dict[str, Any] = self._connection.execute(
            "select actual, score, coalesce(label, '') as label, other_score, coalesce(other_label, '') as other_label"
            f" from replayed join {counted_outcomes(self._definition, 'outcomes')} using (prediction_id)"
            f" order by hash(prediction_id) limit {_KNOWN_ROWS}"
        ).fetchnumpy()
        texts = {name: np.asarray(read[name], dtype=object) for name in ("actual", "label", "other_label")}
        return texts | {name: np.asarray(_filled(read[name]), np.float64) for name in ("score", "other_score")}

    def _metric(self, known: Mapping[str, Any]) -> Compared | None:
        definition = self._definition
        if len(known["actual"]) < definition.monitoring.minimum_rows:
            return None
        actual, logged = comparable(definition, known["actual"], known["score"], known["label"])
        _, version = comparable(definition, known["actual"], known["other_score"], known["other_label"])
        if definition.task is Task.BINARY and np.ptp(actual) == 0:
            return None  # one class only: its ranking cannot be judged
        name = "accuracy" if definition.task is Task.MULTICLASS else definition.metric
        return _compared(name, actual, logged, version, seed=definition.training.seed)

    def _loss(self, known: Mapping[str, Any]) -> Compared | None:
        loss = loss_of(self._definition)
        actual: Texts = known["actual"]
        if len(actual) < 2:
            return None
        logged = loss.of_rows(self._definition, actual, known["score"], known["label"])
        version = loss.of_rows(self._definition, actual, known["other_score"], known["other_label"])
        excess = version - logged
        if not np.isfinite(excess).all():
            return None
        width = _NORMAL_95 * float(excess.std(ddof=1)) / len(excess) ** 0.5
        value = float(excess.mean())
        return Compared(
            name=loss.name,
            logged=float(logged.mean()),
            version=float(version.mean()),
            difference=value,
            low=value - width,
            high=value + width,
        )

    def _cost_bound(self) -> CostBound | None:
        costs = self._definition.serving.costs
        if costs is None:
            return None
        [(to_positive, to_negative)] = self._connection.execute(
            "select count(*) filter (other_label = $positive), count(*) filter (label = $positive) from replayed"
            " where flipped and prediction_id not in (select prediction_id from outcomes)",
            {"positive": str(self._scorer.classes[-1])},
        ).fetchall()
        saved = to_positive * costs.false_negative + to_negative * costs.false_positive
        lost = to_positive * costs.false_positive + to_negative * costs.false_negative
        return CostBound(flips=to_positive + to_negative, best=-saved, worst=lost)


def _compared(name: str, actual: Any, logged: Any, version: Any, *, seed: int) -> Compared | None:
    values = METRICS[name](actual, logged), METRICS[name](actual, version)
    difference = bootstrap_difference(name, actual, version, logged, seed=seed)
    if not np.isfinite([*values, *difference]).all():
        return None  # such as r2 where every outcome is the same
    return Compared(
        name=name,
        logged=values[0],
        version=values[1],
        difference=difference.value,
        low=difference.low,
        high=difference.high,
    )


def _objects(values: Sequence[Any]) -> Objects:
    return np.array(values, np.object_)


def _filled(values: npt.NDArray[Any]) -> list[Any]:
    """None where DuckDB has NULL."""
    return np.ma.asanyarray(values).tolist()  # type: ignore[no-any-return]


def _segments(definition: Definition, by: str | None) -> list[str]:
    """Columns of which each value is a segment; raises RequestError."""
    kept = {name: column for name, column in definition.inputs.items() if not column.pii}
    if by is None:
        kinds = (ColumnType.CATEGORY, ColumnType.BOOLEAN)
        return [name for name, column in kept.items() if column.type in kinds and name != definition.data.entity]
    known = [name for name, column in kept.items() if column.type not in (ColumnType.NUMBER, ColumnType.TIMESTAMP)]
    if by not in known:
        raise RequestError(
            f"expected a logged column of values that repeat, one of {', '.join(known) or 'none'}; got {by!r}"
        )
    return [by]
