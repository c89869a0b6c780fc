"""Build the layer of the definitions: the package `everloop_models`, with all that is compiled of them."""

import hashlib
from pathlib import Path

from everloop.contracts.definition import parse_definition
from everloop.errors import DefinitionError

REPOSITORY = Path(__file__).resolve().parents[1]


def build_definitions(models_dir: Path) -> Path:
    """The directory of the layer, named after its content; raises DefinitionError."""
    files = {"__init__.py": b'"""The model definitions of this deployment."""\n'}
    for source in sorted(models_dir.glob("*.toml")):
        files |= deployed_files(source)
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    layer = REPOSITORY / ".build" / "layers" / f"definitions-{digest.hexdigest()[:16]}"
    package = layer / "python" / "everloop_models"
    package.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (package / name).write_bytes(content)
    return layer


def deployed_files(source: Path) -> dict[str, bytes]:
    """By name: the TOML file as it is, and `<model>.rules.onnx` if it has rules."""
    toml = source.read_bytes()
    files = {source.name: toml}
    definition = parse_definition(toml.decode(), source=source.name)
    if definition.serving.rules:
        # Parsing SQL and building graphs takes half a second to import, which few definitions need.
        from everloop.features.rules import compile_rules

        try:
            graph = compile_rules(definition)
        except DefinitionError as error:
            raise DefinitionError("\n".join(f"{source.name}: {line}" for line in str(error).splitlines())) from error
        if graph:
            files[f"{definition.name}.rules.onnx"] = graph
    return files
