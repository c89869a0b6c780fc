"""Logged traffic through another version: what flips is what a comparison by hand finds."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.replays import ReplayReport, ReplayRequest
from everloop.contracts.tasks import Task
from everloop.errors import NotFoundError, RequestError, WrongSchemaError
from everloop.ids import new_id
from everloop.inference.rows import to_columns
from everloop.metrics import roc_auc
from everloop.monitoring import replay
from everloop.monitoring.replay import Replayer
from everloop.scorer import Scorer
from everloop.training.candidate import fit_candidate
from everloop.training.search import draw_parameters
from tests import shoppers
from tests.logged import Logged
from tests.samples import constant_model, echo_model, example, pump_failure, pump_row
from tests.unit.monitoring.test_explanation import NOW, ROWS, RULES, World
from tests.unit.training.conftest import fitted

UNTIL = NOW + timedelta(hours=1)


def replayed(world: World, version: int = 2, **changes: Any) -> ReplayReport:
    asked = {"model": world.definition.name, "version": version, "last": timedelta(days=7), "until": UNTIL}
    request = ReplayRequest.model_validate(asked | changes)
    report = Replayer(log=world.log, registry=world.registry).replay(world.definition, request)
    assert ReplayReport.model_validate_json(report.model_dump_json()) == report
    return report


def pumps(rows: int = 400, *, seed: int = 1) -> list[dict[str, Any]]:
    """The pressure is what `echo_model` gives as the score."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["axial", "radial"], rows)
    return [
        pump_row(pressure=float(value), kind=str(kind), starts=1 + row % 3)
        for row, (value, kind) in enumerate(zip(rng.random(rows), kinds, strict=True))
    ]


def rivals(definition: Definition | None = None) -> World:
    """Logged are the answers of version 1, which gives each row its pressure; version 2 gives 0.25 to all."""
    return World(definition or pump_failure(), echo_model(), constant_model(0.25))


def ask_first(world: World, rows: Sequence[dict[str, Any]]) -> list[str]:
    """By version 1, as champion's traffic."""
    world.registry.change_aliases(world.definition.name, lambda old: old.model_copy(update={"champion": 1}))
    ids: list[str] = []
    for first in range(0, len(rows), 100):
        ids += world.predict(*rows[first : first + 100])
    return ids


def test_what_flips_is_what_is_counted_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_FILES", 2)
    monkeypatch.setattr(replay, "_ROWS", 30)
    world, rows = rivals(), pumps()
    ask_first(world, rows)
    report = replayed(world)
    positive = [row for row in rows if np.float32(row["pressure"]) >= 0.5]
    assert (report.rows, report.logged_versions, report.skipped) == (400, {"1": 400}, {})
    assert (report.flips, report.directions) == (len(positive), {"True → False": len(positive)})
    assert report.agreement == pytest.approx(1 - len(positive) / 400)
    moved = np.array([0.25 - float(np.float32(row["pressure"])) for row in rows])
    assert report.differences is not None
    assert report.differences.mean == pytest.approx(moved.mean())
    assert report.differences.quantiles["50 %"] == pytest.approx(np.median(moved))
    assert sum(report.differences.counts) == 400
    assert len(report.differences.edges) == len(report.differences.counts) + 1
    by_kind = {each.value: (each.rows, each.flips) for each in report.segments if each.column == "kind"}
    assert by_kind == {
        kind: (
            sum(row["kind"] == kind for row in rows),
            sum(row["kind"] == kind for row in positive),
        )
        for kind in ("axial", "radial")
    }
    shares = [(each.flips or 0) / each.rows for each in report.segments]
    assert shares == sorted(shares, reverse=True)
    assert report.latency_ms is not None
    assert report.latency_ms > 0
    assert (report.metric, report.loss, report.cost_bound, report.outcomes) == (None, None, None, 0)


def test_segments_are_those_that_were_asked_for() -> None:
    world, rows = rivals(), pumps(100)
    ask_first(world, [{**row, "pump": f"P-{place % 60}"} for place, row in enumerate(rows)])
    report = replayed(world, by="starts")
    assert {(each.column, each.value) for each in report.segments} == {("starts", value) for value in "123"}
    assert len(replayed(world, by="pump").segments) == 50, "the most frequent"
    assert {each.column for each in replayed(world).segments} == {"kind", "outdoors"}, "not the entity"
    with pytest.raises(RequestError, match="one of pump, kind, starts, outdoors; got 'pressure'"):
        replayed(world, by="pressure")


def test_what_really_happened_tells_what_it_is_worth() -> None:
    costs = {"false_positive": 1, "false_negative": 4}
    definition = pump_failure(serving={"costs": costs}, monitoring={"minimum_rows": 50})
    world, rows = rivals(definition), pumps(300)
    ids = ask_first(world, rows)
    happened = [float(place % 3 == 0) for place in range(200)]
    for prediction_id, actual in zip(ids[:200], happened, strict=True):
        world.happened(prediction_id, actual, NOW)
    world.happened(new_id(NOW), 1.0, NOW)
    report = replayed(world)
    assert report.outcomes == 200
    score = np.array([float(np.float32(row["pressure"])) for row in rows])
    actual = np.array(happened)
    assert report.metric is not None
    assert report.loss is not None
    assert (report.metric.name, report.metric.logged) == ("roc_auc", pytest.approx(roc_auc(actual, score[:200])))
    assert report.metric.version == 0.5
    assert report.metric.low <= report.metric.difference <= report.metric.high
    logged = np.where(score[:200] >= 0.5, 1 - actual, 4 * actual).mean()
    assert (report.loss.name, report.loss.logged) == ("cost", pytest.approx(logged))
    assert report.loss.version == pytest.approx(4 * actual.mean()), "0.25 is below the threshold of both models"
    assert report.loss.difference == pytest.approx(report.loss.version - report.loss.logged)
    flipped = int((score[200:] >= 0.5).sum())
    assert report.cost_bound is not None
    assert (report.cost_bound.flips, report.cost_bound.best, report.cost_bound.worst) == (
        flipped,
        -flipped * 1,
        flipped * 4,
    )


def test_rows_that_cannot_be_replayed_are_counted_with_the_reason() -> None:
    world = rivals(pump_failure(serving={"fallback": 0.1, "rules": RULES}))
    ask_first(world, [pump_row(pressure=500), pump_row(pressure=50.0), pump_row(pressure=None)])
    world.predict(pump_row(pressure=500), pinned_version=1)
    for version in (2, None):
        row = Logged(
            new_id(NOW),
            NOW.isoformat(),
            version=version,
            answered_by="model" if version else "fallback:default",
            inputs={"pressure": 1.0},
        )
        world.log_by_hand(row)
    report = replayed(world)
    assert report.rows == 1
    assert report.skipped == {
        "a rule answered them": 1,
        "the declared constant answered them": 2,
        "version 2 answered them itself": 1,
    }


def test_a_version_that_answered_everything_itself_has_nothing_to_compare_with() -> None:
    world = rivals()
    world.predict(*pumps(5))
    report = replayed(world)
    assert (report.rows, report.skipped) == (0, {"version 2 answered them itself": 5})
    assert (report.agreement, report.differences, report.segments) == (None, None, ())


def test_before_anything_was_logged_there_is_nothing() -> None:
    report = replayed(rivals())
    assert (report.rows, report.skipped, report.flips) == (0, {}, 0)


@pytest.mark.parametrize(("last", "rows"), [(timedelta(minutes=30), 0), (timedelta(hours=2), 5)])
def test_only_what_was_answered_in_the_window_counts(last: timedelta, rows: int) -> None:
    world = rivals()
    ask_first(world, pumps(5))
    assert replayed(world, last=last).rows == rows
    assert replayed(world, until=NOW).rows == 0


def test_rows_that_two_files_have_count_once() -> None:
    world = rivals()
    [prediction_id] = ask_first(world, pumps(1))
    [key] = [key for key in world.lake.objects if key.startswith("predictions/")]
    [lookup] = [key for key in world.lake.objects if key.startswith("lookup/")]
    world.lake.objects[key.replace(".parquet", "0.parquet")] = world.lake.objects[key]
    world.lake.objects[lookup + "0"] = world.lake.objects[lookup]
    assert prediction_id in lookup
    assert replayed(world).rows == 1


def test_inputs_declared_since_and_types_that_changed_are_told() -> None:
    world = World(pump_failure(), echo_model(), constant_model(0.25, column="vibration"))
    ask_first(world, pumps(3))
    columns = {name: column.model_dump(exclude_none=True) for name, column in world.definition.columns.items()}
    world.definition = pump_failure(columns={**columns, "vibration": "number"})
    ask_first(world, [{**row, "vibration": 1.0} for row in pumps(2)])
    report = replayed(world)
    assert (report.rows, report.skipped) == (2, {"logged before vibration was declared": 3})

    world = World(pump_failure(columns={**columns, "vibration": "text"}), echo_model())
    ask_first(world, [{**row, "vibration": "much"} for row in pumps(3)])
    world.definition = pump_failure(columns={**columns, "vibration": "number"})
    world.add(constant_model(0.25, column="vibration"))
    report = replayed(world)
    assert (report.rows, report.skipped) == (0, {"logged when vibration had another type": 3})


def test_a_version_that_takes_personal_data_cannot_be_replayed() -> None:
    columns: dict[str, Any] = {
        name: column.model_dump(exclude_none=True) for name, column in pump_failure().columns.items()
    }
    columns["pressure"]["pii"] = "hash"
    world = World(pump_failure(columns=columns), constant_model(0.5, column="starts"), echo_model())
    ask_first(world, pumps(4))
    reason = "the version takes personal data, which the log does not have: pressure"
    assert replayed(world).skipped == {reason: 4}


def test_rows_that_it_answers_with_nan_are_counted() -> None:
    world = World(pump_failure(), constant_model(0.5), echo_model())
    ask_first(world, [pump_row(pressure=None), pump_row(pressure=0.75)])
    report = replayed(world)
    assert (report.rows, report.flips, report.skipped) == (1, 0, {"version 2 answers NaN or infinity": 1})


def test_versions_that_are_none_or_no_longer_fit_are_refused() -> None:
    world = rivals()
    with pytest.raises(NotFoundError, match="has no version 7"):
        replayed(world, 7)
    world.add(constant_model(0.5, column="vibration"))
    with pytest.raises(WrongSchemaError, match="no longer has: vibration"):
        replayed(world, 3)


def test_values_have_no_labels_and_move() -> None:
    world = World(example(Task.REGRESSION), fitted("ridge", Task.REGRESSION).model)
    world.add(fitted("hist-gradient-boosting", Task.REGRESSION).model)
    ordinary = [{"a": row / 40 - 1, "b": 3e5, "c": "AA"} for row in range(80)]
    ids = ask_first(world, ordinary)
    report = replayed(world)
    columns = to_columns(ordinary, world.definition)
    first, second = (Scorer(world.registry.read("example", version, "model.onnx")).score(columns) for version in (1, 2))
    assert (report.flips, report.agreement) == (None, None)
    assert report.directions == dict(
        Counter("higher" if move > 0 else "lower" if move < 0 else "same" for move in second - first).most_common()
    )
    assert report.differences is not None
    assert report.differences.mean == pytest.approx((second - first).mean())
    for prediction_id, value in zip(ids, second, strict=True):
        world.happened(prediction_id, float(value), NOW)
    worth = replayed(world).loss
    assert worth is not None
    assert (worth.name, worth.version, worth.logged) == (
        "absolute_error",
        pytest.approx(0),
        pytest.approx(np.abs(second - first).mean()),
    )


def test_classes_flip_from_one_to_another() -> None:
    world = World(example(Task.MULTICLASS), fitted("logistic-regression", Task.MULTICLASS).model)
    world.add(fitted("random-forest", Task.MULTICLASS).model)
    ask_first(world, ROWS)
    report = replayed(world)
    columns = to_columns(ROWS, world.definition)
    labels = [
        [scorer.classes[place] for place in scorer.score(columns).argmax(axis=1)]
        for scorer in (Scorer(world.registry.read("example", version, "model.onnx")) for version in (1, 2))
    ]
    expected = Counter(f"{a} → {b}" for a, b in zip(*labels, strict=True) if a != b)
    assert report.directions == dict(expected)
    assert report.flips == expected.total() > 0


def test_recommendations_flip_with_their_first_item(tmp_path: Path) -> None:
    definition = shoppers.definition()
    dataset = shoppers.dataset_of(shoppers.purchases(), definition, tmp_path)
    models = [
        fit_candidate(algorithm, draw_parameters(algorithm, 0, 7), dataset, onnx.ModelProto(), definition).model
        for algorithm in ("matrix-factorization", "item-similarity")
    ]
    world = World(definition, *models)
    rows = [{"shopper": f"{place % shoppers.GROUPS}-s{place}"} for place in range(40)]
    ids = ask_first(world, rows)
    for prediction_id, row in zip(ids, rows, strict=True):
        world.happened(prediction_id, f"{row['shopper'][0]}-ä1", NOW)
    report = replayed(world)
    columns = to_columns(rows, definition)
    first, second = (Scorer(model).recommend(columns).items.tolist() for model in models)
    assert report.flips == sum(a[0] != b[0] for a, b in zip(first, second, strict=True))
    others = [1 - len({*a} & {*b}) / 5 for a, b in zip(first, second, strict=True)]
    assert report.differences is not None
    assert report.differences.mean == pytest.approx(np.mean(others))
    assert report.loss is not None
    assert (report.loss.name, report.outcomes) == ("miss", 40)
