"""How soon, and in how much memory, each file of the poison corpus is decided; one after the other."""

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.poison.corpus import CORPUS, decide, is_as_expected
from tests.poison.harness import ADDRESS_SPACE_BYTES, CRASHED

MAXIMUM_S = 2
SHOWN = 8


def main() -> None:
    with TemporaryDirectory() as folder:
        decisions = decide(Path(folder), processes=1)
    found = list(decisions.values())
    wrong = [poison.name for poison in CORPUS if not is_as_expected(poison, decisions[poison.upload_key])]
    print(f"{len(found)} files, each in a process of {ADDRESS_SPACE_BYTES // 2**20} MiB of addresses")
    print(f"crashed {sum(decision.status == CRASHED for decision in found)}, decided wrongly {len(wrong)}", *wrong)
    print(f"watched events such as unpickling {sum(len(decision.events) for decision in found)}")
    seconds = [decision.seconds for decision in found]
    print(f"median {statistics.median(seconds):.2f} s, maximum {max(seconds):.2f} s (bar: {MAXIMUM_S} s)")
    print(f"{'slowest':<40}{'s':>6}{'MiB':>6}")
    for key, decision in sorted(decisions.items(), key=lambda item: -item[1].seconds)[:SHOWN]:
        print(f"{key.removeprefix('uploads/pump/'):<40}{decision.seconds:>6.2f}{decision.address_space_mib:>6}")


if __name__ == "__main__":
    main()
