"""The versions that all nodes of a model are of."""

from onnx import OperatorSetIdProto, helper

from everloop.features.graph import OPSET

ML_OPSET = 3
_CONTRIB_OPSET = 1
"""Operators of onnxruntime itself: it alone can split a text into words."""


def opset_imports() -> list[OperatorSetIdProto]:
    versions = {"": OPSET, "ai.onnx.ml": ML_OPSET, "com.microsoft": _CONTRIB_OPSET}
    return [helper.make_opsetid(domain, version) for domain, version in versions.items()]
