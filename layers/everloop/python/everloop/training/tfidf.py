"""Free text to numbers: a ridge regression over the TF-IDF of its words and pairs of words.

Words and codes come from the same ONNX nodes in training and in serving.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnx import NodeProto, TensorProto, helper, numpy_helper
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from everloop.features.graph import IR_VERSION
from everloop.metrics import Floats
from everloop.training.opsets import opset_imports

MOST_TERMS = 5_000
"""Words and pairs of neighbours, those that the most rows have."""
TERM_ROWS = 3
"""That have a term, at least: an id of one row gives none."""
PENALTY = 3.0
FOLDS = 5
CHARACTERS = 5_000_000
"""That one fit learns from; of more text it takes rows drawn by the seed, so that a trial's time has an end."""
LONGEST = 50_000
"""Characters of a text that is learned from: a longer one is only read."""

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts without spaces between words: there each character is a word, and pairs say more."""
_JOINED = "|".join(rf"[^\P{{{category}}}{_ALONE}]" for category in "LMN")
WORD = rf"[{_ALONE}]|(?:{_JOINED})+"
"""RE2: a run of letters, marks and digits."""

Texts = npt.NDArray[Any]
Codes = npt.NDArray[np.float32]
Term = tuple[str, ...]
"""One word or two, in lower case."""


@dataclass(frozen=True)
class TextCodes:
    words: dict[str, int]
    """Each way to write a word → its number. Case is folded here: ONNX folds it as the machine's locale does."""
    pairs: tuple[tuple[int, int], ...]
    idf: Floats
    """[terms]: of the words by number, then of the pairs."""
    weights: Floats
    """[terms, width]"""
    intercept: Floats
    """[width]: the code of a text without a known term."""

    @property
    def width(self) -> int:
        return len(self.intercept)

    def encode(self, texts: Texts) -> Codes:
        """[n, width] of texts [n]; NaN for null."""
        if not len(texts):
            return np.empty((0, self.width), np.float32)
        asked = texts.astype(object).reshape(-1, 1)
        return np.asarray(self._session.run(None, {"text": asked})[0])

    def to_onnx(self, text: str, code: str) -> list[NodeProto]:
        """Nodes that turn the tensor `text` [n, 1] into `code` [n, width].

        Row by row: all at once, the longest text would be the width of all, and the bits of a sum would depend on the
        number of rows.
        """
        constants = {
            "idf": self.idf,
            "weights": self.weights * self.idf[:, None],
            "intercept": self.intercept,
            "least": np.array(np.finfo(np.float64).tiny),
            "nan": np.array(np.nan),
            "null": np.array("", dtype=object),
            "first": np.array([0]),
        }
        count = len(self.idf) - len(self.pairs)
        nodes = [
            _tokenizer("row", "tokens"),
            helper.make_node(
                "LabelEncoder",
                ["tokens"],
                ["numbers"],
                domain="ai.onnx.ml",
                keys_strings=list(self.words),
                values_int64s=list(self.words.values()),
                default_int64=-1,
            ),
            helper.make_node(
                "TfIdfVectorizer",
                ["numbers"],
                ["counts"],
                mode="TF",  # its own weights are float32
                min_gram_length=1,
                max_gram_length=2,
                max_skip_count=0,
                ngram_counts=[0, count],
                ngram_indexes=list(range(len(self.idf))),
                pool_int64s=[*range(count), *chain.from_iterable(self.pairs)],
            ),
            helper.make_node("Cast", ["counts"], ["terms"], to=TensorProto.DOUBLE),
            helper.make_node("Mul", ["terms", "idf"], ["weighted"]),
            helper.make_node("ReduceL2", ["weighted"], ["length"], keepdims=1),
            helper.make_node("Max", ["length", "least"], ["divisor"]),
            helper.make_node("MatMul", ["terms", "weights"], ["sum"]),
            helper.make_node("Div", ["sum", "divisor"], ["scaled"]),
            helper.make_node("Add", ["scaled", "intercept"], ["value"]),
            helper.make_node("Equal", ["row", "null"], ["is_null"]),
            helper.make_node("Where", ["is_null", "nan", "value"], ["known"]),
            helper.make_node("Cast", ["known"], ["single"], to=TensorProto.FLOAT),
            helper.make_node("Squeeze", ["single", "first"], ["answer"]),
        ]
        body = helper.make_graph(
            nodes,
            "code_of_text",
            [helper.make_tensor_value_info("row", TensorProto.STRING, [1])],
            [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [self.width])],
            initializer=[numpy_helper.from_array(values, name) for name, values in constants.items()],
        )
        return [helper.make_node("Scan", [text], [code], body=body, num_scan_inputs=1)]

    @cached_property
    def _session(self) -> ort.InferenceSession:
        output = helper.make_tensor_value_info("code", TensorProto.FLOAT, ["n", self.width])
        return _session(self.to_onnx("text", "code"), ["n", 1], output)


def fit_texts(texts: Texts, outcomes: Floats, ranks: npt.NDArray[np.int64]) -> tuple[TextCodes, Codes]:
    """What predicts the outcomes [n, width], and the codes to fit on: each row's by the rows of other folds.

    By all rows, it would be betrayed by its rare words what its own outcome is. `ranks` [n] draw rows and folds.
    """
    learned = _learned_from(texts, ranks)
    words, outcomes_learned = split_words(texts[learned]), outcomes[learned]
    vocabulary = _vocabulary(words)
    if not vocabulary:
        nothing = np.zeros((1, outcomes.shape[1]))
        constant = TextCodes({"": 0}, (), np.ones(1), nothing, outcomes.mean(axis=0))
        return constant, constant.encode(texts)
    vectorizer = TfidfVectorizer(analyzer=_terms, vocabulary=vocabulary)
    matrix = vectorizer.fit_transform(words)
    numbers = {term[0]: number for term, number in vocabulary.items() if len(term) == 1}
    pairs = tuple((numbers[one], numbers[other]) for one, other in list(vocabulary)[len(numbers) :])
    column = TextCodes(_spellings(words, numbers), pairs, vectorizer.idf_, *_fit_ridge(matrix, outcomes_learned))
    codes = np.empty(outcomes.shape, np.float32)
    others = np.setdiff1d(np.arange(len(texts)), learned)
    codes[others] = column.encode(texts[others])
    folds = np.arange(len(learned)) % FOLDS
    for fold in np.unique(folds):
        held_out = folds == fold
        weights, intercept = _fit_ridge(matrix[~held_out], outcomes_learned[~held_out])
        codes[learned[held_out]] = matrix[held_out] @ weights + intercept
    return column, codes


def split_words(texts: Iterable[str]) -> list[list[str]]:
    """The words of each text as they are written."""
    session = _words_session()
    # One by one: in a tensor of many, the longest text would be the width of all.
    return [session.run(None, {"text": np.array([text], dtype=object)})[0][0].tolist() for text in texts]


def _learned_from(texts: Texts, ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows by rank, without nulls."""
    lengths = np.array([len(text) for text in texts.tolist()])
    order = np.argsort(ranks)
    order = order[(lengths[order] > 0) & (lengths[order] <= LONGEST)]
    return order[np.cumsum(lengths[order]) <= CHARACTERS]


def _vocabulary(words: Iterable[Sequence[str]]) -> dict[Term, int]:
    """Term → its number: words, then pairs. Of equally frequent terms words win, so that a pair's are always there."""
    rows = Counter(chain.from_iterable(set(_terms(each)) for each in words))
    common = (term for term, count in rows.items() if count >= TERM_ROWS)
    chosen = sorted(common, key=lambda term: (-rows[term], len(term), term))[:MOST_TERMS]
    return {term: number for number, term in enumerate(sorted(chosen, key=lambda term: (len(term), term)))}


def _terms(words: Iterable[str]) -> list[Term]:
    lower = [word.lower() for word in words]
    return [*((word,) for word in lower), *pairwise(lower)]


def _spellings(words: Iterable[Sequence[str]], numbers: dict[str, int]) -> dict[str, int]:
    """All that were met, and the usual ones."""
    usual = chain.from_iterable((word, word.upper(), word.capitalize()) for word in numbers)
    spelled = {*chain.from_iterable(words), *usual}
    return {word: numbers[word.lower()] for word in sorted(spelled) if word.lower() in numbers}


def _fit_ridge(matrix: Any, outcomes: Floats) -> tuple[Floats, Floats]:
    """Weights [terms, width] and intercept [width]."""
    # WARNING: an intercept of Ridge's own would sum over rows in BLAS, whose last bits follow the number of threads.
    mean = outcomes.mean(axis=0)
    ridge = Ridge(alpha=PENALTY, fit_intercept=False, solver="sparse_cg").fit(matrix, outcomes - mean)
    return np.atleast_2d(ridge.coef_).T, mean


def _tokenizer(source: str, words: str) -> NodeProto:
    return helper.make_node(
        "Tokenizer", [source], [words], domain="com.microsoft", mark=0, mincharnum=1, pad_value="", tokenexp=WORD
    )


@cache
def _words_session() -> ort.InferenceSession:
    output = helper.make_tensor_value_info("words", TensorProto.STRING, [1, None])
    return _session([_tokenizer("text", "words")], [1], output)


def _session(nodes: Sequence[NodeProto], shape: Sequence[Any], output: Any) -> ort.InferenceSession:
    text = helper.make_tensor_value_info("text", TensorProto.STRING, shape)
    graph = helper.make_graph(nodes, "text", [text], [output])
    model = helper.make_model(graph, opset_imports=opset_imports(), ir_version=IR_VERSION)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # as in serving
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
