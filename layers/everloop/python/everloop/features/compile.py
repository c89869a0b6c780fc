"""Compile a definition's model inputs twice from one checked tree: into DuckDB's SQL and into an ONNX graph.

Feature values are float64 and are rounded once, to float32, at the very end (offline, `read_model_inputs` does the
same); what is too large for float32 becomes null. Every operator is equal to the bit in both engines, since both call
one C library, but sin and cos: those come from two libraries and are rounded to 9 decimals.
"""

import difflib
from dataclasses import dataclass

import onnx
from onnx import TensorProto

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.errors import DefinitionError
from everloop.features.expression import Column, Node, columns_of
from everloop.features.graph import Graph, output_of
from everloop.features.parse import parse
from everloop.features.signature import Kind

NUMBERS = "numbers"
TEXTS = "texts"

_MODEL_INPUT_SQL: dict[Kind, str] = {
    Kind.NUMBER: "{}",
    Kind.BOOLEAN: "CAST({} AS DOUBLE)",
    Kind.TEXT: "coalesce({}, '')",
}
_RAW_COLUMN_SQL = _MODEL_INPUT_SQL | {Kind.TIMESTAMP: "epoch({})"}


@dataclass(frozen=True)
class CompiledFeatures:
    raw_columns: dict[str, ColumnType]
    """What the graph takes, [N, 1] each: float64, finite or NaN for null (a timestamp is seconds since 1970, UTC), or
    text with '' for null."""
    expressions: dict[str, Node]
    """The model's inputs by name: its columns, its history, then the features, each in the order of the definition."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numeric inputs in order; booleans are 0 and 1."""
        return tuple(name for name, node in self.expressions.items() if node.kind is not Kind.TEXT)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(name for name, node in self.expressions.items() if node.kind is Kind.TEXT)

    @property
    def free_texts(self) -> tuple[str, ...]:
        """Which of the texts are columns of free text: features over them are categories."""
        return tuple(name for name in self.texts if self.raw_columns.get(name) is ColumnType.TEXT)

    @property
    def select_sql(self) -> dict[str, str]:
        """Model input → a DuckDB expression over the raw columns: DOUBLE, or VARCHAR with '' for null."""
        return {name: _MODEL_INPUT_SQL[node.kind].format(node.to_duckdb()) for name, node in self.expressions.items()}

    @property
    def raw_sql(self) -> dict[str, str]:
        """Raw column → a DuckDB expression that gives exactly what the graph takes."""
        columns = (Column(name, kind) for name, kind in self.raw_columns.items())
        return {column.name: _RAW_COLUMN_SQL[column.kind].format(column.to_duckdb()) for column in columns}

    def to_onnx(self, *, apart: bool = False) -> onnx.ModelProto:
        """Outputs `numbers` (float32 [N, numbers]) and `texts` (string [N, texts]); one without columns is left out.

        `apart`, each has an output [N, 1] of its own, so that who takes some of them needs the columns of these alone.
        """
        graph = Graph({name: column.is_textual for name, column in self.raw_columns.items()})
        outputs = [(NUMBERS, TensorProto.FLOAT, self.numbers), (TEXTS, TensorProto.STRING, self.texts)]
        if apart:
            outputs = [(output_of(name), element, (name,)) for _, element, names in outputs for name in names]
        for output, element, names in outputs:
            if names:
                graph.output(output, element, [self.expressions[name].to_onnx(graph) for name in names])
        return graph.build("features")


def compile_features(definition: Definition) -> CompiledFeatures:
    """Raises DefinitionError with one line for each feature that is wrong."""
    compiler = FeatureCompiler(definition)
    for feature in definition.features:
        compiler.feature(feature)
    if compiler.problems:
        raise DefinitionError("\n".join(compiler.problems))
    expressions: dict[str, Node] = {
        name: Column(name, column.type) for name, column in definition.model_columns.items()
    }
    expressions |= {name: Column(name, ColumnType.NUMBER) for name in definition.history_features}
    expressions |= {feature: compiler.done[feature] for feature in definition.features}
    read = set().union(*(columns_of(node) for node in expressions.values()))
    raw_columns = {name: column.type for name, column in definition.served_columns.items() if name in read}
    for name in raw_columns.keys() & {NUMBERS, TEXTS}:
        place = "history" if name in definition.history_features else "columns"
        raise DefinitionError(f"{place}.{name}: the name is taken by the model's own input; choose another name")
    return CompiledFeatures(raw_columns, expressions)


class FeatureCompiler:
    """Compiles each feature once, those it uses first."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._open: list[str] = []
        self.done: dict[str, Node] = {}
        self.problems: list[str] = []
        self._broken: set[str] = set()

    def feature(self, name: str) -> None:
        if name in self.done or name in self._broken:
            return
        self._open.append(name)
        try:
            self.done[name] = self._parse(name)
        except BrokenFeatureError:
            self._broken.add(name)
        except ValueError as error:
            self._broken.add(name)
            self.problems.append(f"features.{name}: {error}")
        finally:
            self._open.pop()

    def _parse(self, name: str) -> Node:
        node = parse(self._definition.features[name], self.look_up)
        if node.constant:
            raise ValueError("reads no column, so it would be the same in every row")
        if node.kind is Kind.TIMESTAMP:
            raise ValueError("is a timestamp, which no model learns from; take a part of it, or epoch(…)")
        return node

    def look_up(self, name: str) -> Node:
        """A column of a request, a history or a feature; raises LookupError, or BrokenFeatureError."""
        inputs = self._definition.served_columns
        if name in inputs:
            return Column(name, inputs[name].type)
        if name in self._open:
            circle = [*self._open[self._open.index(name) :], name]
            raise LookupError(f"features go in a circle: {' -> '.join(circle)}")
        if name in self._definition.features:
            self.feature(name)
            if name in self._broken:
                raise BrokenFeatureError
            return self.done[name]
        if name in self._definition.columns:
            raise LookupError(f"column {name!r} is the target or a row id, which no prediction request carries")
        known = [*inputs, *self._definition.features]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise LookupError(f"unknown column {name!r}; {hint}")


class BrokenFeatureError(Exception):
    """Its own problem is reported where it is."""
