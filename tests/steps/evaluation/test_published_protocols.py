"""The protocols of published tables on the toy world: pairs and figures against plain loops over the log."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import functions as F
from sklearn.metrics import roc_auc_score

from jobs.steps.evaluation.compare import steps
from jobs.steps.systems.contract import Prepared, System
from jobs.steps.systems.registry import system
from ralm.config import Config
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from tests.steps.conftest import Asked, scores

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2700)]
HELD_OUT = ["g0i0", "g1i1", "g2i2", "g3i3", "g3i4"]
SYSTEMS = ("ralm", "user_activity")
HOT = 44
FIRST = (20, 90)


@pytest.fixture(scope="module")
def finished(toy: Context) -> Context:
    content = toy.config.model_dump(mode="json")
    content["evaluation"]["new_item_share"] = HELD_OUT
    published = {"protocols": ["crowds", "warm_up"], "hot_seeds": HOT, "seeds": list(FIRST), "min_items": 1}
    content["comparison"] |= published | {"systems": list(SYSTEMS)}
    lines: list[str] = []
    made = Context(toy.spark, Config.model_validate(content), say=lines.append)
    made.lines = lines  # type: ignore[attr-defined]
    run_steps(made, steps(made))
    return made


class Log:
    """The held-out items' rows of the log: who was shown an item before A2, in order, and in [A2, A3)."""

    def __init__(self, finished: Context):
        dates = finished.dates
        rows = finished.warehouse.read("impressions").where(F.col("item_id").isin(HELD_OUT)).collect()
        self.before: dict[str, dict[str, tuple[object, bool]]] = {item: {} for item in HELD_OUT}
        self.after: dict[str, dict[str, bool]] = {item: {} for item in HELD_OUT}
        for row in sorted(rows, key=lambda row: row["shown_at"]):
            item, user, clicked = row["item_id"], row["user_id"], row["clicked"]
            if row["shown_at"].date() < dates.a2:
                first, ever = self.before[item].get(user, (row["shown_at"], False))
                self.before[item][user] = first, ever or clicked
            elif row["shown_at"].date() < dates.a3:
                self.after[item][user] = self.after[item].get(user, False) or clicked
        for item in HELD_OUT:
            for user in self.clickers(item):
                self.after[item].pop(user, None)  # who clicked before is no negative, nor to be found

    def clickers(self, item: str, first: int | None = None) -> list[str]:
        """Clickers among the first users of an item; the toy's times of an item differ, so their order is known."""
        return [user for user, (_, clicked) in list(self.before[item].items())[:first] if clicked]

    def hot(self, item: str) -> bool:
        return len(self.clickers(item)) + sum(self.after[item].values()) > HOT


@pytest.fixture(scope="module")
def log(finished: Context) -> Log:
    return Log(finished)


def test_pairs_are_the_users_of_held_out_items(finished: Context, log: Log) -> None:
    for family in ("crowds", "warm_up"):
        rows = finished.warehouse.read("comparison_pairs").where(f"family = '{family}'").collect()
        expected = {(item, user): "seed" for item in HELD_OUT for user in log.clickers(item)}
        for item, users in log.after.items():
            expected |= {(item, user): "held_out" if clicked else "shown" for user, clicked in users.items()}
        assert {(row["item_id"], row["user_id"]): row["role"] for row in rows} == expected
        assert len(rows) == len(expected)
        places = {(row["item_id"], row["user_id"]): row["position"] for row in rows if row["role"] == "seed"}
        for item in HELD_OUT:
            order = list(log.before[item])
            assert {u: places[item, u] for u in log.clickers(item)} == {
                user: order.index(user) + 1 for user in log.clickers(item)
            }


def test_figures_are_those_of_a_loop(finished: Context, log: Log, prepare: Callable[[System, Asked], Prepared]) -> None:
    published = "segment = 'all' AND system = 'ralm' AND (protocol LIKE 'crowds@%' OR protocol LIKE 'warm_up@%')"
    values = finished.warehouse.read("comparisons").where(published).collect()  # other tests compare in the same world
    found = {(row["protocol"], row["item_id"], row["metric"]): row["value"] for row in values}
    protocols: dict[str, Asked] = {
        "crowds@hot": {item: log.clickers(item) for item in HELD_OUT if log.hot(item)},
        "crowds@cold": {item: log.clickers(item) for item in HELD_OUT if not log.hot(item)},
    }
    for count in FIRST:
        given = {item: log.clickers(item, count) for item in HELD_OUT}
        protocols[f"warm_up@{count}"] = {item: seeds for item, seeds in given.items() if seeds}
    assert all(protocols.values())
    assert {protocol for protocol, _, _ in found} == protocols.keys()
    for protocol, asked in protocols.items():
        by_user = scores(prepare(system(finished.config, "ralm"), {item: sorted(s) for item, s in asked.items()}))
        every: list[tuple[bool, float]] = []
        for place, item in enumerate(asked):
            own = [(-round(by_user[user][place], 6), user, clicked) for user, clicked in log.after[item].items()]
            every += [(clicked, -score) for score, _, clicked in own]
            top, clickers = max(1, int(len(own) * 0.05)), sum(clicked for _, _, clicked in own)
            assert 0 < clickers < len(own)
            area = roc_auc_score([clicked for _, _, clicked in own], [-score for score, _, _ in own])
            assert found[protocol, item, "item_auc"] == pytest.approx(area, abs=2e-3)
            hits = sum(clicked for _, _, clicked in sorted(own)[:top])
            assert found[protocol, item, "shown_prec@5%"] == pytest.approx(hits / top, abs=1.01 / top)  # a near tie
            assert found[protocol, item, "shown_recall@5%"] == pytest.approx(hits / clickers, abs=1.01 / clickers)
        labels, given_scores = zip(*every, strict=True)
        assert found[protocol, "(all)", "auc"] == pytest.approx(roc_auc_score(labels, given_scores), abs=2e-3)


def test_what_is_published_and_shown_is_their_mean(finished: Context) -> None:
    values = finished.warehouse.read("comparisons").where("segment = 'all'").toPandas()
    rows = finished.warehouse.read("metrics").where("protocol LIKE 'crowds@%' AND split = 'test'").collect()
    metrics = {(row["system"], row["protocol"], row["metric"]): row for row in rows}
    for metric in ("item_auc", "shown_prec@5%", "shown_recall@5%", "auc"):
        for name in SYSTEMS:
            own = values.query(f"system == '{name}' and protocol == 'crowds@hot' and metric == '{metric}'")
            assert metrics[name, "crowds@hot", metric]["value"] == pytest.approx(np.mean(own["value"]))
    assert metrics["ralm", "crowds@hot", "item_auc"]["value"] > 0.7  # the groups are found
    lines = [line.strip() for line in finished.lines]  # type: ignore[attr-defined]
    header = next(lines[at + 1] for at, line in enumerate(lines) if line.startswith("crowds@hot, "))
    assert header.split()[:4] == ["item_auc", "auc", "shown_prec@5%", "shown_recall@5%"]
    page = (Path(finished.warehouse.path) / "report.html").read_text(encoding="utf-8")
    assert "Held-out items with hot crowds" in page
    assert "Protocols of published tables" in page
    assert "Half of an item's users are held out" not in page
    assert "the clickers among their first 20 users as seeds" in page
