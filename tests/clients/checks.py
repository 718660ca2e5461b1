"""Runs a script's checks: all of them, so that one look shows every fault."""

import sys
import traceback


def found(names, helpers):
    """The functions of a script, given its `globals()`, but for its `helpers`."""
    own = names["__name__"]
    return [
        value
        for name, value in list(names.items())
        if callable(value) and getattr(value, "__module__", "") == own and name not in helpers
    ]


def run(checks):
    """Ends the process: 0 where every check holds, 1 where one does not."""
    failed = 0
    for check in checks:
        try:
            check()
            print(f"ok      {check.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED  {check.__name__}")
            traceback.print_exc()
    sys.exit(1 if failed else 0)
