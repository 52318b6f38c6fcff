"""`python -m tests.faults.fuzz KIND… --count N --seed S`: mutated inputs of a kind, and what came of them."""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from pathlib import Path

from tests.faults.fuzz.trial import run

WITHOUT_SPARK = (
    "configurations",
    "assignments",
    "command_lines",
    "lists",
    "suggestions",
    "shards",
    "models",
    "warehouses",
)
KINDS = (*WITHOUT_SPARK, "sources", "landing")


def main() -> None:
    """Try inputs of each kind; exit code 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--count", type=int, default=1_000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that went wrong")
    given = parser.parse_args()
    failed = 0
    for kind in given.kinds:
        began = time.monotonic()
        report = run(import_module(f"tests.faults.fuzz.{kind}").cases, given.count, given.seed)
        seconds = time.monotonic() - began
        for number, (case, wrong) in enumerate(report.wrong):
            print(f"wrong: {kind}: {case.name}: {wrong}")
            if given.keep is not None and isinstance(case.content, bytes):
                given.keep.mkdir(parents=True, exist_ok=True)
                (given.keep / f"{kind}-{given.seed}-{number}").write_bytes(case.content)
        failed += len(report.wrong)
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items()))
        print(f"{kind}, seed {given.seed}: {report.count:,} inputs in {seconds:.0f} s: {outcomes}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
