"""Open an ONNX file that somebody else made, or say why it cannot be served."""

from collections.abc import Iterator

import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError, Message
from onnx import GraphProto, NodeProto, TensorProto, inliner

from everloop.contracts.imports import MAXIMUM_MODEL_MB
from everloop.errors import UnusableModelError

DOMAINS = ("ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Whose operators onnxruntime has."""

_FOREIGN = {b"PK": "a zip, as PyTorch and Keras save", b"\x80": "a pickle", b"\x89HDF": "HDF5, as Keras saves"}
"""First bytes of what people take for the model."""


def check_size(size: int) -> None:
    """In bytes, to be asked before the file is read; raises UnusableModelError."""
    if size > MAXIMUM_MODEL_MB * 1e6:
        raise UnusableModelError(
            f"expected at most {MAXIMUM_MODEL_MB} MB, got {size / 1e6:.1f} MB; make the model smaller, for example with"
            " fewer trees or float16 weights"
        )


def open_model(body: bytes) -> onnx.ModelProto:
    """Local functions are written out; raises UnusableModelError."""
    model = _parse(body)
    if model.functions:
        model = inliner.inline_local_functions(model)
    # After that: onnxruntime would read any file that a tensor names.
    _refuse_missing_weights(model)
    _refuse_strange_operators(model)
    open_session(model)
    _normalise(model)
    return model


def open_session(model: onnx.ModelProto) -> ort.InferenceSession:
    """Raises UnusableModelError with what onnxruntime says."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base of their own
        raise UnusableModelError(
            f"onnxruntime {ort.__version__} cannot load the model: {_first_line(error)}; export it again, with an"
            " opset and operators that this version has"
        ) from error


def every_node(graph: GraphProto) -> Iterator[NodeProto]:
    """Also those within the branches and bodies of others."""
    for node in graph.node:
        yield node
        for inner in inner_graphs(node):
            yield from every_node(inner)


def inner_graphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def every_tensor(message: Message) -> Iterator[TensorProto]:
    """Wherever in the message they lie: among weights, in attributes, in branches, in functions, sparse or not."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type:
            for each in [value] if isinstance(value, Message) else value:
                yield from every_tensor(each)


def _parse(body: bytes) -> onnx.ModelProto:
    looks_like = next((kind for magic, kind in _FOREIGN.items() if body.startswith(magic)), "")
    if looks_like:
        raise UnusableModelError(f"expected an ONNX file, got {looks_like}; export the model to ONNX")
    try:
        model = onnx.load_from_string(body)
    except DecodeError as error:
        raise UnusableModelError(
            f"expected an ONNX file, got {len(body)} bytes that are none; is it cut off? Export it again"
        ) from error
    if not model.ir_version or not model.graph.output:
        raise UnusableModelError("expected an ONNX file, got one without a graph; export the model again")
    return model


def _refuse_missing_weights(model: onnx.ModelProto) -> None:
    elsewhere = [tensor for tensor in every_tensor(model) if tensor.data_location == TensorProto.EXTERNAL]
    if elsewhere:
        raise UnusableModelError(
            f"expected one file, but the values of {len(elsewhere)} tensors (the first is {elsewhere[0].name!r}) lie in"
            " another; export the model with its weights inside: torch.onnx.export(…, external_data=False), or"
            " onnx.save(onnx.load(path), path)"
        )


def _refuse_strange_operators(model: onnx.ModelProto) -> None:
    foreign = (node for node in every_node(model.graph) if node.domain not in ("", *DOMAINS))
    strange = sorted({f"{node.domain}.{node.op_type}" for node in foreign})
    if strange:
        raise UnusableModelError(
            f"expected operators of {', '.join(DOMAINS)}, got {', '.join(strange[:5])}; export the model without"
            " custom operators"
        )


def _normalise(model: onnx.ModelProto) -> None:
    """The standard's own domain has two names; older files list weights among the inputs, to be replaced by callers."""
    for each in (*model.opset_import, *every_node(model.graph)):
        if each.domain == "ai.onnx":
            each.domain = ""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:500] if str(error).strip() else type(error).__name__
