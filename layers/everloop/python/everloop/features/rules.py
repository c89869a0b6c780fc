"""Compile the rules of a definition into one ONNX graph, which tells of each row which rules it meets."""

from onnx import TensorProto

from everloop.contracts.definition import Definition
from everloop.errors import DefinitionError
from everloop.features.compile import BrokenFeatureError, FeatureCompiler
from everloop.features.expression import Node, columns_of
from everloop.features.graph import Graph
from everloop.features.parse import parse
from everloop.features.signature import Kind

RULES = "rules"


def compile_rules(definition: Definition) -> bytes | None:
    """Takes the raw columns that some rule reads, [N, 1] each as models take them; its output `rules` is bool
    [N, rules], in the order of the definition. A condition that is null is not met.

    None without rules. Raises DefinitionError with one line for each rule that is wrong.
    """
    conditions = read_rules(definition)
    if not conditions:
        return None
    read = set().union(*map(columns_of, conditions))
    served = definition.served_columns
    graph = Graph({name: column.type.is_textual for name, column in served.items() if name in read})
    graph.output(RULES, TensorProto.BOOL, [graph.is_true(condition.to_onnx(graph)) for condition in conditions])
    compiled: bytes = graph.build(RULES).SerializeToString(deterministic=True)
    return compiled


def read_rules(definition: Definition) -> list[Node]:
    """The conditions, with the features they use written out; raises DefinitionError like `compile_rules`."""
    features = FeatureCompiler(definition)
    conditions: list[Node] = []
    for place, rule in enumerate(definition.serving.rules):
        try:
            conditions.append(_read(rule.when, features))
        except BrokenFeatureError:
            continue
        except ValueError as error:
            features.problems.append(f"serving.rules[{place}] ({rule.name}): {error}")
    if features.problems:
        raise DefinitionError("\n".join(features.problems))
    return conditions


def _read(sql: str, features: FeatureCompiler) -> Node:
    condition = parse(sql, features.look_up)
    if condition.kind is not Kind.BOOLEAN:
        raise ValueError(f"expected a condition, got a {condition.kind}")
    if condition.constant:
        raise ValueError("reads no column, so it would be the same for every row")
    if RULES in columns_of(condition):
        raise ValueError(f"reads a column called {RULES!r}, the name of what the rules answer; choose another name")
    return condition
