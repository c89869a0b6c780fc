"""What scikit-learn and skl2onnx are known to do to one another: a pipeline that converts wrongly is refused.

Each is planted in place of an algorithm, over the rows, the features and the probes that a training run makes.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from everloop.contracts.definition import Definition
from everloop.errors import ModelUnavailableError
from everloop.features.compile import compile_features
from everloop.scorer import Scorer
from everloop.training.algorithms import Rows, _forest, load_algorithm
from everloop.training.candidate import PARITY_TOLERANCE, fit_candidate
from everloop.training.encoding import Codes
from everloop.training.evaluation import evaluate
from everloop.training.learned import fit
from everloop.training.prepared import PreparedDataset
from tests.unit.training.test_dataset import Lake

ROWS = 3_000
EXACT_UNTIL = 2**24
"""float32 holds every second whole number above."""


class Plausible(NamedTuple):
    definition: Definition
    dataset: PreparedDataset
    features: onnx.ModelProto


@pytest.fixture(scope="module")
def plausible(tmp_path_factory: pytest.TempPathFactory) -> Plausible:
    """Measurements to a decimal and over magnitudes, counts, numbered parts, levels; many are missing."""
    kinds = {"weight": "number", "flow": "number", "starts": "integer", "serial": "integer", "kind": "category"}
    definition = Definition.model_validate(
        {
            "name": "press",
            "task": "binary-classification",
            "data": {"target": "y", "timestamp": "at"},
            "columns": {"at": "timestamp", **kinds, "outdoors": "boolean", "y": "boolean"},
            "features": {"hour": "hour(at)", "weight_per_start": "weight / (starts + 1)"},
        }
    )
    parts = {
        "weight": "case when a < 0.5 then round(b * b * 10, 1) end",
        "flow": "case when c < 0.6 then exp(d * 8) end",
        "starts": "case when e < 0.9 then cast(floor(f * 6) as bigint) end",
        "serial": f"cast({EXACT_UNTIL} + 2 * floor(g * 300) as bigint)",
        "kind": "case when h < 0.3 then 'axial' when h < 0.7 then 'ü' when h < 0.8 then 'seldom' end",
        "outdoors": "i < 0.4",
        "y": "coalesce(b, 0.3) * 3 + d * if(c < 0.6, 2, 1) + f + if(g * 300 % 7 < 3, 0.8, 0) + if(h < 0.3, 1, 0)"
        " + i + 2 * j > 5.2",
    }
    uniform = ", ".join(
        f"hash(n + {place} * 1000003) % 100000 / 1e5 as {name}" for place, name in enumerate("abcdefghij")
    )
    columns = ", ".join(f"{sql} as {name}" for name, sql in parts.items())
    lake = Lake(tmp_path_factory.mktemp("lake"))
    dataset = lake.prepare(
        definition,
        f"select timestamp '2026-01-01' + to_minutes(n * 7) as \"at\", {columns}"
        f" from (select n, {uniform} from (select cast(range as bigint) as n from range({ROWS})))",
    )
    lake.connection.close()
    return Plausible(definition, dataset, compile_features(definition).to_onnx())


Planted = Callable[[Rows], Any]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Planted], str]:
    """The name of an algorithm that fits what is planted."""

    def plant_algorithm(build: Planted) -> str:
        module = ModuleType("everloop.training.algorithms.planted")

        def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
            return build(rows)

        vars(module).update(SPACE={}, CODES=Codes.LEVELS, fit=fit)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return "planted"

    return plant_algorithm


def of(estimator: BaseEstimator) -> Planted:
    return lambda rows: estimator.fit(rows.matrix, rows.target)


def standardised(*then: BaseEstimator) -> Planted:
    return of(make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), *then))


def boosting(**parameters: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=30, random_state=0, **parameters)


def xgboost_behind_a_scaler(rows: Rows) -> Any:
    front = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    scaled = front.fit_transform(rows.matrix).astype(np.float32)
    return make_pipeline(front, load_algorithm("xgboost").fit(replace(rows, matrix=scaled), {"rounds": 30}))


def boosting_on_categories(rows: Rows) -> Any:
    return boosting(categorical_features=rows.levels).fit(rows.matrix, rows.target)


class ForestAsIs(RandomForestClassifier):
    """Converted by skl2onnx itself."""


class ExtraTreesAsIs(ExtraTreesClassifier):
    """Converted by skl2onnx itself."""


OPTIONS = ("zipmap", "raw_scores", "nocl", "output_class_labels", "decision_path", "decision_leaf")
for _kind in (ForestAsIs, ExtraTreesAsIs):
    update_registered_converter(
        _kind,
        f"Planted{_kind.__name__}",
        calculate_linear_classifier_output_shapes,
        convert_sklearn_random_forest_classifier,
        options={name: [False, True] for name in OPTIONS},
    )


WRONG: dict[str, Planted] = {
    "imputer and scaler before histogram gradient boosting": standardised(boosting()),
    "imputer and scaler before xgboost": xgboost_behind_a_scaler,
    "boosting's own categories": boosting_on_categories,
    "linear discriminant analysis": standardised(LinearDiscriminantAnalysis()),
    "indicators of nulls, which are dropped": of(
        make_pipeline(SimpleImputer(add_indicator=True), LogisticRegressionCV(Cs=2, cv=2))
    ),
    "a forest whose splits send nulls somewhere": of(ForestAsIs(n_estimators=10, random_state=0)),
    "extra trees whose splits send nulls somewhere": of(ExtraTreesAsIs(n_estimators=10, random_state=0)),
    "a tree whose splits send nulls somewhere": of(DecisionTreeClassifier(max_depth=6, random_state=0)),
    "levels numbered by OrdinalEncoder": of(
        make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), boosting())
    ),
    "isotonic calibration": standardised(CalibratedClassifierCV(GaussianNB(), method="isotonic")),
    "k nearest neighbours, and rows as far from all": standardised(KNeighborsClassifier()),
    "k nearest neighbours weighed by distance": standardised(KNeighborsClassifier(weights="distance")),
    "naive Bayes of large numbers, summed in float32": of(make_pipeline(SimpleImputer(), GaussianNB())),
}
"""Converted without a word."""

RIGHT: dict[str, Planted] = {
    "boosting alone": of(boosting()),
    "gradient boosting behind an imputer": of(
        make_pipeline(SimpleImputer(strategy="median"), GradientBoostingClassifier(n_estimators=20, random_state=0))
    ),
    "a support vector machine, calibrated": standardised(CalibratedClassifierCV(SVC())),
    "a linear support vector machine, calibrated": standardised(CalibratedClassifierCV(LinearSVC())),
    "bagging": of(BaggingClassifier(boosting(), n_estimators=3, random_state=0)),
    "stacking": standardised(StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())])),
}
"""Suspected, yet converted exactly with the versions that are pinned."""

LOUD: dict[str, Planted] = {
    "a vote of probabilities": standardised(
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft")
    ),
    "nulls from neighbours": of(make_pipeline(KNNImputer(), LogisticRegression(max_iter=200))),
    "calibration by temperature": standardised(CalibratedClassifierCV(LogisticRegression(), method="temperature")),
    "indicators of nulls before trees": of(make_pipeline(SimpleImputer(add_indicator=True), boosting())),
}
"""Fail in the conversion, or when the graph is first asked."""


@pytest.mark.parametrize("name", WRONG)
def test_what_converts_wrongly_in_silence_is_refused_by_the_parity_gate(
    plausible: Plausible, plant: Callable[[Planted], str], name: str
) -> None:
    definition, dataset, features = plausible
    candidate = fit_candidate(plant(WRONG[name]), {}, dataset, features, definition)
    gates = {gate.name: gate.passed for gate in evaluate(candidate, dataset, definition, None).gates}
    assert candidate.parity_difference > PARITY_TOLERANCE
    assert not gates["parity"]


@pytest.mark.parametrize("name", RIGHT)
def test_what_converts_exactly_today_passes(plausible: Plausible, plant: Callable[[Planted], str], name: str) -> None:
    definition, dataset, features = plausible
    assert fit_candidate(plant(RIGHT[name]), {}, dataset, features, definition).parity_difference <= PARITY_TOLERANCE


@pytest.mark.parametrize("name", LOUD)
def test_what_does_not_convert_says_so_before_there_is_a_candidate(
    plausible: Plausible, plant: Callable[[Planted], str], name: str
) -> None:
    definition, dataset, features = plausible
    with pytest.raises((NotImplementedError, AttributeError, onnx.checker.ValidationError, ModelUnavailableError)):
        fit_candidate(plant(LOUD[name]), {}, dataset, features, definition)


def test_a_null_that_training_took_for_the_word_none_is_refused(plausible: Plausible) -> None:
    definition, dataset, features = plausible
    texts = np.where(dataset.inputs.texts == "", "None", dataset.inputs.texts)
    misread = replace(dataset, inputs=replace(dataset.inputs, texts=texts))
    candidate = fit_candidate("logistic-regression", {"C": 1.0, "balanced": False}, misread, features, definition)
    assert candidate.parity_difference > PARITY_TOLERANCE


def test_thresholds_rounded_to_the_nearest_float32_are_refused(
    plausible: Plausible, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two neighbours of float32 it is one of them: then one goes the other way."""
    definition, dataset, features = plausible
    parameters = {"max_leaf_nodes": 250, "max_features": 0.5, "min_samples_leaf": 2}
    assert fit_candidate("random-forest", parameters, dataset, features, definition).parity_difference < 1e-6
    monkeypatch.setattr(_forest, "below", lambda thresholds: thresholds.astype(np.float32))
    candidate = fit_candidate("random-forest", parameters, dataset, features, definition)
    assert candidate.parity_difference > PARITY_TOLERANCE


def test_discriminant_analysis_would_pass_if_only_labels_were_compared(
    plausible: Plausible, plant: Callable[[Planted], str]
) -> None:
    """Why the gate compares probabilities."""
    definition, dataset, features = plausible
    algorithm = plant(WRONG["linear discriminant analysis"])
    candidate = fit_candidate(algorithm, {}, dataset, features, definition)
    learned = fit(algorithm, {}, dataset, dataset.train_rows, seed=7)
    expected = learned.predict(dataset.holdout[0]) >= 0.5
    np.testing.assert_array_equal(Scorer(candidate.judged).score(dataset.holdout_raw) >= 0.5, expected)
