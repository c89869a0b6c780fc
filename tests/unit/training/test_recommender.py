"""A recommender finds who likes what, answers as its graph does, and is judged on what users take later."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from scipy import sparse

from everloop.columns import Columns
from everloop.contracts.recommendation import HISTORY_ITEMS, ITEMS, join_items
from everloop.errors import UnusableTargetError
from everloop.scorer import Recommended, Scorer
from everloop.training.algorithms.item_similarity import fit as fit_neighbours
from everloop.training.algorithms.matrix_factorization import fit as fit_factors
from everloop.training.baselines import baselines
from everloop.training.candidate import PARITY_TOLERANCE, build_model, fit_candidate
from everloop.training.evaluation import MINIMUM_COMPARED_ROWS, Champion, Evaluation, evaluate
from everloop.training.interactions import check_interactions, first_of_holdout
from everloop.training.judging import judge, judge_recommendations, known_items
from everloop.training.learned import learn
from everloop.training.prepared import PreparedDataset
from everloop.training.recommender import Recommender
from everloop.training.search import draw_parameters, run_trial
from tests.shoppers import GROUPS, NEWEST, Purchase, dataset_of, definition, group_of, purchases

ALGORITHMS = ("matrix-factorization", "item-similarity")
PLANTED = {"matrix-factorization": {"factors": GROUPS}, "item-similarity": {}}
NO_FEATURES = onnx.ModelProto()
ALL = slice(None)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return dataset_of(purchases(), definition(), tmp_path_factory.mktemp("rows"))


def fitted(algorithm: str, dataset: PreparedDataset, **parameters: Any) -> Recommender:
    found = learn(algorithm, draw_parameters(algorithm, 0, 7) | parameters, dataset, ALL, seed=7)
    assert isinstance(found, Recommender)
    return found


def request(shopper: str | float, *items: str) -> Columns:
    kind: Any = object if isinstance(shopper, str) else np.float64
    return {"shopper": np.array([[shopper]], kind), ITEMS: np.array([[join_items(items)]], object)}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_shopper_is_recommended_what_the_group_likes(algorithm: str, dataset: PreparedDataset) -> None:
    learned = fitted(algorithm, dataset, repeat=0.0, **PLANTED[algorithm])
    for group in range(GROUPS):
        by_id = learned.recommend(request(f"{group}-s{group}")).items[0].tolist()
        by_items = learned.recommend(request("", f"{group}-ä1", f"{group}-ä2")).items[0].tolist()
        assert {group_of(item) for item in by_id} == {group}, by_id
        assert {group_of(item) for item in by_items} == {group}, by_items


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_items_of_a_request_count_instead_of_the_stored_history(algorithm: str, dataset: PreparedDataset) -> None:
    learned = fitted(algorithm, dataset, **PLANTED[algorithm])
    told = learned.recommend(request("0-s0", "3-ä1", "3-ä2"))
    assert told.items.tolist() == learned.recommend(request("nobody", "3-ä1", "3-ä2")).items.tolist()
    assert {group_of(item) for item in told.items[0]} == {3}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("shopper", "items"), [("nobody", ()), ("", ()), ("0-s0", ("never seen",))])
def test_of_whom_nothing_is_known_gets_what_is_popular(
    algorithm: str, shopper: str, items: tuple[str, ...], dataset: PreparedDataset
) -> None:
    answer = fitted(algorithm, dataset).recommend(request(shopper, *items))
    counts = np.bincount(dataset.target.astype(int))
    popular = np.sort(counts)[::-1][:5]
    assert [counts[dataset.classes.index(item)] for item in answer.items[0]] == popular.tolist()
    np.testing.assert_allclose(answer.scores[0], popular / counts.sum(), rtol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("id_type", ["category", "integer"])
def test_the_graph_answers_as_what_was_learned(algorithm: str, exclude: bool, id_type: str, tmp_path: Path) -> None:
    asked = definition(recommendation={"items": 7, "exclude_known": exclude}, columns={"shopper": id_type})
    sql = "shopper" if id_type == "category" else "split_part(shopper, 's', 2)::BIGINT - 5"
    dataset = dataset_of(purchases(900), asked, tmp_path, shopper=sql)
    candidate = fit_candidate(algorithm, draw_parameters(algorithm, 0, 7), dataset, NO_FEATURES, asked)
    assert candidate.parity_difference < PARITY_TOLERANCE / 10
    assert candidate.parity_rows == 2 * (len(dataset.holdout_raw[ITEMS]) + len(dataset.probes_raw[ITEMS]))
    again = fit_candidate(algorithm, draw_parameters(algorithm, 0, 7), dataset, NO_FEATURES, asked)
    assert (again.model, again.judged) == (candidate.model, candidate.judged), "the same rows give the same bytes"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_known_is_excluded_and_the_list_may_be_short(algorithm: str, dataset: PreparedDataset) -> None:
    options = dataset.recommendation
    assert options is not None
    dataset = replace(dataset, recommendation=options.model_copy(update={"exclude_known": True, "items": 40}))
    learned = fitted(algorithm, dataset)
    model = Scorer(build_model(learned, dataset, NO_FEATURES))
    known = dataset.classes[:20]
    for answer in (learned.recommend(request("", *known)), model.recommend(request("", *known))):
        given = [item for item in answer.items[0] if item]
        assert set(given) == set(dataset.classes) - set(known)
        assert answer.scores[0, len(given) :].tolist() == [0.0] * (40 - len(given))


def test_a_wrong_graph_is_seen(dataset: PreparedDataset) -> None:
    learned = fitted("item-similarity", dataset)
    other = build_model(replace(learned, repeat=learned.repeat + 0.5), dataset, NO_FEATURES)
    assert learned.difference(other, dataset)[0] > 0.01
    shifted = replace(learned, items=[*learned.items[1:], learned.items[0]])
    assert learned.difference(build_model(shifted, dataset, NO_FEATURES), dataset)[0] > 0.01


def test_only_the_newest_items_of_a_long_history_count(dataset: PreparedDataset) -> None:
    learned = fitted("item-similarity", dataset)
    model = Scorer(build_model(learned, dataset, NO_FEATURES))
    old, new = ["1-ä1"] * 300, ["2-ä1", "2-ä2"] * (HISTORY_ITEMS // 2)
    assert len(join_items([*old, *new]).split("\x1f")) == HISTORY_ITEMS
    assert learned.histories.shape[1] < HISTORY_ITEMS, "no shopper has so many"
    assert {group_of(item) for item in model.recommend(request("", *old, *new)).items[0]} == {2}


def test_an_answer_does_not_depend_on_how_many_are_asked_at_once(dataset: PreparedDataset) -> None:
    learned = fitted("matrix-factorization", dataset)
    model = Scorer(build_model(learned, dataset, NO_FEATURES))
    together = model.recommend(dataset.holdout_raw)
    for row in range(0, 20):
        alone = model.recommend({name: values[row : row + 1] for name, values in dataset.holdout_raw.items()})
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-5)


def test_users_are_judged_by_what_they_take_later(dataset: PreparedDataset) -> None:
    items = ["a", "b", "c"]
    rows = [("x", 0), ("y", 1), ("x", 2), ("x", 2), ("y", 0), ("z", 1)]
    small = replace(
        dataset,
        classes=items,
        inputs=replace(dataset.inputs[: len(rows)], texts=np.array([[user] for user, _ in rows])),
        target=np.array([float(item) for _, item in rows]),
        holdout_rows=4,
    )
    asked: list[Any] = []

    def recommend(columns: Columns) -> Recommended:
        asked.extend(columns["shopper"][:, 0].tolist())
        items = np.array([["b", "c"], ["a", "new"], ["c", ""]], object)
        return Recommended(items, np.zeros((3, 2)))

    taken, relevance = judge_recommendations(recommend, small, np.arange(2, 6))
    assert asked == ["x", "y", "z"]
    assert taken.tolist() == [1, 1, 1], "different items"
    assert relevance.tolist() == [[0, 1], [1, 0], [0, 0]]
    assert known_items(small).tolist() == [1, 1, 0]


def test_interactions_of_one_moment_are_judged_together() -> None:
    assert first_of_holdout(np.array([1.0, 2, 3, 3, 3, 3, 4, 5]), 0.4) == 2
    assert first_of_holdout(np.arange(10.0), 0.2) == 8


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_trial_beats_what_is_popular(algorithm: str, dataset: PreparedDataset) -> None:
    trial = run_trial({"trial": 0, "algorithm": algorithm, "draw": 0}, dataset, definition())
    [popularity] = baselines(dataset, definition())
    assert popularity.name == "popularity"
    assert trial["value"] > popularity.metrics["hit_rate"] + 0.1


def test_a_candidate_is_judged_by_user_and_the_champion_on_the_same(dataset: PreparedDataset) -> None:
    asked = definition()
    better, worse = (
        fit_candidate(algorithm, draw_parameters(algorithm, 0, 7) | own, dataset, NO_FEATURES, asked)
        for algorithm, own in (("item-similarity", {}), ("matrix-factorization", {"factors": 1, "repeat": 0.0}))
    )
    lineage = {"split_id": dataset.split_id}
    champion = Champion(3, worse.model, worse.judged, lineage)
    evaluation = evaluate(better, dataset, asked, champion, against=3)
    metrics = evaluation.metrics
    assert metrics["champion"]["version"] == 3
    assert metrics["champion"]["rows"] == len(dataset.holdout_raw[ITEMS])
    gates = {gate.name: gate for gate in evaluation.gates}
    assert gates["parity"].passed
    assert gates["indifference"].passed
    assert gates["baseline"].passed
    assert gates["champion"].detail.startswith("hit_rate +")
    same = evaluate(better, dataset, asked, Champion(4, better.model, better.judged, lineage), against=4)
    assert [gate.name for gate in same.gates if not gate.passed] == ["champion"]
    assert metrics["recommendations"]["users"] == len(dataset.holdout_raw[ITEMS])
    assert 0 < metrics["recommendations"]["coverage"] <= 1
    assert metrics["importance"] == []
    assert metrics["reliability"] is None


def test_a_champion_is_asked_about_new_interactions_alone(dataset: PreparedDataset) -> None:
    """Those before its `as_of` are left out, and too few users that are left are no comparison."""
    asked = definition()
    fit = fit_candidate("item-similarity", draw_parameters("item-similarity", 0, 7), dataset, NO_FEATURES, asked)
    known = replace(dataset, batches=["old"], holdout_batch=np.zeros(dataset.holdout_rows, int))
    lineage = {"split_id": "another", "batches": ["old"], "timestamp": "bought_at", "since": None}

    def against_one_of(hours: int) -> Evaluation:
        as_of = (NEWEST - timedelta(hours=hours)).isoformat()
        return evaluate(fit, known, asked, Champion(1, fit.model, fit.judged, lineage | {"as_of": as_of}))

    new = np.arange(dataset.holdout_rows)[-111:]
    users = len(judge(Scorer(fit.judged), dataset, new)[0])
    assert users < MINIMUM_COMPARED_ROWS < len(new)
    refused = {gate.name: gate for gate in against_one_of(110).gates}["champion"]
    assert refused.detail.startswith(f"only {users} users of the holdout are new to champion 1")
    assert against_one_of(300).metrics["champion"]["rows"] > MINIMUM_COMPARED_ROWS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"article": "the only one"}, "'article': expected at least 10 different values in the oldest rows"),
        ({"shopper": "the only one"}, "'shopper': expected at least 10 different values in the oldest rows"),
    ],
)
def test_too_few_to_learn_from_is_told(changes: Purchase, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableTargetError, match=words):
        dataset_of([{**row, **changes} for row in purchases(400)], definition(), tmp_path)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("column", ["shopper", "article"])
def test_ids_that_are_no_floats_are_refused(column: str, sign: int) -> None:
    """2^53 itself is one, and so 2^53 + 1 would become."""
    asked = definition(columns={column: "integer"}, serving={})
    small = np.array([str(row % 20) for row in range(400)])

    def check(largest: int) -> None:
        ids = {"shopper": small, "article": small}
        ids[column] = np.array([str(sign * (largest - row % 20)) for row in range(400)])
        check_interactions(asked, ids["shopper"], ids["article"], 300)

    check(2**53 - 1)
    for largest in (2**53, 2**53 + 1):
        with pytest.raises(UnusableTargetError, match=rf"'{column}': expected integers below 2\^53, got larger ones"):
            check(largest)


def test_a_dataset_is_the_same_after_a_journey(dataset: PreparedDataset) -> None:
    again = PreparedDataset.from_npz(dataset.to_npz())
    assert again.recommendation == dataset.recommendation
    assert again.to_npz() == dataset.to_npz()
    first, second = (fitted("item-similarity", each).to_onnx().SerializeToString() for each in (dataset, again))
    assert first == second


def test_fewer_tastes_than_factors_give_the_same_bytes_as_well() -> None:
    """Where the matrix has no more singular vectors, any would do: it must be the same each time."""
    taken = sparse.csr_array(np.kron(np.eye(2), np.ones((20, 15))))
    first, *others = (fit_factors(taken, {"factors": 25, "power": 0.5}, seed=7).items for _ in range(4))
    assert np.isfinite(first).all()
    assert {other.tobytes() for other in others} == {first.tobytes()}


def test_cosines_of_few_users_in_common_are_shrunk() -> None:
    """Four users took the first item, all of them but one the second, and one of those the third."""
    taken = sparse.csr_array([[2, 1, 1], [1, 1, 0], [1, 1, 0], [1, 0, 0]])
    found = fit_neighbours(taken, {"neighbours": 2, "shrinkage": 1.0}, seed=7)
    assert found.numbers.tolist() == [[1, 2], [0, 2], [1, 0], [3, 3]]
    np.testing.assert_allclose(
        found.similarities,
        [
            [3 / (np.sqrt(4 * 3) + 1), 1 / (np.sqrt(4 * 1) + 1)],
            [3 / (np.sqrt(4 * 3) + 1), 1 / (np.sqrt(3 * 1) + 1)],
            [1 / (np.sqrt(3 * 1) + 1), 1 / (np.sqrt(4 * 1) + 1)],
            [0, 0],
        ],
        rtol=1e-6,
    )


def test_of_equally_similar_items_the_first_are_neighbours_on_any_processor() -> None:
    program = """
import numpy as np
from scipy import sparse
from everloop.training.algorithms.item_similarity import fit

draws = np.random.default_rng(3)
users, items = draws.integers(0, 300, 4_000), np.minimum(draws.pareto(1, 4_000) * 8, 399).astype(int)
taken = sparse.csr_array((np.ones(4_000), (users, items)), (300, 400))
found = fit(taken, {"neighbours": 20, "shrinkage": 10.0}, seed=7)
print(found.numbers.tobytes().hex(), found.similarities.tobytes().hex())
"""
    instructions = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not instructions:
        pytest.skip("this processor has no more than what NumPy always takes")
    without = {"NPY_DISABLE_CPU_FEATURES": " ".join(instructions)}
    found, again = (
        subprocess.run([sys.executable, "-c", program], env=os.environ | more, capture_output=True, check=True).stdout
        for more in ({}, without)
    )
    assert len(found) > 400 * 20 * 8
    assert found == again


def test_an_item_that_nobody_took_in_these_rows_has_no_neighbours() -> None:
    found = fit_neighbours(sparse.csr_array([[1, 1, 0], [1, 1, 0]]), {"neighbours": 2, "shrinkage": 0.0}, seed=7)
    assert found.numbers.tolist() == [[1, 3], [0, 3], [3, 3], [3, 3]]
    assert found.similarities.tolist() == [[1, 0], [1, 0], [0, 0], [0, 0]]
