"""Targets of the ratios on two cores: ours ÷ reference, by benchmark and reference.

Rates reach a target from above; `histories_update`, `samples` and `end_to_end` are times and stay below theirs.
`inertia_*` is theirs ÷ ours; ours counts as equally good from 0.99 on.
"""

from __future__ import annotations

TARGETS: dict[str, dict[str, float]] = {
    "score_kernel": {"products_h64": 0.6, "products_h128": 0.75},
    "score_job": {"products": 0.5, "als": 8.0},
    "histories": {"collect_list": 3.0, "duckdb": 1.0},
    "histories_update": {"rebuild": 0.5},
    "samples": {"copy": 1.5},
    "cluster": {"sklearn": 1.5, "faiss": 1.5, "inertia_sklearn": 0.99},
    "embed": {"memory": 0.6},
    "load": {"petastorm": 1.0},
    "lsh_iv": {"mllib": 3.0},
    "serve": {},
    "end_to_end": {"size_below": 1.25, "driver_memory": 1.25},
    "train": {"memory_user": 0.9, "memory_lookalike": 0.9, "one_process_user_2p": 1.6, "one_process_lookalike_2p": 1.6},
}


def reached(unit: str, target: float, ratio: float) -> bool:
    """Whether a ratio reaches its target."""
    return ratio <= target if less_is_better(unit) else ratio >= target


def less_is_better(unit: str) -> bool:
    """Whether a benchmark's unit is a time, not a rate."""
    return unit in ("s", "µs/user")
