"""The demo: train on January and February, then live from March to August, one month after the other."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from everloop.contracts.batches import BatchStatus
from everloop.metrics import roc_auc
from local.demo.flights import load_month, write_month
from local.errors import ApiError
from local.loop import Loop, wait_for

MODEL = "flight-delay"
YEAR = 2013
TRAINED_ON = (1, 2)
LIVED_THROUGH = (3, 4, 5, 6, 7, 8)
ROWS_PER_REQUEST = 1_000
CLIENTS = 2
OUTCOME_DELAY = timedelta(hours=12)
"""From the scheduled departure until the airline knows how late the flight landed."""
EFFECTIVE_TIMEOUT_S = 60

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Month:
    month: str
    rows: int
    auc_frozen: float
    auc_loop: float
    drifted_columns: list[str]
    verdict: str
    champion_version: int
    """Who answered this month; the verdict may change who answers the next."""
    retraining: str | None
    """How the retraining that this month's check asked for ended."""
    auc_replaced: float | None
    """In the month after a promotion: what the version that was replaced would have reached."""


@dataclass
class Report:
    months: list[Month] = field(default_factory=list)
    rollback_effective_s: float | None = None
    promote_effective_s: float | None = None
    """None when nothing was ever promoted over the first version."""
    predictions: int = 0
    outcomes: int = 0
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    """Where the seconds went."""

    @property
    def needless_retrainings(self) -> int:
        """Promotions that did not beat, in the following month, the version they replaced."""
        return sum(m.auc_replaced is not None and m.auc_loop <= m.auc_replaced for m in self.months)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "needless_retrainings": self.needless_retrainings}


class Story:
    def __init__(self, loop: Loop, tell: Tell) -> None:
        self._loop = loop
        self._tell = tell
        self.report = Report()

    def live(self) -> Report:
        """Raises ApiError when the loop refuses what the demo expects it to do."""
        started = time.monotonic()
        self._train_first_version()
        champion, replaced = 1, None
        for month in LIVED_THROUGH:
            champion, replaced = self._live_month(month, champion, replaced)
        self._roll_back_and_promote(champion)
        self.report.seconds = round(time.monotonic() - started, 1)
        return self.report

    def _train_first_version(self) -> None:
        for month in TRAINED_ON:
            self._upload(month)
        self._tell("training the first version on January and February")
        with self._phase("train"):
            run_id = self._loop.train(MODEL, reason="the first model", as_of=_first_of(TRAINED_ON[-1] + 1).isoformat())
            run = self._loop.wait_for_run(MODEL, run_id)
        if run["status"] != "promoted":
            raise ApiError(f"the first training ended as {run['status']}: {run['reason']}")
        self._tell(f"version {run['version']} is champion, ROC AUC {run['metrics']['roc_auc']:.3f} on its holdout")

    def _live_month(self, month: int, champion: int, replaced: int | None) -> tuple[int, int | None]:
        """One month; returns who answers the next one, and whom that version replaced if it is new."""
        flights = load_month(month)
        name = f"{_first_of(month):%B}"
        rows = _request_rows(flights)
        late = flights["late"].to_numpy(np.float64)

        self._tell(f"{name}: asking version {champion} about {len(rows):,} flights")
        with self._phase("predict"):
            ids, scores = self._ask(rows)
        with self._phase("compare"):
            frozen = scores if champion == 1 else self._ask(rows, version=1)[1]
            before = None
            if replaced is not None:
                before = frozen if replaced == 1 else self._ask(rows, version=replaced)[1]
        self._tell(f"{name}: telling what really happened")
        with self._phase("outcomes"):
            self._tell_outcomes(flights, ids)
            self._loop.wait_until_logged()
        self._upload(month)
        self._tell(f"{name}: monitoring check")
        with self._phase("check"):
            check = self._loop.check(MODEL, _first_of(month + 1).isoformat())
        ended, promoted = self._follow(check)
        drifted = [column["column"] for column in check["columns"] if column["drifted"]]
        found = Month(
            month=f"{_first_of(month):%Y-%m}",
            rows=len(rows),
            auc_frozen=round(roc_auc(late, frozen), 4),
            auc_loop=round(roc_auc(late, scores), 4),
            drifted_columns=drifted,
            verdict=check["verdict"],
            champion_version=champion,
            retraining=ended,
            auc_replaced=None if before is None else round(roc_auc(late, before), 4),
        )
        self.report.months.append(found)
        self._tell(
            f"{name}: AUC {found.auc_loop:.3f} (frozen {found.auc_frozen:.3f}), {found.verdict}"
            + (f"; retraining {ended}" if ended else "")
        )
        return (champion, None) if promoted is None else (promoted, champion)

    def _follow(self, check: dict[str, Any]) -> tuple[str | None, int | None]:
        """Wait for the retraining that a check asked for; how it ended, and the new champion if it was promoted."""
        if check["retraining"] is None:
            return (f"held back: {check['held_back']}" if check["held_back"] else None), None
        self._tell(f"retraining, because {check['verdict']}")
        with self._phase("train"):
            run = self._loop.wait_for_run(MODEL, check["retraining"])
            if run["status"] == "failed":
                raise ApiError(f"retraining {check['retraining']} failed: {run['reason']}")
            if run["status"] != "promoted":
                return f"candidate {run['status']}: {run['reason']}", None
            self._wait_until_answers(run["version"])
        return f"version {run['version']} promoted", run["version"]

    def _roll_back_and_promote(self, champion: int) -> None:
        if champion == 1:
            return  # nothing was ever promoted over the first version, so there is nothing to go back to
        self._tell("rolling back, and forward again")
        started = time.monotonic()
        restored = self._loop.call("POST", f"/models/{MODEL}/rollback", {"reason": "the demo shows how"})["champion"]
        self._wait_until_answers(restored)
        self.report.rollback_effective_s = round(time.monotonic() - started, 2)
        started = time.monotonic()
        self._loop.call("POST", f"/models/{MODEL}/promote", {"version": champion, "reason": "the demo shows how"})
        self._wait_until_answers(champion)
        self.report.promote_effective_s = round(time.monotonic() - started, 2)

    def _wait_until_answers(self, version: int) -> None:
        row = _request_rows(load_month(1).head(1))

        def answers() -> bool | None:
            self.report.predictions += 1
            return self._loop.predict(MODEL, row)["version"] == version or None

        wait_for(answers, f"an answer of version {version}", EFFECTIVE_TIMEOUT_S)

    def _upload(self, month: int) -> None:
        self._tell(f"uploading {_first_of(month):%B}")
        with self._phase("upload"), tempfile.TemporaryDirectory() as folder:
            path = write_month(month, Path(folder) / f"flights-{_first_of(month):%Y-%m}.csv")
            batch = self._loop.wait_for_report(MODEL, self._loop.upload(MODEL, path))
        if batch.status is not BatchStatus.ACCEPTED:
            raise ApiError(f"{path.name} was {batch.status}: {batch.reason}: {batch.detail}")
        self._tell(f"{path.name}: {batch.rows.accepted:,} rows accepted, {batch.rows.quarantined:,} quarantined")

    def _ask(
        self, rows: Sequence[dict[str, Any]], version: int | None = None
    ) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Prediction ids and scores in the order of the rows."""
        chunks = [rows[start : start + ROWS_PER_REQUEST] for start in range(0, len(rows), ROWS_PER_REQUEST)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(lambda chunk: self._loop.predict(MODEL, chunk, version), chunks))
        predictions = [prediction for answer in answers for prediction in answer["predictions"]]
        strange = {p["answered_by"] for p in predictions} - {"model"}
        if strange:
            raise ApiError(f"expected every answer from the model, got some by {', '.join(sorted(strange))}")
        self.report.predictions += len(predictions)
        return [p["prediction_id"] for p in predictions], np.array([p["score"] for p in predictions])

    def _tell_outcomes(self, flights: pandas.DataFrame, ids: Sequence[str]) -> None:
        known = flights["scheduled_departure"] + OUTCOME_DELAY
        outcomes = [
            {"prediction_id": prediction_id, "actual": actual, "observed_at": observed.isoformat()}
            for prediction_id, actual, observed in zip(ids, flights["late"].tolist(), known, strict=True)
        ]
        chunks = [outcomes[start : start + ROWS_PER_REQUEST] for start in range(0, len(outcomes), ROWS_PER_REQUEST)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(lambda chunk: self._loop.record(MODEL, chunk), chunks))
        self.report.outcomes += len(outcomes)

    def _phase(self, name: str) -> "_Stopwatch":
        return _Stopwatch(self.report.phases, name)


class _Stopwatch:
    """Adds the seconds of a with-block to a named sum."""

    def __init__(self, sums: dict[str, float], name: str) -> None:
        self._sums = sums
        self._name = name

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        spent = time.monotonic() - self._started
        self._sums[self._name] = round(self._sums.get(self._name, 0.0) + spent, 1)


def _first_of(month: int) -> datetime:
    return datetime(YEAR, month, 1, tzinfo=UTC)


def _request_rows(flights: pandas.DataFrame) -> list[dict[str, Any]]:
    """As a client would send them: what is known before departure, null where nothing is."""
    known = flights.drop(columns=["late", "flight_id"])
    known["scheduled_departure"] = known["scheduled_departure"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    known = known.astype(object).where(known.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]
