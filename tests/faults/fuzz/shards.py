"""Damaged LMDB stores: readers answer, or say in one line that the store is damaged; none is ended by a signal."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ralm.serving import Scorer
from ralm.serving.lmdb_store import LmdbStore
from tests.faults.fuzz.folders import spoil_a_file
from tests.faults.fuzz.isolated import isolated
from tests.faults.fuzz.trial import Case, Wrong
from tests.scoring.weights import random_items, random_weights
from tests.serving.test_scorer import USERS, export, raw_users

ITEMS = [f"i{number}" for number in range(50)]


def _ask(folder: Path) -> str:
    scorer = Scorer(LmdbStore(str(folder)))
    known = 0
    for user in range(USERS):
        answer = scorer.score(f"u{user}", ITEMS)
        if answer.scores.shape != (len(ITEMS),):
            raise Wrong(f"{answer.scores.shape} scores")
        known += int(np.isfinite(answer.scores).any())
    return "all answered" if known == USERS else "some unknown"


def cases(drawn: random.Random) -> Iterator[Case]:
    """Stores without end."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        whole, copy = Path(name) / "whole", Path(name) / "copy"
        export(LmdbStore(str(whole)), "r1", random_weights(), *random_items(50), raw_users())
        yield Case("as it is", lambda: _ask(whole))
        while True:
            how = spoil_a_file(whole, copy, drawn)
            yield isolated(Case(how, lambda: _ask(copy)))
