"""The graph of the rules at run time: what it cannot be, and that no onnxruntime error leaks."""

from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.errors import ModelLoadError, ModelUnavailableError, WrongSchemaError
from everloop.features.rules import compile_rules
from everloop.inference.rules import NO_RULE, Rules
from tests.samples import pump_failure


def with_rules(*conditions: str) -> Definition:
    rules = [{"name": f"r{place}", "when": when, "answer": 0.5} for place, when in enumerate(conditions)]
    return pump_failure(serving={"rules": rules})


def load(definition: Definition, of: Definition | None = None) -> Rules:
    graph = compile_rules(of or definition)
    assert graph is not None
    return Rules(graph, definition)


def numbers(*values: float) -> Any:
    return np.array(values).reshape(-1, 1)


@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_each_row_has_the_place_of_its_first_rule(rows: int) -> None:
    rules = load(with_rules("pressure > 90", "pressure > 80"))
    pressure = np.resize([85.0, 95.0, np.nan, 10.0], rows)
    first = rules.first_matching({"pressure": numbers(*pressure), "starts": numbers(*pressure)})
    assert first.dtype == np.int64
    assert first.tolist() == np.resize([1, 0, NO_RULE, NO_RULE], rows).tolist()


def test_a_graph_of_other_rules_is_refused() -> None:
    with pytest.raises(WrongSchemaError, match=r"expected one output of shape \['N', 2\], got \[\['N', 1\]\]"):
        load(with_rules("pressure > 1", "starts > 1"), of=with_rules("pressure > 1"))


def test_bytes_that_are_no_graph_are_refused() -> None:
    with pytest.raises(ModelLoadError, match="the rules of 'pump-failure'"):
        Rules(b"no graph", with_rules("pressure > 1"))


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(WrongSchemaError, match="columns the definition no longer has: starts"):
        load(with_rules("pressure > 1 AND starts > 1")).first_matching({"pressure": numbers(1.0)})


def test_what_cannot_be_run_is_an_error_of_our_own() -> None:
    texts = np.array([["high"]], object)
    with pytest.raises(ModelUnavailableError, match="the rules failed"):
        load(with_rules("pressure > 1")).first_matching({"pressure": texts})
