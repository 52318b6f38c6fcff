"""`python -m benchmarks NAME [--size N]`: the last line is one JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.registry import BENCHMARKS, run
from benchmarks.table import RESULTS, write_table

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def main(arguments: list[str]) -> int:
    """Run one benchmark, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"], help="which benchmark")
    parser.add_argument("--size", type=int, help="rows of the main input; default: as the benchmark's file says")
    parser.add_argument("--repetitions", type=int, default=3, help="timed runs of each after a warm-up (default 3)")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results and docs")
    asked = parser.parse_args(arguments)
    if asked.keep and asked.size is not None and asked.name != "end_to_end":
        parser.error("--keep publishes results of the default sizes; leave --size out")
    for name in BENCHMARKS if asked.name == "all" else [asked.name]:
        result = run(name, asked.size, asked.repetitions, lambda line: print(line, flush=True))
        if asked.keep:
            content = result.line | {"seconds": result.seconds, **result.details, "machine": machine()}
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            write_table(RESULTS, DOCUMENT)
        print(json.dumps(result.line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
