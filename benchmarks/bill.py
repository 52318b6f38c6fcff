"""`python -m benchmarks.bill`: writes what a billion users cost, from the kept results, into `docs/scale.md`.

Every row is a measured cost of one unit (a user, an event, a pair of user and item) on one core, times the units of one
night. Costs that are not linear in their units are not in the table.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.samples import POSITIVES, POSITIVES_PER_USER
from benchmarks.table import RESULTS, Result, kept, replace_between

DOCUMENT = Path(__file__).parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- bill: python -m benchmarks.bill -->\n", "<!-- end of bill -->\n"

USERS, EVENTS, ITEMS = 10**9, 10**10, 100
# Rows of a training: a tenth of the users, and what conf/cluster.yaml asks for.
USER_ROWS, LOOKALIKE_ROWS = 10**8, 64 * 10_000 * 1_024
# What grows with the users: a night's rows of each table.
TABLES = ("histories", "user_fields", "user_embeddings", "target_embeddings", "recommendations", "audiences")
# Benchmarks that run on one core, however many the machine has.
ONE_CORE = ("cluster", "score_kernel")

Results = dict[str, Result]


@dataclass(frozen=True)
class Cost:
    """A step of a night.

    Attributes:
        step: what is done.
        unit: what it is counted in.
        micros: microseconds of one core per unit.
        units: number of units per night.
        source: the benchmark that measured it.
    """

    step: str
    unit: str
    micros: float
    units: int
    source: str

    @property
    def core_hours(self) -> float:
        """Hours of one core per night."""
        return self.micros * self.units / 3.6e9


def main() -> int:
    """Write the tables."""
    results = kept(RESULTS)
    parts = [cost_table("A night", night(results)), storage_table(results["end_to_end"])]
    if {"samples", "train"} <= results.keys():
        parts.insert(1, cost_table("A training", trainings(results)))
    text = "\n\n".join(map("\n".join, parts)) + "\n"
    replace_between(DOCUMENT, BEGIN, END, text)
    print(text, end="")
    return 0


def night(results: Results) -> list[Cost]:
    """The steps that run every day."""
    return [
        Cost("`build_histories`: the day's events", "event", per_unit(results["histories"]), EVENTS, "histories"),
        a_user(results, "build_histories", "`build_histories`: merged with yesterday's"),
        a_user(results, "build_user_fields"),
        Cost("`embed_users`", "user", per_unit(results["embed"]), USERS, "embed"),
        a_user(results, "embed_targets"),
        a_user(results, "update_seeds"),
        a_user(results, "cluster_seeds"),
        Cost("`score_users`, with the audiences", "pair", per_unit(results["score_job"]), USERS * ITEMS, "score_job"),
    ]


def trainings(results: Results) -> list[Cost]:
    """The steps that run when the models are trained again."""
    train, samples = results["train"], results["samples"]
    # The cost of a look-alike row relative to a user row: both contests have the same number of rows.
    lookalike = median(train["seconds"]["ours_lookalike"]) / median(train["seconds"]["ours_user"])
    a_positive = 1e6 * samples["machine"]["cores"] * samples["value"] / POSITIVES
    return [
        Cost("`build_user_samples`", "positive", a_positive, USER_ROWS * POSITIVES_PER_USER, "samples"),
        Cost("`train_user_model`, an epoch", "row", per_unit(train), USER_ROWS, "train"),
        a_user(results, "build_lookalike_samples"),
        Cost("`train_lookalike`, a round", "row", per_unit(train) * lookalike, LOOKALIKE_ROWS, "train"),
    ]


def per_unit(result: Result) -> float:
    """Microseconds of one core per unit, for a benchmark that gives a rate."""
    cores = 1 if result["name"] in ONE_CORE else result["machine"]["cores"]
    return 1e6 * cores / float(result["value"])


def a_user(results: Results, job: str, step: str | None = None) -> Cost:
    """The cost of one run of a pipeline job, from its marginal cost."""
    result = results["end_to_end"]
    micros = result["machine"]["cores"] * result["steps"][job] / result["runs"][job]
    return Cost(step or f"`{job}`", "user", micros, USERS, "end_to_end")


def cost_table(title: str, costs: Sequence[Cost]) -> list[str]:
    """One row per step, and their sum."""
    lines = [
        f"| {title} | measured by | core-µs per unit | units | core-hours |",
        "|---|---|---|---|---|",
    ]
    for cost in costs:
        lines.append(
            f"| {cost.step} | `{cost.source}` | {cost.micros:,.2f} per {cost.unit} | {cost.units:.0e} |"
            f" {cost.core_hours:,.1f} |".replace("e+", "e")
        )
    return [*lines, f"| **all** | | | | **{sum(cost.core_hours for cost in costs):,.1f}** |"]


def storage_table(result: Result) -> list[str]:
    """A night's bytes per user in the tables that grow with the users."""
    lines = ["| table | bytes per user | TiB at 10⁹ users |", "|---|---|---|"]
    sizes = {table: result["stored"][table] / result["users"] for table in TABLES}
    lines += [f"| `{table}` | {size:,.0f} | {size * USERS / 2**40:,.2f} |" for table, size in sizes.items()]
    total = sum(sizes.values())
    return [*lines, f"| **all** | {total:,.0f} | **{total * USERS / 2**40:,.2f}** |"]


if __name__ == "__main__":
    sys.exit(main())
