"""Build the third-party layers without Docker: `python layers/build.py serving --architecture arm64`.

`python layers/build.py lock` exports layers/<name>/requirements.txt from uv.lock.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "layers" / "everloop" / "python"
LAYERS = ("serving", "data", "training")
PYTHON = "3.13"
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""Lambda's python3.13 runs on Amazon Linux 2023, whose glibc is 2.34."""

FROM_THE_RUNTIME = ("boto3", "botocore")
"""Lambda's Python runtime brings boto3; what only boto3 needs falls away with it."""

NEVER_IMPORTED = {"serving": ("flatbuffers", "packaging", "protobuf"), "data": ("flatbuffers", "packaging")}
"""onnxruntime asks for these to convert and quantize models; to run one it needs numpy alone. (onnx needs protobuf.)"""

UNUSED = (
    "bin",
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
"""Console scripts; the C library for other languages: onnxruntime's Python module has it built in; what makes models
smaller or is run by hand."""

UNUSED_DIRECTORIES = ("tests", "test", "include")
UNUSED_SUFFIXES = (".pyi", ".h", ".hpp", ".pxd", ".pyx", ".c", ".cpp")

PRECOMPILED = ("serving",)
"""Layers whose cold start a caller waits for. Bytecode would push the training layer over Lambda's limit."""


def requirements(name: str) -> Path:
    return REPOSITORY / "layers" / name / "requirements.txt"


def export(name: str) -> str:
    """The pinned and hashed requirements of one dependency group, as uv.lock has them."""
    left_out = (*FROM_THE_RUNTIME, *NEVER_IMPORTED.get(name, ()))
    command = [find_uv_bin(), "export", "--quiet", "--frozen", "--only-group", name, "--no-emit-project"]
    command += ["--no-annotate", "--no-header", *(f"--prune={package}" for package in left_out)]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def build(name: str, architecture: str) -> Path:
    """The directory of one layer, built if its content is not there yet."""
    key = hashlib.sha256(requirements(name).read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    target = REPOSITORY / ".build" / "layers" / f"{name}-{architecture}-{key}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            package = Path(scratch) / "layer" / "python"
            _install(name, architecture, package)
            _slim(package)
            if name in PRECOMPILED:
                _precompile(package)
            _publish(package.parent, target)
    return target


def build_package() -> Path:
    """The directory of the layer that holds the package itself, with bytecode."""
    sources = sorted(PACKAGE.rglob("*.py"))
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for source in sources:
        digest.update(f"{source.relative_to(PACKAGE)}\0".encode() + source.read_bytes() + b"\0")
    target = REPOSITORY / ".build" / "layers" / f"package-{digest.hexdigest()[:16]}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            python = Path(scratch) / "layer" / "python"
            for source in sources:
                copy = python / source.relative_to(PACKAGE)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
            _precompile(python)
            _publish(python.parent, target)
    return target


def _publish(built: Path, target: Path) -> None:
    """All or nothing: an interrupted build leaves no layer behind, and of two at once the first one stays."""
    try:
        built.rename(target)
    except OSError:
        if not target.exists():
            raise


def size_bytes(layer: Path) -> int:
    """What the layer adds to Lambda's limit on unzipped code."""
    return sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())


def find_python() -> Path | None:
    """An interpreter of Lambda's version, whose bytecode Lambda can read: one uv knows of, or one of pyenv's."""
    command = [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", PYTHON]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    if found.returncode == 0:
        return Path(found.stdout.strip())
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(iter(sorted(pyenv.glob(f"versions/{PYTHON}.*/bin/python"))), None)


def _install(name: str, architecture: str, package: Path) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(package), "--link-mode", "copy"]
    command += ["--python-platform", PLATFORMS[architecture], "--python-version", PYTHON]
    command += ["--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", str(requirements(name))]
    subprocess.run(command, cwd=REPOSITORY, check=True)


def _slim(package: Path) -> None:
    """Remove what nothing imports. WARNING: never strip libraries: scipy's become unloadable."""
    named = [path for pattern in UNUSED for path in package.glob(pattern)]
    directories = [path for path in package.rglob("*/") if path.name in UNUSED_DIRECTORIES]
    sources = [path for path in package.rglob("*.*") if path.suffix in UNUSED_SUFFIXES]
    for path in [*named, *directories, *sources]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _precompile(package: Path) -> None:
    """Write unchecked-hash bytecode: a zip resets the times that ordinary bytecode is checked against."""
    python = find_python()
    if python is None:
        sys.stderr.write(f"no Python {PYTHON} here: the layer goes without bytecode and starts slower\n")
        return
    command = [str(python), "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([*command, "-s", str(package), "-p", "/opt/python", str(package)], check=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", choices=[*LAYERS, "all", "lock"])
    parser.add_argument("--architecture", choices=list(PLATFORMS), default="arm64")
    arguments = parser.parse_args()
    chosen = LAYERS if arguments.layer in ("all", "lock") else (arguments.layer,)
    for name in chosen:
        if arguments.layer == "lock":
            requirements(name).write_text(export(name))
        else:
            layer = build(name, arguments.architecture)
            sys.stdout.write(f"{layer.relative_to(REPOSITORY)}: {size_bytes(layer) / 2**20:.1f} MiB\n")


if __name__ == "__main__":
    main()
