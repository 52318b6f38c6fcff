"""What an audience was made with besides its seeds: facts of its step, by which a report says what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MILLION = 1_000_000
WEIGHTS, UNLIKE, LOW, HIGH = "weights", "negative seeds given", "from, in millionths", "to, in millionths"


def made_with(weights: bool, unlike: bool, between: Sequence[float] | None) -> dict[str, int]:
    """The facts; `between`: from which share of the ranking to which, None: the best."""
    low, high = between or (0.0, 0.0)
    return {WEIGHTS: int(weights), UNLIKE: int(unlike), LOW: round(low * MILLION), HIGH: round(high * MILLION)}


def left_out(facts: Mapping[str, int]) -> list[str]:
    """What a report's figures leave out, in sentences; no facts, as of an older version: none."""
    used = [words for fact, words in ((WEIGHTS, "weights of the seeds"), (UNLIKE, "negative seeds")) if facts.get(fact)]
    said = []
    if used:
        said.append(
            f"This audience was made with {' and '.join(used)}; the verdict, what to expect of each size and stability "
            "are measured without."
        )
    if facts.get(HIGH):
        low, high = (100 * facts[name] / MILLION for name in (LOW, HIGH))
        said.append(
            f"This audience is the part of the ranking from {low:g} % to {high:g} %; what to expect of each size is "
            "measured for the best users, from the first one on."
        )
    return said
