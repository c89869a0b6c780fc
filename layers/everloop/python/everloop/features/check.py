"""What can be wrong with the expressions of a definition, before there is any data."""

from everloop.contracts.definition import Definition
from everloop.features.compile import compile_features
from everloop.features.history.compile import compile_history
from everloop.features.rules import read_rules


def check_expressions(definition: Definition) -> None:
    """Raises DefinitionError with one line for each history that is wrong, or each feature, or each rule."""
    compile_history(definition)
    compile_features(definition)
    read_rules(definition)
