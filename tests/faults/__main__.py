"""`python -m tests.faults --rounds 100 --seed 1`: exits with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.faults.interruption import Interrupted, until_signalled
from tests.faults.run import Plan, run
from tests.faults.schedule import FaultKind


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=100, help="number of faults")
    parser.add_argument("--seed", type=int, default=1, help="draws the faults and what the clients do")
    parser.add_argument("--clients", type=int, default=4, help="clients that work at the same time")
    parser.add_argument(
        "--only", type=FaultKind, action="append", default=[], help="a scenario; may be repeated"
    )
    parser.add_argument("--folder", type=Path, help="keeps the stack's home there, with history.jsonl")
    return parser.parse_args()


def main() -> int:
    """Runs, prints the report, and says by the exit status whether every promise was kept.

    1 when one was broken; 128 and the signal's number when a signal stopped the run, as a shell would say.
    The stack has ended by then, and the history is kept.
    """
    given = _arguments()
    folder = given.folder.resolve() if given.folder else None
    history = _history_file(folder)
    print(f"history: {history}", flush=True)
    plan = Plan(given.rounds, given.seed, given.clients, tuple(given.only), folder, history)
    try:
        report = asyncio.run(until_signalled(run(plan)))
    except Interrupted as interrupted:
        print(f"stopped by {interrupted}; the stack has ended; history: {history}")
        return 128 + interrupted.number
    print("\n".join(report.lines()))
    return report.exit_status


def _history_file(folder: Path | None) -> Path:
    place = folder or Path(tempfile.mkdtemp(prefix="lf-history-", dir="/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    return place / "history.jsonl"


if __name__ == "__main__":
    sys.exit(main())
