"""Items that were taken after a recommendation, in as many outcomes, are judged together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from everloop import metrics
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomeRecord
from everloop.monitoring.comparable import comparable
from everloop.monitoring.log import parse_message, write_messages
from everloop.monitoring.shadow import Challengers
from everloop.monitoring.window import CurrentWindow, read_window
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import VersionReader
from tests import logged
from tests.fakes import InMemoryObjectStore
from tests.logged import Logged, id_of
from tests.shoppers import definition

START = datetime(2026, 3, 1, tzinfo=UTC)


def window(asked: Definition, answers: list[str], taken: list[tuple[int, str | float]], folder: Path) -> CurrentWindow:
    """`taken`: of which answer, and which item. Every message comes twice."""
    at = START.isoformat()
    inputs = {"shopper": None, "bought_at": None, "items": "y\x1fx"}
    served = [
        Logged(
            prediction_id=id_of(number, START),
            event_time=(START + timedelta(minutes=number)).isoformat(),
            score=None,
            label=label,
            inputs=inputs,
        )
        for number, label in enumerate(answers)
    ]
    told = [OutcomeRecord(prediction_id=id_of(answer, START), actual=item, observed_at=at) for answer, item in taken]
    messages = [
        parse_message(message.model_dump_json())
        for message in (
            logged.predictions(asked.name, served),
            logged.outcomes(asked.name, told),
        )
    ]
    log = PredictionLog(InMemoryObjectStore())
    for _ in range(2):
        write_messages(messages, log, lambda _: asked, Challengers(VersionReader(InMemoryObjectStore())))
    files: dict[str, list[Path]] = {}
    for kind in ("predictions", "outcomes"):
        files[kind] = []
        for number, key in enumerate(log.keys(kind, asked.name, START.date())):
            files[kind].append(folder / f"{kind}-{number}.parquet")
            log.download(key, files[kind][-1])
    return read_window(
        asked,
        files["predictions"],
        files["outcomes"],
        folder=folder,
        version=1,
        start=START,
        end=START + timedelta(days=1),
        input_names=[],
    )


def test_a_hit_is_any_of_the_items_that_were_taken(tmp_path: Path) -> None:
    answers = ['["a", "b", "c"]', '["a", "ü字"]', '["a", "b", "c"]', '["a", "b", "c"]']
    taken: list[tuple[int, str | float]] = [(0, "x"), (0, "c"), (0, "c"), (1, "ü字"), (2, "x")]
    found = window(definition(), answers, taken, tmp_path)
    assert (found.rows, len(found.actual)) == (4, 3), "of the last nothing is known yet"
    actual, relevance = comparable(definition(), found.actual, found.score, found.label)
    assert actual.tolist() == [2, 1, 1]
    assert relevance.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert np.isclose(metrics.hit_rate(actual, relevance), 2 / 3)


def test_ids_that_are_numbers_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    asked = definition(columns={"article": "integer"}, serving={})
    found = window(asked, ["[12, 5]"], [(0, 5.0)], tmp_path)
    actual, relevance = comparable(asked, found.actual, found.score, found.label)
    assert (actual.tolist(), relevance.tolist()) == ([1], [[0, 1]])
