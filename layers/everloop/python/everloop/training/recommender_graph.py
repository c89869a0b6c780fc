"""A recommender as one ONNX graph: a user's id or the items of a request in, ids and scores of the best items out."""

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto

from everloop.contracts.recommendation import HISTORY_ITEMS, ITEMS, SEPARATOR
from everloop.scorer import RECOMMENDED, SCORES
from everloop.training.algorithms import HistoryTensors
from everloop.training.nodes import Nodes

if TYPE_CHECKING:
    from everloop.training.recommender import Recommender

EXCLUDED = float(np.finfo(np.float32).min)
"""The score of what shall not be recommended."""


def write_graph(fitted: "Recommender") -> onnx.ModelProto:
    """Every step as `Recommender.score` has it, in float32."""
    graph = Nodes("recommender")
    history = _history(graph, fitted)
    shape = graph.node("Shape", history)
    weights = graph.node("Expand", graph.constant(fitted.weights), shape)
    scores = _scores(graph, fitted, history, weights, shape)
    values, places = graph.several("TopK", scores, graph.constant(np.array([fitted.k])), outputs=2, axis=1)
    best = graph.node("Gather", graph.constant(np.array(fitted.items, object)), places)
    is_none = graph.node("LessOrEqual", values, graph.constant(np.float32(EXCLUDED)))
    graph.node("Where", is_none, graph.constant(np.array("", object)), best, output=RECOMMENDED)
    graph.node("Where", is_none, graph.constant(np.float32(0)), values, output=SCORES)
    id_type = TensorProto.DOUBLE if fitted.users.dtype.kind == "i" else TensorProto.STRING
    inputs = {fitted.entity: id_type, ITEMS: TensorProto.STRING}
    return graph.model(inputs, {RECOMMENDED: TensorProto.STRING, SCORES: TensorProto.FLOAT}, fitted.k)


def _history(graph: Nodes, fitted: "Recommender") -> str:
    """[n, HISTORY_ITEMS] item numbers: those of the request, or else those stored of the user."""
    none = len(fitted.items)
    stored = graph.node("Gather", graph.constant(fitted.histories), _row(graph, fitted))
    stored = _filled(graph, graph.node("Cast", stored, to=TensorProto.INT64), none)
    texts, _ = graph.several("StringSplit", _vector(graph, ITEMS), outputs=2, delimiter=SEPARATOR)
    given = graph.columns(texts, HISTORY_ITEMS)
    given = graph.node(
        "LabelEncoder", given, keys_strings=fitted.items, values_int64s=list(range(none)), default_int64=none
    )
    is_none = graph.node("Equal", ITEMS, graph.constant(np.array([[""]], object)))
    return graph.node("Where", is_none, stored, _filled(graph, given, none))


def _filled(graph: Nodes, histories: str, none: int) -> str:
    """[n, m] to [n, HISTORY_ITEMS]"""
    columns = graph.node("Gather", graph.node("Shape", histories), graph.constant(np.array([1])))
    lacking = graph.node("Sub", graph.constant(np.array([HISTORY_ITEMS])), columns)
    pads = graph.node("Concat", graph.constant(np.array([0, 0, 0])), lacking, axis=0)
    return graph.node("Pad", histories, pads, graph.constant(np.int64(none)))


def _row(graph: Nodes, fitted: "Recommender") -> str:
    """[n] places in the histories, the last for a user who is unknown or null."""
    asked, unknown = _vector(graph, fitted.entity), len(fitted.users)
    rows = list(range(unknown))
    if fitted.users.dtype.kind != "i":
        return graph.node(
            "LabelEncoder", asked, keys_strings=fitted.users.tolist(), values_int64s=rows, default_int64=unknown
        )
    is_null = graph.node("IsNaN", asked)
    whole = graph.node("Cast", graph.node("Where", is_null, graph.constant(0.0), asked), to=TensorProto.INT64)
    row = graph.node(
        "LabelEncoder", whole, keys_int64s=fitted.users.tolist(), values_int64s=rows, default_int64=unknown
    )
    return graph.node("Where", is_null, graph.constant(np.int64(unknown)), row)


def _scores(graph: Nodes, fitted: "Recommender", history: str, weights: str, shape: str) -> str:
    """[n, items]"""
    count = len(fitted.items)
    rows = graph.node("Gather", shape, graph.constant(np.array([0])))
    size = graph.node("Concat", rows, graph.constant(np.array([count + 1])), axis=0)
    sums = graph.node("ScatterElements", graph.node("ConstantOfShape", size), history, weights, axis=1, reduction="add")
    taken = graph.columns(sums, count)
    nothing = graph.constant(np.float32(0))
    own = graph.node("Mul", taken, graph.constant(np.float32(fitted.repeat)))
    scores = graph.node("Add", fitted.scorer.to_onnx(graph, HistoryTensors(taken, history, weights)), own)
    is_known = graph.node("Greater", taken, nothing)
    has_history = graph.node("Greater", graph.node("ReduceMax", taken, graph.constant(np.array([1]))), nothing)
    scores = graph.node("Where", has_history, scores, graph.constant(fitted.popularity[None, :]))
    if not fitted.options.exclude_known:
        return scores
    return graph.node("Where", is_known, graph.constant(np.float32(EXCLUDED)), scores)


def _vector(graph: Nodes, column: str) -> str:
    return graph.node("Reshape", column, graph.constant(np.array([-1])))
