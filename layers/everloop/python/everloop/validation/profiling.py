"""PLACEHOLDER"""
from pathlib import Path
from everloop.contracts.definition import Definition
def profile_batch(accepted: Path, definition: Definition) -> bytes:
    return b"{}"
