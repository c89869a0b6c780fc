"""Entry point of each function's process: the search path of a real Lambda, then AWS's own runtime client.

Started as `python -S -P bootstrap.py`. WARNING: -S is what keeps the editable install of this checkout off the path;
with it a function would silently import `everloop` from the checkout when its layer forgot something.
"""

import os
import sys

SITE_PACKAGES_VARIABLE = "EVERLOOP_SITE_PACKAGES"
NICENESS = 5
"""The cloud goes first, which hands all functions their work: where they outnumber the processors it would wait."""


def main() -> None:
    os.nice(NICENESS)
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    # Last, as on AWS: what the function and its layers bring wins over what the host has.
    sys.path.extend(os.environ.pop(SITE_PACKAGES_VARIABLE).split(os.pathsep))
    from awslambdaric.__main__ import main as serve

    serve([sys.argv[0], os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
