"""What lies in the models bucket: the manifest of a version, the aliases of a model, the report of a run."""

from datetime import datetime
from typing import Any, Literal

from everloop.contracts.base import Contract
from everloop.contracts.imports import ImportedModel
from everloop.contracts.traffic import Traffic
from everloop.errors import NotFoundError


def parse_version(model: str, text: str) -> int:
    """The version number of a path; raises NotFoundError for what can be none."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise NotFoundError(f"expected a version number of {model!r}, got {text[:80]!r}")
    return int(text)


class Manifest(Contract):
    """Written last, so a version without it does not exist yet."""

    model: str
    version: int
    run_id: str
    created_at: datetime
    files: dict[str, str]
    """File name → sha256 of its bytes, in hexadecimal."""


class RunPointer(Contract):
    """Which number a run claimed: its one and only, however often it is registered."""

    version: int


class AliasChange(Contract):
    epoch: int
    at: datetime
    action: Literal["promote", "rollback", "traffic"]
    """`traffic`: an experiment began, went a step on or ended, and the champion stayed."""
    champion: int
    previous: int | None
    reason: str
    by: str
    traffic: Traffic | None = None
    """What holds from this change on; a new champion has all of the traffic."""


class Aliases(Contract):
    """The one object of a model that changes; its history is append-only and answers "what was live at T"."""

    model: str
    epoch: int = 0
    champion: int | None = None
    traffic: Traffic | None = None
    history: tuple[AliasChange, ...] = ()

    @property
    def predecessor(self) -> int | None:
        """The champion that the present one replaced, where a rollback leads; None if it was the first."""
        line: list[int] = []
        for change in self.history:
            if change.action == "promote":
                line.append(change.champion)
            elif change.action == "rollback":
                del line[-1:]
        return line[-2] if len(line) > 1 else None

    def change_at(self, moment: datetime) -> AliasChange | None:
        """The change that made whoever was champion at the moment; None before the first."""
        made = [change for change in self.history if change.at <= moment and change.action != "traffic"]
        return made[-1] if made else None

    def traffic_at(self, moment: datetime) -> Traffic | None:
        made = [change.traffic for change in self.history if change.at <= moment]
        return made[-1] if made else None

    def champion_at(self, moment: datetime) -> int | None:
        change = self.change_at(moment)
        return change.champion if change else None


class Rest(Contract):
    """A version that failed repeatedly is not asked again before `until`."""

    until: datetime
    pause_s: float
    """The next one is twice as long, if the version fails again at once."""
    reason: str


class Breaker(Contract):
    """Which versions of a model rest, as the workers tell one another; a hint that may be lost or late."""

    resting: dict[int, Rest] = {}


RunStatus = Literal["promoted", "challenging", "registered", "refused", "failed", "reproduced", "differs"]
"""`challenging`: registered, and on trial as a canary or a shadow."""


class Gate(Contract):
    name: str
    passed: bool
    detail: str


class TrialReport(Contract):
    """One trial of the search; a lost one has an error and neither parameters nor value."""

    trial: int
    algorithm: str | None = None
    parameters: dict[str, Any] = {}
    value: float | None = None
    """The definition's metric, mean of the folds."""
    folds: tuple[float | None, ...] = ()
    rung: int | None = None
    """The last one that the trial was judged in, counted from 0; with a later one, it would have gone on."""
    seconds: float | None = None
    error: str | None = None


class MetricInterval(Contract):
    """The 95 % bootstrap interval over the rows of the holdout."""

    low: float
    high: float


class ChampionMetrics(Contract):
    """How the champion did on the rows of the candidate's holdout that are new to it."""

    version: int
    rows: int
    metrics: dict[str, float]


class RunReport(Contract):
    """How a training run ended; only one that was aborted or timed out as a whole has none."""

    model: str
    run_id: str
    status: RunStatus
    version: int | None = None
    dataset_version: str | None = None
    as_of: datetime | None = None
    asked_because: str = ""
    requested_by: str = ""
    reason: str = ""
    """Why it ended as it did."""
    notes: tuple[str, ...] = ()
    """What is odd about the columns it learned from."""
    metric: str | None = None
    """The one that decides."""
    metrics: dict[str, float] = {}
    intervals: dict[str, MetricInterval] = {}
    champion: ChampionMetrics | None = None
    gates: tuple[Gate, ...] = ()
    rungs: tuple[int, ...] = ()
    """On how many training rows trials were judged, a part of them after the other; the last is all rows."""
    trials: tuple[TrialReport, ...] = ()
    chosen_trial: int | None = None
    choice: str = ""
    """Why that one was taken, where another did better."""
    algorithm: str | None = None
    """Of the candidate; `imported` of a model that was trained elsewhere."""
    reproduces: int | None = None
    """The version that this run made again, to compare; such a run registers nothing."""
    error: dict[str, Any] | None = None
    started_at: datetime | None = None
    finished_at: datetime

    @property
    def chosen(self) -> TrialReport | None:
        """The trial whose recipe became the candidate."""
        return next((trial for trial in self.trials if trial.trial == self.chosen_trial), None)


class TrainingClaim(Contract):
    """Which run of a model goes on, or was the last to: there is one at a time."""

    run_id: str
    execution: str
    """Of the state machine."""
    claimed_at: datetime


class Reproduction(Contract):
    """What a version was made from, and the bytes that the same must make again."""

    version: int
    dataset_version: str
    sha256: dict[str, str]
    """Of its models, by file name."""


class TrainingRequest(Contract):
    """The data of a `training.requested` event and the input of the Training state machine."""

    model: str
    run_id: str
    as_of: datetime
    reason: str
    requested_by: str
    reproduction: Reproduction | None = None
    """Given, the run learns from that dataset, compares what it made, and registers nothing."""
    imported: ImportedModel | None = None
    """Given, the run searches and fits nothing: this model, trained elsewhere, is the candidate."""
