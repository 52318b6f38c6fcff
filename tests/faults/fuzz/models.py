"""Damaged models, checkpoints and scoring bundles: what was written is read, or one line says that it is damaged."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ralm.baselines.cold_start import ColdStartModel
from ralm.models.lookalike import LookalikeModel
from ralm.models.user_model import UserModel
from ralm.models.weights import export_weights
from ralm.scoring.bundle import ScoringBundle, write_scoring_bundle
from ralm.scoring.scorer import lookalike_state
from ralm.training.checkpoints import (
    dated_weights,
    latest_checkpoint,
    load_lookalike,
    load_user_model,
    load_weights,
    publish,
    save_checkpoint,
)
from tests.faults.fuzz.folders import spoil_a_file
from tests.faults.fuzz.isolated import isolated
from tests.faults.fuzz.trial import Case, Wrong
from tests.scoring.weights import random_items, random_weights
from tests.training.toy_data import lookalike_spec, user_spec

Reader = Callable[[str], Any]


def _published(folder: Path, spec: Any, model: torch.nn.Module, weights: Any = None) -> None:
    saved = save_checkpoint(str(folder), spec.digest, 1, model.state_dict(), [{"lr": 0.1}], {"history": []})
    publish(str(folder), saved, spec.model_dump(mode="json"), weights)


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _user_model(folder: Path) -> Reader:
    spec = user_spec(_empty(folder.parent / "data"))
    _published(folder, spec, UserModel(spec.fields, spec.model, spec.merge, spec.item_count))
    return lambda path: load_user_model(path).state_dict()


def _lookalike(folder: Path) -> Reader:
    spec = lookalike_spec(_empty(folder.parent / "data"))
    model = LookalikeModel(spec.input_dim, spec.model, spec.pooling)
    _published(folder, spec, model, export_weights(model))
    return lambda path: load_lookalike(path).state_dict() | load_weights(path)


def _weights(folder: Path) -> Reader:
    spec = lookalike_spec(_empty(folder.parent / "data"))
    model = LookalikeModel(spec.input_dim, spec.model, spec.pooling)
    _published(folder, spec, model, export_weights(model))
    return lambda path: dated_weights(path, None)


def _checkpoint(folder: Path) -> Reader:
    for epoch in (1, 2):
        save_checkpoint(str(folder), "abc", epoch, {"w": torch.full((50,), 1.0)}, [{"lr": 1.0}], {})

    def read(path: str) -> Any:
        found = latest_checkpoint(path, "abc")
        return {} if found is None else found.model_state() | found.optimizer_states()[0]

    return read


def _bundle(folder: Path) -> Reader:
    centroids, sizes = random_items()
    names = [f"i{item}" for item in range(6)]
    write_scoring_bundle(str(folder), lookalike_state(random_weights(), centroids, sizes), names, np.arange(6.0))

    def read(path: str) -> Any:
        bundle = ScoringBundle.load(path)
        return {name: np.array(values) for name, values in bundle.state.arrays.items()}

    return read


def _cold_start(folder: Path) -> Reader:
    ColdStartModel(["a", "b"], np.ones((2, 8)), np.ones(8), np.ones(2), 0.5).save(str(folder))
    return lambda path: {"crosses": ColdStartModel.load(path).crosses}


MAKERS = (_user_model, _lookalike, _weights, _checkpoint, _bundle, _cold_start)
# Arrays of a bundle have no checksum: they are written by the run that reads them.
UNCHECKED = (_bundle,)


def _same(found: Any, expected: Any) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)


def cases(drawn: random.Random) -> Iterator[Case]:
    """Folders without end."""
    torch.set_num_threads(1)  # a child process has none of its parent's threads, and would wait for them
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        readers = {}
        for make in MAKERS:
            whole = Path(name) / make.__name__.strip("_") / "model"
            whole.parent.mkdir()
            read = make(whole)
            readers[make] = (whole, read, read(str(whole)))
        while True:
            make = drawn.choice(MAKERS)
            whole, read, expected = readers[make]
            copy = whole.with_name("copy")
            how = spoil_a_file(whole, copy, drawn)

            def trial(make: Any = make, read: Reader = read, expected: Any = expected, copy: Path = copy) -> str:
                found = read(str(copy))
                if found and make not in UNCHECKED and not _same(found, expected):
                    raise Wrong("other values than were written")
                return "as written" if found else "left out"

            yield isolated(Case(f"{make.__name__.strip('_')}: {how}", trial))
