"""Judge the candidate on the holdout, beside the champion, and lay out the files of the version it may become."""

from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.registry import TrainingRequest
from everloop.settings import EvaluateCandidateSettings
from everloop.stores.registry import ModelRegistry
from everloop.stores.work import CANDIDATE, WorkStore
from everloop.training.artifacts import version_files
from everloop.training.candidate import Candidate
from everloop.training.evaluation import Evaluation, evaluate, find_champion
from everloop.training.prepared import PreparedDataset


@cache
def parts() -> tuple[S3ObjectStore, ModelRegistry]:
    settings = EvaluateCandidateSettings.from_env()
    return S3ObjectStore(settings.lake_bucket), ModelRegistry(S3ObjectStore(settings.models_bucket))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    lake, registry = parts()
    definition = load_definition(event["model"])
    work = WorkStore(lake, event["model"], event["run_id"])
    dataset = PreparedDataset.from_npz(work.read("dataset.npz"))
    candidate = Candidate.from_files(work.read)
    known = work.find("evaluation.json")
    if known is None:
        against = registry.aliases(definition.name).champion
        champion = find_champion(registry, definition.name, against)
        evaluation = evaluate(candidate, dataset, definition, champion, against=against)
        work.write("evaluation.json", evaluation.to_json())
        known = work.read("evaluation.json")
    # NOTE: a repeated step measures another latency; the first judgement stands, and its files are all of one piece.
    evaluation = Evaluation.from_json(known)
    files = version_files(
        definition,
        TrainingRequest.model_validate_json(work.read("request.json")),
        candidate,
        evaluation,
        dataset,
        profile=work.read("profile.json"),
    )
    work.write_all({CANDIDATE + name: body for name, body in files.items()})
    return {**evaluation.summary(), "promotion": definition.promotion.mode}
