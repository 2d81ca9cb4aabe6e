"""``python -m ispmig_pipelines.demo``: two made-up ISPs through the real job, and what came of it.

Their exports and specs lie beside this file; ``docs/spec.md`` explains the language of the specs.
"""

from __future__ import annotations

import sys

from rich.console import Console

from ispmig_pipelines.demo.report import report
from ispmig_pipelines.demo.run import AGAIN, SLUGS, run
from ispmig_pipelines.endings import ending_of


def main(arguments: list[str]) -> int:
    """Runs the demo; returns the exit code, as the command line's."""
    out = Console(highlight=False, soft_wrap=True)
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    if arguments not in ([], ["--debug"]):
        told.print(f"demo: it takes no arguments; run it as  {AGAIN}", markup=False)
        return 2
    try:
        results = [run(slug, lambda line: told.print(line, markup=False)) for slug in SLUGS]
        reconciled = report(out, results)
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            raise
        ending = ending_of(error, again=AGAIN)
        told.print(f"demo: {ending.message}", markup=False)
        return ending.exit_code
    return 0 if reconciled else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
