"""RALM against the others, pair by pair: those that matter first, the rest folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ralm.report.data import Difference
from ralm.report.system_names import CONSTANT

# Losses first, then what is not clear; wins are what everyone expects.
ORDER = ("worse", "unclear", "untested", "better")
MOST_SHOWN = 12


@dataclass(frozen=True)
class Pairs:
    """The comparisons of a report.

    Attributes:
        shown: those that RALM loses or does not clearly win, the clearest losses first.
        folded: all others.
        says: the count of each outcome, in a sentence.
    """

    shown: Sequence[Difference]
    folded: Sequence[Difference]
    says: str


def pairs(differences: Sequence[Difference]) -> Pairs:
    """Sort them; a system that is chance by construction is never among those shown."""
    rivals = [d for d in differences if d.baseline not in CONSTANT]
    notable = [d for d in rivals if d.outcome != "better"]
    shown = sorted(notable, key=lambda d: (ORDER.index(d.outcome), d.mean))[:MOST_SHOWN]
    folded = [d for d in differences if d not in shown]
    folded = sorted(folded, key=lambda d: (d.baseline in CONSTANT, ORDER.index(d.outcome), d.mean))
    words = {
        "worse": "behind in",
        "unclear": "not clearly different in",
        "better": "ahead in",
        "untested": "untested in",
    }
    counts = {outcome: sum(d.outcome == outcome for d in rivals) for outcome in ORDER}
    told = [f"{words[outcome]} {count}" for outcome, count in counts.items() if count]
    says = f"In {len(rivals)} comparisons RALM is {', '.join(told)}." if rivals else ""
    return Pairs(shown, folded, says)
