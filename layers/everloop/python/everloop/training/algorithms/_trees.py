"""Trees as one ONNX node, with the way of nulls at each split: skl2onnx leaves that out for forests, in silence."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from everloop.training.algorithms._graph import Graph, register


class Tree(NamedTuple):
    """Node 0 is the root; each array has an entry for every node."""

    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int64]
    """Below 0 for leaves."""
    right: npt.NDArray[np.int64]
    null_goes_left: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float32]
    """[nodes, k], of which only those of leaves are read."""
    output: int = 0
    """The first of the k outputs that the values are added to."""


class Ensemble(NamedTuple):
    trees: Sequence[Tree]
    base: Sequence[float]
    """Of each output, to which the trees add."""
    goes_left: str
    """"BRANCH_LEQ" where a value equal to the threshold goes left, else "BRANCH_LT"."""
    link: str = ""
    """The ONNX operator that makes probabilities of the sums; none where they are the answer."""


def below(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 not above each: for a float32 x, x <= threshold is then the same."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def register_trees(kind: type, ensemble_of: Callable[[Any], Ensemble], *, is_classifier: bool) -> None:
    """Convert estimators of this kind by what `ensemble_of` makes of a fitted one."""
    register(kind, lambda graph: _write(graph, ensemble_of(graph.fitted)), is_classifier=is_classifier)


def _write(graph: Graph, ensemble: Ensemble) -> None:
    attributes = _attributes(ensemble)
    sums = graph.node("TreeEnsembleRegressor", graph.matrix, domain="ai.onnx.ml", version=3, **attributes)
    wide = graph.node("Cast", sums, to=TensorProto.DOUBLE)  # what is missing to 1 keeps its digits
    values = graph.node(ensemble.link, wide) if ensemble.link else wide
    is_binary = len(graph.outputs) == 2 and len(ensemble.base) == 1
    graph.answer(values, one=graph.constant([1.0], TensorProto.DOUBLE) if is_binary else "")


def _attributes(ensemble: Ensemble) -> dict[str, Any]:
    trees = ensemble.trees
    leaves = [tree.left < 0 for tree in trees]
    sizes = [len(tree.left) for tree in trees]
    width = trees[0].values.shape[1]
    leaf_nodes = [np.flatnonzero(leaf) for leaf in leaves]
    leaf_counts = [len(nodes) for nodes in leaf_nodes]
    modes = np.where(np.concatenate(leaves), "LEAF", ensemble.goes_left)
    return {
        "n_targets": len(ensemble.base),
        "base_values": [float(value) for value in ensemble.base],
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": np.repeat(np.arange(len(trees)), sizes).tolist(),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]).tolist(),
        "nodes_modes": modes.tolist(),
        "nodes_featureids": _joined(trees, leaves, "feature"),
        "nodes_values": _joined(trees, leaves, "threshold"),
        "nodes_truenodeids": _joined(trees, leaves, "left"),
        "nodes_falsenodeids": _joined(trees, leaves, "right"),
        "nodes_missing_value_tracks_true": [int(way) for way in _joined(trees, leaves, "null_goes_left")],
        "target_treeids": np.repeat(np.arange(len(trees)), np.array(leaf_counts) * width).tolist(),
        "target_nodeids": np.repeat(np.concatenate(leaf_nodes), width).tolist(),
        "target_ids": np.concatenate(
            [np.tile(np.arange(width) + tree.output, count) for tree, count in zip(trees, leaf_counts, strict=True)]
        ).tolist(),
        "target_weights": np.concatenate(
            [tree.values[nodes].ravel() for tree, nodes in zip(trees, leaf_nodes, strict=True)]
        ).tolist(),
    }


def _joined(trees: Sequence[Tree], leaves: Sequence[npt.NDArray[np.bool_]], field: str) -> list[Any]:
    """One field of all nodes, 0 for leaves."""
    values = [np.where(leaf, 0, getattr(tree, field)) for tree, leaf in zip(trees, leaves, strict=True)]
    joined: list[Any] = np.concatenate(values).tolist()
    return joined
