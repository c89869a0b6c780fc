"""Tell where a prediction came from, and make it again."""

from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, path_parameter, respond
from everloop.adapters.definitions import load_definition, load_rules
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.inference.rules import NO_RULE, Rules
from everloop.monitoring.explanation import Explainer
from everloop.monitoring.rescoring import check_impersonal
from everloop.settings import ExplainPredictionSettings
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry


@cache
def explainer() -> Explainer:
    settings = ExplainPredictionSettings.from_env()
    lake = S3ObjectStore(settings.lake_bucket)
    return Explainer(
        log=PredictionLog(lake),
        registry=ModelRegistry(S3ObjectStore(settings.models_bucket)),
        datasets=DatasetStore(lake),
        batches=BatchStore(lake),
        first_rule=first_rule,
    )


def first_rule(definition: Definition, columns: Columns) -> int:
    graph = load_rules(definition.name)
    if graph is None:
        return NO_RULE
    rules = Rules(graph, definition)
    check_impersonal(definition, rules.inputs, "the rules take")
    return int(rules.first_matching(columns)[0])


@api_handler
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    return respond(explainer().explain(path_parameter(event, "prediction_id"), load_definition))
