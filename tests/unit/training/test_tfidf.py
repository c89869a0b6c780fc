"""Free text: the words of any script, the codes they give, and models that learn from them."""

import math
import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.features.compile import compile_features
from everloop.metrics import r2, roc_auc
from everloop.scorer import Scorer
from everloop.training.candidate import PARITY_TOLERANCE, build_model, fit_candidate
from everloop.training.learned import fit
from everloop.training.prepared import Inputs, PreparedDataset
from everloop.training.tfidf import LONGEST, MOST_TERMS, TERM_ROWS, TextCodes, fit_texts, split_words
from tests.samples import CLASSES, LEARNERS, dataset_of, example, prepared, quick_parameters

RETAIL = Path(__file__).parents[4] / "shared" / "data" / "online_retail_ii_2009_2010"


# Words, against a reference that knows Unicode from Python


_ALONE = {"CJK", "KANGXI", "HIRAGANA", "HENTAIGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGZHOU"}
_ALSO_ALONE = frozenset("々〇〻")


def is_alone(character: str) -> bool:
    """Of a script without spaces."""
    return bool({*unicodedata.name(character, "").split()} & _ALONE) or character in _ALSO_ALONE


def is_joined(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def is_clear(character: str) -> bool:
    """NUL and surrogates reach no model, new characters are unknown to some Python or to RE2, and which script marks
    and signs about kana and ideographs are of, Python does not tell."""
    if character == "\0" or unicodedata.ucd_3_2_0.category(character) in ("Cs", "Cn"):
        return False
    named = {*unicodedata.name(character, "").split()}
    return not named & {*_ALONE, "SQUARE"} if not is_joined(character) else "SOUND" not in named


def words_of(text: str) -> list[str]:
    words = [""]
    for character in text:
        if is_joined(character) and not is_alone(character):
            words[-1] += character
        else:
            words += [character, ""] if is_joined(character) else [""]
    return [word for word in words if word]


CHARACTERS = st.characters(exclude_categories=["Cs", "Cn"]).filter(is_clear)
TEXTS = st.text(CHARACTERS | st.sampled_from("aAéÉe\u0301 \t\n\u00a0\u2028\u3000'-_.,🎈👩\u200d🔬字ไ한ßİıſK"))


@settings(max_examples=300)
@given(TEXTS)
def test_words_are_those_of_a_reference(text: str) -> None:
    assert split_words([text]) == [words_of(text)]


def test_each_character_is_part_of_a_word_or_not_as_unicode_has_it() -> None:
    texts = [f"a{character}a" for character in map(chr, range(sys.maxunicode + 1)) if is_clear(character)]
    assert len(texts) > 90_000
    assert split_words(texts) == [words_of(text) for text in texts]


# Codes, against a reference in plain Python


def code_of(column: TextCodes, text: str) -> list[float]:
    """Term frequencies times idf, at a length of 1, times the weights."""
    numbers = [column.words.get(word, -1) for word in words_of(text)]
    words = len(column.idf) - len(column.pairs)
    pairs = {pair: words + place for place, pair in enumerate(column.pairs)}
    found = [number for number in numbers if number >= 0]
    found += [pairs[pair] for pair in pairwise(numbers) if pair in pairs]
    terms = {term: count * column.idf[term] for term, count in Counter(found).items()}
    length = math.sqrt(sum(value**2 for value in terms.values())) or 1.0
    sums = [sum(value * column.weights[term, each] for term, value in terms.items()) for each in range(column.width)]
    return [total / length + own for total, own in zip(sums, column.intercept, strict=True)]


WORDS = [
    "strasse",
    "Straße",
    "MÜLLER",
    "müller",
    "слово",
    "Слово",
    "字",
    "漢",
    "كلمة",
    "ค",
    "ำ",
    "e\u0301t\u00e9",
    "12",
    "🎈",
]


def some_texts(count: int, *, seed: int = 7, words: int = 8) -> Any:
    rng = np.random.default_rng(seed)
    return np.array([" ".join(rng.choice(WORDS, rng.integers(0, words))) for _ in range(count)], dtype=object)


def column_of(count: int = 200, *, width: int = 1) -> TextCodes:
    texts = some_texts(count)
    outcomes = np.random.default_rng(1).normal(size=(count, width))
    return fit_texts(texts, outcomes, np.arange(count))[0]


ONE, THREE = column_of(), column_of(width=3)


@settings(max_examples=200)
@given(st.lists(TEXTS | st.lists(st.sampled_from([*WORDS, "unknown", "!"]), max_size=12).map(" ".join), max_size=6))
def test_codes_are_those_of_a_reference_and_null_is_nan(texts: list[str]) -> None:
    for column in (ONE, THREE):
        codes = column.encode(np.array(texts, dtype=object))
        assert (codes.shape, codes.dtype) == ((len(texts), column.width), np.float32)
        expected = [code_of(column, text) if text else [math.nan] * column.width for text in texts]
        np.testing.assert_allclose(codes, np.reshape(expected, codes.shape), rtol=1e-6, atol=1e-7)


def test_a_code_depends_on_its_own_row_alone_to_the_bit() -> None:
    texts = np.array(["", *some_texts(50, seed=3), "straße " * 10_000], dtype=object)
    whole = THREE.encode(texts)
    np.testing.assert_array_equal(THREE.encode(texts[::-1])[::-1], whole)
    np.testing.assert_array_equal(np.vstack([THREE.encode(texts[[row]]) for row in range(len(texts))]), whole)


def test_case_is_folded_in_every_script() -> None:
    for one, other in (("müller", "MÜLLER"), ("слово", "Слово"), ("слово", "СЛОВО"), ("strasse", "STRASSE")):
        assert ONE.encode(np.array([one], object)) == ONE.encode(np.array([other], object)), other
    assert ONE.encode(np.array(["straße"], object)) != ONE.encode(np.array(["strasse"], object))


def test_the_vocabulary_is_that_of_scikit_learn_on_the_same_words() -> None:
    texts = some_texts(300)
    column, _ = fit_texts(texts, np.arange(300.0).reshape(-1, 1), np.arange(300))
    theirs = TfidfVectorizer(analyzer=words_of, min_df=TERM_ROWS).fit([text.lower() for text in texts if text])
    ours = {word: column.idf[number] for word, number in column.words.items() if word in theirs.vocabulary_}
    assert ours == pytest.approx({word: theirs.idf_[place] for word, place in theirs.vocabulary_.items()})


def test_the_vocabulary_is_bounded_and_keeps_the_words_of_its_pairs() -> None:
    rng = np.random.default_rng(7)
    texts = np.array([" ".join(f"w{n}" for n in rng.zipf(1.2, 30) % 9_000) for _ in range(4_000)], dtype=object)
    column, _ = fit_texts(texts, rng.normal(size=(4_000, 1)), rng.permutation(4_000))
    assert len(column.idf) == MOST_TERMS
    assert column.pairs
    assert max(max(pair) for pair in column.pairs) < MOST_TERMS - len(column.pairs)


@pytest.mark.parametrize("ids", [[f"id{n}" for n in range(500)], [""] * 500])
def test_ids_and_nulls_give_a_constant(ids: list[str]) -> None:
    outcomes = np.random.default_rng(7).random((500, 2))
    column, codes = fit_texts(np.array(ids, dtype=object), outcomes, np.arange(500))
    mean = outcomes.mean(axis=0)
    np.testing.assert_allclose(codes, np.tile(mean * (1 if ids[0] else np.nan), (500, 1)), rtol=1e-6)
    np.testing.assert_allclose(column.encode(np.array(["id7 id8", "other"], object)), [mean, mean], rtol=1e-6)


def test_a_row_s_code_does_not_betray_its_own_target() -> None:
    rng = np.random.default_rng(7)
    texts = np.array([f"w{n} v{m}" for n, m in rng.integers(0, 300, (1_500, 2))], dtype=object)
    target = rng.integers(0, 2, 1_500).astype(float)
    column, codes = fit_texts(texts, target.reshape(-1, 1), rng.permutation(1_500))
    assert roc_auc(target, column.encode(texts)[:, 0]) > 0.75, "its own code knows what it was fitted on"
    assert abs(roc_auc(target, codes[:, 0]) - 0.5) < 0.05


def test_rows_beyond_what_a_fit_learns_from_are_coded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everloop.training.tfidf.CHARACTERS", 3_000)
    texts = np.array(["good thing", "bad thing", "", "x" * (LONGEST + 1)] * 200, dtype=object)
    outcomes = np.array([1.0, 0.0, 0.5, 0.5] * 200).reshape(-1, 1)
    _, codes = fit_texts(texts, outcomes, np.random.default_rng(7).permutation(800))
    assert codes[texts == "good thing"].min() > 0.8
    assert codes[texts == "bad thing"].max() < 0.2
    assert np.isnan(codes[texts == ""]).all()
    assert np.isfinite(codes[texts == texts[3]]).all()


# Models


PLANTED = [
    ("excellent", "terrible", "average"),
    ("Größe", "Mängel", "Maß"),
    ("отлично", "ужасно", "средне"),
    ("優良", "最悪", "普通"),
    ("ดีมาก", "แย่", "ปานกลาง"),
    ("جيد", "سيئ", "عادي"),
]
NOISE = ["the", "a", "und", "и", "12", "🎈", "の", "字"]


def definition_of(task: Task, **sections: Any) -> Definition:
    columns = {"a": "number", "t": "text", "c": "category", "u": "text"}
    return example(task, columns={**columns, "y": example(task).columns["y"]}, **sections)


def planted(task: Task, rows: int = 1_500) -> PreparedDataset:
    """A word among others, of one script or another, says what the target is. A tenth of the texts is null."""
    rng = np.random.default_rng(7)
    outcome = rng.integers(0, len(CLASSES[task]) or 2, rows)
    texts = np.array([_sentence(rng, word) for word in outcome], dtype=object)
    texts[rng.random(rows) < 0.1] = ""
    ids = np.array([f"{n:x}" for n in rng.permutation(rows)], dtype=object)
    levels = rng.choice(np.array(["AA", "ü字", ""], object), rows)
    noise = rng.normal(size=rows) * 0.1 if task is Task.REGRESSION else 0.0
    nasty = np.array(["", "never seen", "Größe 優良", "\u2028", "x" * 5_000], object)
    raw = {"a": rng.normal(size=rows), "t": texts, "c": levels, "u": ids}
    asked = {"a": np.array([np.nan, 1e12, 0, -1e12, 1]), "t": nasty, "c": nasty[::-1], "u": nasty}
    return prepared(
        task,
        number_names=["a"],
        text_names=["t", "c", "u"],
        free_texts=["t", "u"],
        inputs=_inputs(raw),
        target=outcome + noise,
        holdout_raw={name: values[rows - 200 :].reshape(-1, 1) for name, values in raw.items()},
        probes=_inputs(asked),
        probes_raw={name: values.reshape(-1, 1) for name, values in asked.items()},
    )


def _sentence(rng: np.random.Generator, word: int) -> str:
    script = PLANTED[rng.integers(len(PLANTED))]
    words = [*rng.choice(NOISE, 6), script[word]]
    return " ".join(rng.permutation(words))


def _inputs(raw: dict[str, Any]) -> Inputs:
    return Inputs(raw["a"].reshape(-1, 1).astype(np.float32), np.column_stack([raw["t"], raw["c"], raw["u"]]))


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_every_algorithm_learns_from_text_and_serves_what_it_learned(algorithm: str, task: Task) -> None:
    dataset, definition = planted(task), definition_of(task)
    features = compile_features(definition).to_onnx()
    candidate = fit_candidate(algorithm, quick_parameters(algorithm), dataset, features, definition)
    assert candidate.parity_difference <= PARITY_TOLERANCE
    _, target = dataset.holdout
    score = Scorer(candidate.judged).score(dataset.holdout_raw)
    if task is Task.REGRESSION:
        assert r2(target, score) > 0.6
    else:
        positive = score if task is Task.BINARY else score[:, -1]
        assert roc_auc((target == target.max()).astype(float), positive) > 0.9


def test_the_same_rows_give_the_same_bytes_whatever_the_number_of_threads() -> None:
    dataset, definition = planted(Task.BINARY, rows=16_000), definition_of(Task.BINARY)
    features = compile_features(definition).to_onnx()
    models = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            learned = fit("logistic-regression", {"C": 1.0}, dataset, slice(None), seed=7)
            models.append(build_model(learned, dataset, features))
    assert models[0] == models[1]


@pytest.mark.parametrize("algorithm", ["hist-gradient-boosting", "logistic-regression"])
def test_text_that_means_nothing_ruins_no_model(algorithm: str) -> None:
    rng = np.random.default_rng(7)
    rows, train = 6_000, 4_500
    numbers = rng.normal(size=(rows, 3)).astype(np.float32)
    target = (numbers @ [3, 2, -1] + rng.normal(size=rows) * 0.5 > 0).astype(float)
    texts = np.array([" ".join(f"w{n}" for n in rng.integers(0, 3_000, 6)) for _ in range(rows)], object)

    def auc(texts: Any) -> float:
        inputs, parameters = Inputs(numbers, texts), quick_parameters(algorithm)
        dataset = dataset_of(Task.BINARY, inputs, target)
        vars(dataset).update(free_texts=dataset.text_names)
        return roc_auc(
            target[train:], fit(algorithm, parameters, dataset, slice(train), seed=7).predict(inputs[train:])
        )

    assert auc(texts.reshape(-1, 1)) > auc(np.empty((rows, 0), object)) - 0.01


@pytest.mark.skipif(not RETAIL.exists(), reason="the data set is not here")
def test_real_descriptions_tell_as_much_as_to_scikit_learn() -> None:
    """Is an article dearer than half of them? Each description is in one row alone."""
    [path] = RETAIL.glob("*.parquet")
    fetched = duckdb.sql(
        f"""select Description as text, median(Price) as price from '{path}'
        where Description is not null and Price > 0 group by 1 order by hash(Description)"""
    ).fetchnumpy()
    texts, price = np.asarray(fetched["text"], dtype=object), fetched["price"]
    target = (price > np.median(price)).astype(float)
    train = len(texts) * 3 // 4
    dataset = dataset_of(Task.BINARY, Inputs(np.zeros((len(texts), 0), np.float32), texts.reshape(-1, 1)), target)
    vars(dataset).update(free_texts=dataset.text_names)
    assert any(not text.isascii() for text in texts)

    vectorizer = TfidfVectorizer()
    theirs = LogisticRegression(max_iter=500).fit(vectorizer.fit_transform(texts[:train]), target[:train])
    expected = roc_auc(target[train:], theirs.decision_function(vectorizer.transform(texts[train:])))
    assert expected > 0.85
    for algorithm in ("logistic-regression", "hist-gradient-boosting"):
        learned = fit(algorithm, quick_parameters(algorithm), dataset, slice(train), seed=7)
        assert roc_auc(target[train:], learned.predict(dataset.inputs[train:])) > expected - 0.01, algorithm
