"""Whatever is delivered, each file is decided: soon, in little memory, for the right reason, and nothing of it runs."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.poison.corpus import CORPUS, decide, is_as_expected
from tests.poison.files.foreign import MARKER, pickled
from tests.poison.harness import CRASHED, Decision
from tests.poison.poison import Poison

MAXIMUM_S = 6
"""Of CPU time, which a busy machine takes as well: three times what an idle one may need."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space"),
]


@pytest.fixture(scope="module")
def decisions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    return decide(tmp_path_factory.mktemp("poison"), processes=os.cpu_count() or 1)


@pytest.mark.parametrize("poison", CORPUS, ids=lambda poison: poison.name)
def test_a_poison_file_is_decided_as_it_deserves(poison: Poison, decisions: dict[str, Decision]) -> None:
    decision = decisions[poison.upload_key]
    assert is_as_expected(poison, decision), decision
    assert decision.cpu_seconds <= MAXIMUM_S
    assert decision.seconds <= 10 * MAXIMUM_S, "it waited for something"


def test_nothing_crashes_and_nothing_is_unpickled(decisions: dict[str, Decision]) -> None:
    assert all(decision.status != CRASHED and not decision.events for decision in decisions.values())
    assert not Path(MARKER).exists()


def test_the_watch_sees_an_unpickling(tmp_path: Path) -> None:
    harmless = tmp_path / "trap"
    harmless.write_bytes(pickled(5).replace(b"touch /", b"true  /"))
    program = (
        "import pickle, sys; from tests.poison.harness import watch; events = watch();"
        " pickle.load(open(sys.argv[1], 'rb')); print(*events)"
    )
    run = subprocess.run([sys.executable, "-c", program, harmless], capture_output=True, text=True, check=True)
    assert "pickle.find_class" in run.stdout
    assert "os.system" in run.stdout


def test_the_traps_are_armed() -> None:
    assert all(b"system" in pickled(protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1))
