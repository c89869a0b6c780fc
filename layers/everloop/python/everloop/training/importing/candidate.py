"""A model that was trained elsewhere, as a candidate: judged as it is, since nobody here can fit it again."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.imports import ImportedModel
from everloop.contracts.tasks import Task
from everloop.errors import ModelUnavailableError, UnusableModelError
from everloop.metrics import Floats
from everloop.scorer import THRESHOLD, Scorer
from everloop.training.candidate import Candidate, scale_of
from everloop.training.importing.opening import open_model, open_session
from everloop.training.importing.reference import ReferenceRows
from everloop.training.importing.signature import Feed, Output, class_order, find_output, match_inputs
from everloop.training.importing.wrapping import AnswerOf, wrap
from everloop.training.prepared import Inputs, PreparedDataset

ALGORITHM = "imported"
_ROUNDING = 1e-3
"""By which probabilities in float32, or even float16, may leave 0 to 1, or their sum 1."""


def import_candidate(
    body: bytes,
    asked: ImportedModel,
    dataset: PreparedDataset,
    features: onnx.ModelProto,
    definition: Definition,
    *,
    reference: ReferenceRows | None = None,
) -> Candidate:
    """Raises UnusableModelError with what to do about it."""
    if (found := hashlib.sha256(body).hexdigest()) != asked.sha256:
        raise UnusableModelError(f"{asked.file}: expected sha256 {asked.sha256}, got {found}; upload it again")
    model = open_model(body)
    producer, version = _plain(model.producer_name), _plain(model.producer_version)
    origin = {"producer": producer, "producer_version": version, "opset": _opset(model)}
    output = find_output(model, asked)
    feeds = match_inputs(model, asked.inputs, dataset, definition)
    holdout, _ = dataset.holdout
    scores = _run(model, feeds, holdout, dataset)
    answer = _answer_of(scores, output, asked, dataset, definition)
    _check_scores(answer.apply(scores), feeds, asked, dataset)
    threshold = definition.serving.costs.threshold if definition.serving.costs else THRESHOLD
    wrapped = wrap(model, features, feeds, answer, dataset, threshold=threshold)
    scorer = _scorer(wrapped)
    differences = [_difference(scorer, dataset.holdout_raw, answer.apply(scores), dataset)]
    if reference:
        differences.append(_difference(scorer, reference.raw, reference.predictions, dataset))
    mapping = {feed.name: list(feed.columns) for feed in feeds}
    told = asked.model_dump(mode="json", include={"file", "sha256", "answer", "reference"})
    return Candidate(
        model=wrapped,
        judged=wrapped,
        algorithm=ALGORITHM,
        parameters={},
        parity_difference=max(differences),
        parity_rows=len(holdout) + (len(reference) if reference else 0),
        imported={**told, **origin, "inputs": mapping, "reference_rows": len(reference) if reference else 0},
    )


def _plain(text: str) -> str:
    """What a file says of itself, as a card may show it."""
    return "".join(character for character in text if character.isprintable() and character not in "`<>|")[:100]


def _opset(model: onnx.ModelProto) -> int:
    return max((each.version for each in model.opset_import if not each.domain), default=0)


def _run(model: onnx.ModelProto, feeds: Sequence[Feed], inputs: Inputs, dataset: PreparedDataset) -> Any:
    """What the file itself answers, before anything is wrapped round it."""
    try:
        (found,) = open_session(model).run(None, {feed.name: feed.fill(inputs, dataset) for feed in feeds})
    except UnusableModelError:
        raise
    except Exception as error:  # onnxruntime's errors share no base of their own
        raise UnusableModelError(
            f"the model fails on {len(inputs)} rows of the holdout: {error}; does it take any number of rows, and the"
            " columns in this order?"
        ) from error
    found = np.asarray(found)
    if found.ndim not in (1, 2) or len(found) != len(inputs):
        raise UnusableModelError(
            f"expected one answer for each of {len(inputs)} rows, got the shape {list(found.shape)}; name another"
            " 'output', or export the model with a first dimension that may vary"
        )
    return found


def _answer_of(
    scores: Any, output: Output, asked: ImportedModel, dataset: PreparedDataset, definition: Definition
) -> AnswerOf:
    width = 1 if scores.ndim == 1 else scores.shape[1]
    is_logit = asked.answer == "logit" and not dataset.task.answers_value
    expected = {Task.BINARY: {1, 2}, Task.MULTICLASS: {len(dataset.classes)}}.get(dataset.task, {1})
    if width not in expected:
        of_classes = f" of the classes {', '.join(map(str, dataset.classes))}" if dataset.classes else ""
        raise UnusableModelError(
            f"expected {' or '.join(map(str, sorted(expected)))} numbers for each row{of_classes}, got {width} from"
            f" {output.name!r}"
        )
    if width == 1 and asked.classes:
        meant = f", which is that of {dataset.classes[1]}" if dataset.classes else ""
        raise UnusableModelError(
            f"classes: expected none, since {output.name!r} gives one number for each row{meant}; leave them out"
        )
    if is_logit and _are_probabilities(scores.reshape(len(scores), -1)):
        raise UnusableModelError(
            f"expected logits, got numbers from {scores.min():.4g} to {scores.max():.4g} that are probabilities"
            " already; leave answer = 'logit' out"
        )
    is_textual = definition.columns[definition.data.target].type.is_textual
    order = class_order(asked.classes, output, dataset, is_textual=is_textual) if width > 1 else []
    return AnswerOf(dataset.task, width, is_logit, order)


def _are_probabilities(scores: Any) -> bool:
    within = scores.min() >= 0 and scores.max() <= 1
    return bool(within and (scores.shape[1] == 1 or np.abs(scores.sum(axis=1) - 1).max() <= _ROUNDING))


def _check_scores(scores: Floats, feeds: Sequence[Feed], asked: ImportedModel, dataset: PreparedDataset) -> None:
    broken = ~np.isfinite(scores).reshape(len(scores), -1).all(axis=1)
    if broken.any():
        told = f"the model answers no number for {broken.sum()} of {len(scores)} rows of the holdout"
        if nulls := ", ".join(_null_columns(feeds, dataset, broken)):
            told += f", where {nulls} may be null; take features without nulls instead, such as coalesce(x, 0)"
        raise UnusableModelError(told)
    if dataset.task.answers_value:
        return
    sums = scores.sum(axis=1) if dataset.task is Task.MULTICLASS else np.ones(1)
    if scores.min() < -_ROUNDING or scores.max() > 1 + _ROUNDING or np.abs(sums - 1).max() > _ROUNDING:
        raise UnusableModelError(
            f"expected probabilities, got numbers from {scores.min():.4g} to {scores.max():.4g}; if they are logits,"
            " say so with answer = 'logit'"
            if asked.answer == "probability"
            else f"expected logits that give probabilities, got {scores.min():.4g} to {scores.max():.4g}"
        )


def _null_columns(feeds: Sequence[Feed], dataset: PreparedDataset, rows: Any) -> Iterator[str]:
    holdout, _ = dataset.holdout
    for feed in feeds:
        if not feed.is_text:
            for column, place in zip(feed.columns, feed.places(dataset), strict=True):
                if np.isnan(holdout.numbers[rows, place]).any():
                    yield column


def _scorer(wrapped: bytes) -> Scorer:
    try:
        return Scorer(wrapped)
    except ModelUnavailableError as error:
        raise UnusableModelError(f"with the features in front of it {error}") from error


def _difference(scorer: Scorer, raw: Columns, expected: Floats, dataset: PreparedDataset) -> float:
    """Largest one, of values relative to the target's spread, as `measure_parity` has it."""
    try:
        difference = np.abs(scorer.score(raw) - expected) / scale_of(expected, dataset)
    except ModelUnavailableError as error:
        raise UnusableModelError(f"wrapped, {error}") from error
    return float(np.nan_to_num(difference, nan=np.finfo(np.float64).max).max())
