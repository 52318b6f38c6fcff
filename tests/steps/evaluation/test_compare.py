"""The comparison on the toy world: each system's figures against plain loops over its own scores.

Over 300 lines because one comparison, made once for the file, is looked at from all sides.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import functions as F
from sklearn.metrics import roc_auc_score

from jobs.steps.evaluation.compare import families, steps
from jobs.steps.evaluation.comparison_pairs import Cell, in_memory
from jobs.steps.evaluation.new_items import cells
from jobs.steps.systems.contract import Prepared, System
from jobs.steps.systems.registry import system
from ralm.config import Config
from ralm.errors import DataError
from ralm.features.holdout import is_new_item
from ralm.report.files import read_report_data
from ralm.runs.context import Context
from ralm.runs.runner import plan_steps, run_steps
from ralm.runs.step import Step
from tests.golden import assert_golden
from tests.steps.conftest import Asked, scores

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2700)]
SYSTEMS = ["ralm", "user_activity", "popularity"]
COMPARISON = {"systems": [*SYSTEMS, "youtube_dnn"], "seeds": [4, 500], "min_users": 8, "min_items": 3, "sample": 1_000}


def context(toy: Context, **settings: object) -> Context:
    content = toy.config.model_dump(mode="json")
    content["evaluation"]["new_item_share"] = 0.5
    content["comparison"] |= COMPARISON | settings
    lines: list[str] = []
    made = Context(toy.spark, Config.model_validate(content), say=lines.append)
    made.lines = lines  # type: ignore[attr-defined]
    return made


@pytest.fixture(scope="module")
def finished(toy: Context) -> Context:
    made = context(toy)
    # What other jobs made with other settings of `evaluation` serves: no model is judged here.
    run_steps(made, steps(made))
    return made


def test_the_tables_hold_what_they_held(finished: Context) -> None:
    names = ("comparison_pairs", "comparisons")
    assert_golden("compare", ((name, finished.warehouse.read(name)) for name in names))


@pytest.fixture(scope="module")
def judged(finished: Context) -> list[Cell]:
    """The cells as every system is given them."""
    found: list[Cell] = []
    step = Step(
        "test[cells]", lambda step: found.extend(cells(step)), inputs=("comparison_pairs", "impressions"), as_of="a2"
    )
    run_steps(Context(finished.spark, finished.config, force=True, say=lambda line: None), [step])
    return found


def test_cells_split_each_items_users(judged: list[Cell]) -> None:
    found = judged
    assert [cell.protocol for cell in found] == ["new_items@4", "new_items@half"]  # nobody has 500
    four, half = found
    for cell in found:
        seeds = {(row["item_id"], row["user_id"]) for row in cell.seeds.collect()}
        held = {(row["item_id"], row["user_id"]) for row in cell.held_out.collect()}
        assert seeds
        assert held
        assert not seeds & held
        assert seeds <= {(row["item_id"], row["user_id"]) for row in cell.seed_half.collect()}
    assert {row["count"] for row in four.seeds.groupBy("item_id").count().collect()} == {4}
    assert set(four.items) <= set(half.items)


def test_pairs_are_the_clickers_of_new_items(finished: Context) -> None:
    dates, config = finished.dates, finished.config
    shown = finished.warehouse.read("impressions").where("clicked").collect()
    clicked = {(r["item_id"], r["user_id"]) for r in shown if dates.a2 <= r["shown_at"].date() < dates.a3}
    pairs = finished.warehouse.read("comparison_pairs").where("split = 'test' AND family = 'new_items'").collect()
    items = {row["item_id"] for row in pairs}
    assert {(row["item_id"], row["user_id"]) for row in pairs} == {pair for pair in clicked if pair[0] in items}
    assert len(pairs) == len({(row["item_id"], row["user_id"]) for row in pairs})
    for item in items:
        own = [row for row in pairs if row["item_id"] == item]
        assert len(own) >= config.comparison.min_users
        for role in ("seed", "held_out"):
            places = sorted(row["position"] for row in own if row["role"] == role)
            assert places == list(range(1, len(places) + 1))
    histories = finished.warehouse.read("user_fields").where(F.col("as_of") == F.lit(dates.a2)).collect()
    weak = {row["user_id"]: row["history_reading"][0] == 0 for row in histories}
    assert all(row["weak"] == weak[row["user_id"]] for row in pairs)


def test_a_cell_is_in_memory_until_it_is_done(judged: list[Cell]) -> None:
    cell = judged[0]

    def held() -> set[bool]:
        return {frame.storageLevel.useMemory for frame in (cell.seeds, cell.held_out, cell.seed_half)}

    with in_memory(cell):
        assert held() == {True}
    assert held() == {False}
    with pytest.raises(DataError), in_memory(cell):
        raise DataError("a system that cannot be prepared")
    assert held() == {False}


def test_pairs_are_drawn_once(finished: Context) -> None:
    assert finished.ledger.attempts("compare[pairs]", finished.dates.a2) == 1
    fewer = context(finished, systems=["popularity", "user_activity"], seeds=[5])
    plan = dict(plan_steps(fewer, steps(fewer)))
    assert plan["compare[pairs] [a2]"] == "skip (done)"
    assert plan["compare[popularity] [a2]"] == "run"  # judged with another number of seeds
    again = context(finished, systems=["popularity"])
    assert dict(plan_steps(again, steps(again)))["compare[popularity] [a2]"] == "skip (done)"


def test_figures_are_those_of_a_loop(
    finished: Context, judged: list[Cell], prepare: Callable[[System, Asked], Prepared]
) -> None:
    cell = judged[0]
    asked: Asked = {item: [] for item in cell.items}
    for row in sorted(cell.seeds.collect()):
        asked[row["item_id"]].append(row["user_id"])
    half = {(row["item_id"], row["user_id"]) for row in cell.seed_half.collect()}
    held = {(row["item_id"], row["user_id"]) for row in cell.held_out.collect()}
    values = finished.warehouse.read("comparisons").where("segment = 'all' AND protocol = 'new_items@4'").collect()
    for name in ("ralm", "popularity"):  # user activity counts other events there: no item is held out in `toy`
        by_user = scores(prepare(system(finished.config, name), asked))
        for position, item in enumerate(cell.items):
            users = sorted(user for user in by_user if (item, user) not in half)
            truth = [(item, user) in held for user in users]
            score = [round(by_user[user][position], 6) for user in users]
            got = {r["metric"]: r["value"] for r in values if r["system"] == name and r["item_id"] == item}
            assert got["item_auc"] == pytest.approx(roc_auc_score(truth, score), abs=2e-3)
            best = sorted(range(len(users)), key=lambda i: (-score[i], users[i]))[:10]
            precision = np.sum(np.array(truth)[best]) / min(10, sum(truth))
            assert got["prec@10"] == pytest.approx(precision, abs=0.101)  # one near tie may fall either way


def test_ralm_knows_the_groups_and_activity_does_not(finished: Context) -> None:
    rows = finished.warehouse.read("metrics").where("metric = 'item_auc' AND split = 'test'").collect()
    found = {(row["system"], row["protocol"]): row for row in rows if row["protocol"].startswith("new_items@")}
    # Not near 1: of an item's group only those who were shown it in three days clicked, the rest count against it.
    assert found["ralm", "new_items@half"]["value"] > 0.7
    assert found["ralm", "new_items@half"]["low"] > found["user_activity", "new_items@half"]["high"]


def test_differences_are_paired_over_items(finished: Context) -> None:
    values = finished.warehouse.read("comparisons").toPandas()
    values = values[(values["split"] == "test") & (values["protocol"] == "new_items@half")]
    rows = finished.warehouse.read("metrics").where("protocol = 'new_items@half'").collect()
    found = {(row["system"], row["split"], row["metric"]): row for row in rows}
    for other in ("user_activity", "popularity"):
        for segment, metric in (("all", "item_auc"), ("all", "prec@10"), ("strong", "item_auc")):
            own = values[(values["segment"] == segment) & (values["metric"] == metric)]
            table = own.pivot(index="item_id", columns="system", values="value")
            paired = (table["ralm"] - table[other]).dropna()
            split = "test" if segment == "all" else f"test/{segment}"
            row = found[f"ralm - {other}", split, metric]
            assert row["value"] == pytest.approx(paired.mean())
            assert row["items"] == len(paired)
            # SciPy draws the items again: about the normal interval, within what so few items allow
            half = 1.96 * paired.std() / np.sqrt(len(paired))
            assert row["low"] == pytest.approx(paired.mean() - half, abs=0.4 * half)
            assert row["high"] == pytest.approx(paired.mean() + half, abs=0.4 * half)
    assert ("ralm - ralm", "test", "item_auc") not in found


def test_the_table_marks_clear_differences(finished: Context) -> None:
    lines = [line.strip() for line in finished.lines]  # type: ignore[attr-defined]
    start = next(at for at, line in enumerate(lines) if line.startswith("new_items@half, "))
    assert lines[start + 1].endswith("ralm − it, item_auc")
    shown = {line.split()[0]: line.split()[6:] for line in lines[start + 2 : start + 5]}
    assert shown["ralm"] == []
    row = finished.warehouse.read("metrics").where(
        "protocol = 'new_items@half' AND split = 'test' AND metric = 'item_auc' AND system = 'ralm - user_activity'"
    )
    assert shown["user_activity"] == [f"{row.first()['value']:+.4f}", "*"]  # type: ignore[index]


def test_the_report_has_the_comparison(finished: Context) -> None:
    page = (Path(finished.warehouse.path) / "report.html").read_text(encoding="utf-8")
    assert 'id="systems"' in page
    assert "All systems side by side" in page
    assert "Later clicks on known items" in page
    found = read_report_data(Path(finished.warehouse.path))
    assert found is not None
    assert found.compared is not None
    stored = finished.warehouse.read("metrics").where("protocol LIKE '%@%' AND split = 'test'").collect()
    shown = {(row.system, row.protocol, row.metric): row.value for row in found.compared.rows if row.segment == "all"}
    assert {(r["system"], r["protocol"], r["metric"]): r["value"] for r in stored if " - " not in r["system"]} == shown
    assert found.compared.users_as_of == {"new_items": finished.dates.a2, "later_clicks": finished.dates.a2}


def test_the_others_keep_their_figures(finished: Context) -> None:
    def kept() -> dict[tuple[str, str], float]:
        rows = finished.warehouse.read("metrics").where("metric = 'item_auc' AND split = 'test'").collect()
        return {(row["system"], row["protocol"]): row["value"] for row in rows}

    before = kept()
    one = context(finished, systems=["popularity"])
    run_steps(one, steps(one))
    assert kept() == before
    assert len({system for system, _ in before}) > 4


@pytest.mark.soak
def test_splits_do_not_share_items(toy: Context, finished: Context) -> None:
    other = context(toy, split="validation", min_items=1, systems=["user_activity"])
    run_steps(other, steps(other))
    rows = finished.warehouse.read("comparisons").select("split", "item_id").distinct().collect()
    by_split = {split: {r["item_id"] for r in rows if r["split"] == split} for split in ("test", "validation")}
    assert by_split["validation"]
    assert not by_split["validation"] & by_split["test"]
    metrics = (
        finished.warehouse.read("metrics").where("protocol LIKE 'new_items@%'").select("split", "system").collect()
    )
    assert {tuple(row) for row in metrics} >= {("test", "ralm"), ("validation", "user_activity")}


def test_protocols_without_enough_items_are_named_before_anything_is_trained(finished: Context) -> None:
    lines = [line.strip() for line in finished.lines]  # type: ignore[attr-defined]
    judged = {line.split(": ")[0]: line for line in lines if " clickers" in line and "@" in line.split(": ")[0]}
    assert list(judged) == ["new_items@4", "new_items@500", "new_items@half", "later_clicks@all"]
    assert judged["new_items@500"].endswith(
        "0 items have 8 clickers or more, half of them giving 500 seeds or more, comparison.min_items is 3: not judged"
    )
    assert [name for name, line in judged.items() if "not judged" in line] == ["new_items@500"]
    first = next(at for at, line in enumerate(lines) if "compare[ralm]" in line)
    assert all(lines.index(line) < first for line in judged.values())
    planned = [step.name for step in steps(context(finished, systems=["als_fold_in"]))]
    assert planned.index("compare[items]") < planned.index("train_als") < planned.index("compare[als_fold_in]")


def test_the_comparison_goes_on_with_what_has_items(toy: Context) -> None:
    some = context(toy, split="validation", min_users=10_000, min_items=1, systems=["popularity"])
    run_steps(some, steps(some))
    pairs = some.warehouse.read("comparison_pairs").where("split = 'validation'")
    assert {row["family"] for row in pairs.select("family").distinct().collect()} == {"later_clicks"}
    values = some.warehouse.read("comparisons").where("split = 'validation'")
    assert {row["protocol"] for row in values.select("protocol").distinct().collect()} == {"later_clicks@all"}
    metrics = some.warehouse.read("metrics").where("split = 'validation' AND metric = 'item_auc'")
    assert metrics.where("protocol = 'later_clicks@all' AND system = 'popularity'").first()["value"] == 0.5  # type: ignore[index]


def test_it_stops_where_no_protocol_has_items(toy: Context) -> None:
    few = context(toy, split="validation", min_items=10_000, systems=["als_fold_in"])
    with pytest.raises(DataError, match=r"no protocol has comparison\.min_items = 10000 items of the validation"):
        run_steps(few, steps(few))
    lines = few.lines  # type: ignore[attr-defined]
    assert sum("not judged" in line for line in lines) == 4
    assert not any("train_als" in line or "compare[als_fold_in]" in line for line in lines)


@pytest.mark.soak
def test_every_variant_is_compared_as_of_the_last_date(toy: Context) -> None:
    later = context(toy, window="all", systems=["ralm", "ralm_concat"], protocols=["new_items"], seeds=[4])
    run_steps(later, steps(later))
    values = later.warehouse.read("comparisons").where(F.col("as_of") == F.lit(later.dates.a3))
    assert {row["system"] for row in values.select("system").distinct().collect()} == {"ralm", "ralm_concat"}
    assert not any(step.name.startswith("embed_") for step in steps(later))


def test_a_system_of_trained_items_is_judged_on_those_alone(finished: Context) -> None:
    by_name = {
        family.name: {found.name for found in family.systems(finished.config)} for family in families(finished.config)
    }
    assert by_name["later_clicks"] - by_name["new_items"] == {"youtube_dnn"}
    values = finished.warehouse.read("comparisons").where("system = 'youtube_dnn'").toPandas()
    assert set(values["family"]) == {"later_clicks"}
    known = finished.warehouse.read("vocabularies").where("field = 'reading'").select("feature_id").collect()
    assert set(values["item_id"]) <= {row["feature_id"] for row in known}


def test_later_clicks_are_figures_of_a_loop(
    finished: Context, prepare: Callable[[System, Asked], Prepared], toy: Context
) -> None:
    dates = finished.dates
    everything = finished.warehouse.read("impressions").where(F.col("shown_at") < F.lit(dates.a3)).collect()
    before = {(r["item_id"], r["user_id"]) for r in everything if r["clicked"] and r["shown_at"].date() < dates.a2}
    shown: dict[tuple[str, str], bool] = {}
    for row in everything:
        pair = (row["item_id"], row["user_id"])
        if row["shown_at"].date() >= dates.a2 and pair not in before:
            shown[pair] = shown.get(pair, False) or row["clicked"]
    pairs = finished.warehouse.read("comparison_pairs").where("family = 'later_clicks' AND split = 'test'").collect()
    items = sorted({row["item_id"] for row in pairs})
    assert len(items) >= 3
    assert {(r["item_id"], r["user_id"]): r["role"] == "held_out" for r in pairs} == {
        pair: clicked for pair, clicked in shown.items() if pair[0] in items
    }
    share, seed = finished.config.evaluation.new_item_share, finished.config.seed
    new = finished.warehouse.read("items").where(is_new_item("item_id", share, seed)).select("item_id").collect()
    assert not {row["item_id"] for row in new} & set(items)
    seeds = finished.warehouse.read("item_seeds").where("purpose = 'evaluate'").collect()
    asked: Asked = {item: [] for item in items}
    asked |= {r["item_id"]: sorted(s["user_id"] for s in r["seeds"]) for r in seeds if r["item_id"] in asked}
    by_user = scores(prepare(system(finished.config, "ralm"), asked))
    values = finished.warehouse.read("comparisons").where(
        "family = 'later_clicks' AND segment = 'all' AND system = 'ralm' AND protocol = 'later_clicks@all'"
    )
    areas = {row["item_id"]: row["value"] for row in values.where("metric = 'item_auc'").collect()}
    assert set(areas) == set(items)
    for position, item in enumerate(items):
        own = {user: clicked for (other, user), clicked in shown.items() if other == item}
        truth = list(own.values())
        assert areas[item] == pytest.approx(
            roc_auc_score(truth, [round(by_user[user][position], 6) for user in own]), abs=2e-3
        )
    assert {row["metric"] for row in values.select("metric").distinct().collect()} >= {"prec@10", "recall@5%"}
