"""Definitions as the functions see them: package data of the `everloop_models` layer, deployed with the code."""

from functools import cache
from importlib.resources import files

from everloop.contracts.definition import Definition, parse_definition
from everloop.errors import NotFoundError

PACKAGE = "everloop_models"


@cache
def known_models() -> tuple[str, ...]:
    names = (entry.name for entry in files(PACKAGE).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def load_definition(name: str) -> Definition:
    """Raises NotFoundError that lists the models there are."""
    if name not in known_models():
        raise NotFoundError(f"no model is called {name!r}; deployed models: {', '.join(known_models()) or 'none'}")
    return parse_definition(files(PACKAGE).joinpath(f"{name}.toml").read_text("utf-8"), source=f"{name}.toml")


def load_rules(name: str) -> bytes | None:
    """The graph that was compiled of the model's rules; None where it has none."""
    graph = files(PACKAGE).joinpath(f"{name}.rules.onnx")
    return graph.read_bytes() if graph.is_file() else None
