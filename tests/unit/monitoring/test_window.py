"""Records come at least once, in any order and company; a window reads each of them exactly once."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from everloop.contracts.predictions import OutcomeRecord, OutcomesMessage, PredictionsMessage
from everloop.contracts.traffic import Traffic
from everloop.errors import NotFoundError
from everloop.monitoring.log import Message, parse_message, write_messages
from everloop.monitoring.shadow import Challengers
from everloop.monitoring.trial import read_trial
from everloop.monitoring.window import CurrentWindow, read_window
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import VersionReader
from tests import logged
from tests.fakes import InMemoryObjectStore
from tests.logged import Logged, id_of
from tests.samples import event, pump_failure

DEFINITION = pump_failure()
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=7)
INPUTS = {"measured_at": 0.0, "pump": "P-7", "kind": "axial", "pressure": 81.5, "starts": 3, "outdoors": True}


def prediction(number: int, *, at: datetime = START, **fields: Any) -> Logged:
    row: dict[str, Any] = {"score": number / 100, "inputs": INPUTS} | fields
    return Logged(prediction_id=id_of(number, START), event_time=at.isoformat(), **row)


def outcome(number: int, actual: float | str, *, at: datetime = START) -> OutcomeRecord:
    return OutcomeRecord(prediction_id=id_of(number, START), actual=actual, observed_at=at.isoformat())


def predictions(*rows: Logged) -> PredictionsMessage:
    return logged.predictions(DEFINITION.name, rows, predicted_at=START.isoformat())


def outcomes(*records: OutcomeRecord) -> OutcomesMessage:
    return logged.outcomes(DEFINITION.name, records)


class Lake:
    def __init__(self, folder: Path) -> None:
        self.store = InMemoryObjectStore()
        self.log = PredictionLog(self.store)
        self._folder = folder

    def write(self, *messages: Message) -> int:
        return write_messages(messages, self.log, lambda _: DEFINITION, self.challengers)

    @property
    def challengers(self) -> Challengers:
        return Challengers(VersionReader(InMemoryObjectStore()))

    def files(self) -> list[str]:
        return list(self.store.list_keys("predictions/"))

    def read(self, *, version: int = 1, end: datetime = END, definition: Any = DEFINITION) -> CurrentWindow:
        return read_window(
            definition,
            self.local("predictions"),
            self.local("outcomes"),
            folder=self._folder,
            version=version,
            start=START,
            end=end,
            input_names=list(INPUTS),
        )

    def local(self, kind: str) -> list[Path]:
        paths = []
        for number, key in enumerate(self.log.keys(kind, DEFINITION.name, START.date(), END.date())):
            paths.append(self._folder / f"{kind}-{number}.parquet")
            self.log.download(key, paths[-1])
        return paths


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_inputs_come_back_as_the_model_took_them(lake: Lake) -> None:
    nothing = {**dict.fromkeys(INPUTS), "measured_at": 0.0, "starts": 0}
    lake.write(predictions(prediction(1), prediction(2, inputs=nothing)))
    window = lake.read()
    assert window.rows == 2
    assert window.columns["kind"].tolist() == ["axial", ""]
    assert window.columns["pressure"][0] == 81.5
    assert np.isnan(window.columns["pressure"][1])
    assert window.columns["outdoors"][0] == 1.0
    assert np.isnan(window.columns["outdoors"][1])
    assert window.columns["starts"].tolist() == [3.0, 0.0]


def test_a_message_delivered_twice_is_one_file(lake: Lake) -> None:
    for _ in range(2):
        lake.write(predictions(prediction(1), prediction(2)))
    assert len(lake.files()) == 1


def test_records_delivered_again_in_other_company_are_read_once(lake: Lake) -> None:
    first, second = predictions(prediction(1), prediction(2)), predictions(prediction(3))
    lake.write(first, second)
    lake.write(first)
    lake.write(second, predictions(prediction(4)), first)
    assert len(lake.files()) == 2
    assert lake.read().rows == 4


def test_an_outcome_delivered_twice_counts_once(lake: Lake) -> None:
    lake.write(predictions(prediction(1), prediction(2)))
    lake.write(outcomes(outcome(1, 1.0)))
    lake.write(outcomes(outcome(1, 1.0)), outcomes(outcome(2, 0.0)))
    window = lake.read()
    assert window.actual.tolist() == ["1.0", "0.0"]
    assert window.score.tolist() == [0.01, 0.02]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_several_outcomes_the_newest_observation_wins_in_whatever_order_they_come(
    lake: Lake, order: tuple[int, ...]
) -> None:
    lake.write(predictions(prediction(1)))
    observed = [outcome(1, float(hour), at=START + timedelta(hours=hour)) for hour in range(3)]
    for place in order:
        lake.write(outcomes(observed[place]))
    assert lake.read().actual.tolist() == ["2.0"]


def test_outcomes_observed_after_the_moment_of_the_check_are_not_known_yet(lake: Lake) -> None:
    lake.write(predictions(prediction(1), prediction(2), prediction(3)))
    second = timedelta(seconds=1)
    lake.write(outcomes(outcome(1, 1.0), outcome(1, 0.0, at=END + second), outcome(2, 1.0, at=END + second)))
    lake.write(outcomes(outcome(3, 1.0, at=END)))
    window = lake.read()
    assert window.actual.tolist() == ["1.0", "1.0"]
    assert window.score.tolist() == [0.01, 0.03]


def test_outcomes_may_arrive_before_their_predictions_or_without(lake: Lake) -> None:
    lake.write(outcomes(outcome(1, 1.0), outcome(99, 1.0)))
    lake.write(predictions(prediction(1)))
    assert lake.read().actual.tolist() == ["1.0"]


def test_one_long_outcome_does_not_make_all_others_take_as_much(lake: Lake, tmp_path: Path) -> None:
    rows = [prediction(number) for number in range(50)]
    lake.write(predictions(*rows), outcomes(outcome(0, "x" * 100_000), *(outcome(n, "y") for n in range(1, 50))))
    traffic = Traffic(
        mode="ab",
        challenger=2,
        share=0.5,
        salt="",
        started_at=START,
        ends_at=END,
        step_since=START - timedelta(hours=1),
    )
    trial = read_trial(
        DEFINITION,
        traffic,
        lake.local("predictions"),
        lambda _: lake.local("outcomes"),
        folder=tmp_path,
        shares_since=[traffic.step_since],
        until=END,
    )
    for found in (lake.read(), trial.known):
        assert sorted(map(len, found.actual)) == [1] * 49 + [100_000]
        assert found.actual.nbytes + found.label.nbytes < 10_000


def test_the_window_begins_at_its_start_and_ends_before_its_end(lake: Lake) -> None:
    moments = [START - timedelta(microseconds=1), START, END - timedelta(microseconds=1), END]
    lake.write(predictions(*(prediction(number, at=at) for number, at in enumerate(moments))))
    assert lake.read().rows == 2


def test_only_what_the_champion_s_own_model_answered_counts(lake: Lake) -> None:
    lake.write(
        predictions(
            prediction(1),
            prediction(2, version=2),
            prediction(3, variant="pinned"),
            prediction(4, answered_by="fallback:previous"),
            prediction(5, version=None, answered_by="fallback:default"),
        )
    )
    assert lake.read().rows == 1
    assert lake.read(version=2).rows == 1


def test_without_predictions_the_window_is_empty(lake: Lake) -> None:
    lake.write(outcomes(outcome(1, 1.0)))
    window = lake.read()
    assert (window.rows, window.columns, len(window.actual)) == (0, {}, 0)


def test_each_day_has_files_of_its_own_in_utc(lake: Lake) -> None:
    lake.write(predictions(prediction(1, at=START), prediction(2, at=START + timedelta(days=1))))
    days = {key.split("/")[2] for key in lake.files()}
    assert days == {"dt=2026-03-01", "dt=2026-03-02"}


def test_a_column_the_definition_gained_or_lost_is_left_out(lake: Lake) -> None:
    lake.write(predictions(prediction(1)))
    columns = {name: column.model_dump(exclude_none=True) for name, column in DEFINITION.columns.items()}
    del columns["pressure"]
    changed = pump_failure(columns={**columns, "vibration": "number"}, features=None)
    assert set(lake.read(definition=changed).columns) == INPUTS.keys() - {"pressure"}


@pytest.mark.parametrize("text", ["Ü字 'quoted' \"doubly\"", "a\nb", "\\", "{}", "NaN", "🎈"])
def test_any_text_survives_the_log(lake: Lake, text: str) -> None:
    lake.write(predictions(prediction(1, inputs={**INPUTS, "pump": text})))
    assert lake.read().columns["pump"].tolist() == [text]


@pytest.mark.parametrize("starts", [2**62, -(2**62), 2**53 + 1, 0])
def test_any_integer_a_request_may_carry_survives_the_log(lake: Lake, starts: int) -> None:
    lake.write(predictions(prediction(1, inputs={**INPUTS, "starts": starts})))
    assert lake.read().columns["starts"].tolist() == [float(starts)]


def test_the_sample_messages_are_read() -> None:
    kinds = [parse_message(record["body"]).kind for record in event("monitoring/log_predictions.json")["Records"]]
    assert kinds == ["predictions", "outcomes"]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"kind": "rumours", "model": "m", "records": []}', '{"model": 7}'])
def test_a_message_nobody_of_ours_wrote_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse_message(body)


def test_nothing_is_written_when_a_model_is_unknown(lake: Lake) -> None:
    def unknown(name: str) -> Any:
        raise NotFoundError(name)

    with pytest.raises(NotFoundError):
        write_messages([predictions(prediction(1))], lake.log, unknown, lake.challengers)
    assert lake.store.objects == {}
