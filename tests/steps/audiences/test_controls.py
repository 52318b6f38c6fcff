"""Several lists in one audience, weights, negative seeds, intervals, hold-out arms and their lift, in the toy world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs.extend_audience import options
from jobs.steps.audiences import lifts, own_list
from jobs.steps.audiences.lifts import Measured
from jobs.steps.audiences.own_list import Request
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from tests.steps.conftest import seeds_of, with_settings
from tests.steps.toy import group_of, users

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]


@pytest.fixture
def run(toy: Context) -> Callable[..., list[str]]:
    def steps_of(asked: Request | Measured, top_n: int = 40, **scoring: float) -> list[str]:
        context, lines = with_settings(toy, scoring={"audience": {"mode": "top_n", "top_n": top_n}} | scoring)
        made = own_list.steps(context, asked) if isinstance(asked, Request) else lifts.steps(context, asked)
        run_steps(context, made)
        return lines

    return steps_of


def written(folder: Path, name: str, rows: Sequence[str]) -> str:
    path = folder / name
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def ranked(toy: Context, item: str, table: str = "audiences") -> list[str]:
    rows = toy.warehouse.read(table).where(F.col("item_id") == item).orderBy(F.desc("score"), "user_id").collect()
    return [row["user_id"] for row in rows]


def of_group(found: Sequence[str], group: int) -> int:
    return sum(group_of(user) == group for user in found)


@pytest.mark.long
def test_lists_weights_and_negative_seeds(toy: Context, run: Callable[..., list[str]], tmp_path: Path) -> None:
    ones, twos = seeds_of(1, 20), seeds_of(2, 20)
    a = written(tmp_path, "a.csv", ["user_id,worth", *(f"{user},1" for user in ones)])
    b = written(tmp_path, "b.csv", ["user_id,worth", *(f"{user},9" for user in twos), f"{ones[0]},0"])
    run(Request("plda", seeds=(a, b), column="user_id", resamples=0))
    both = ranked(toy, "list:a+b")
    assert len(both) == 40
    assert not set(both) & {*ones, *twos}
    assert min(of_group(both, 1), of_group(both, 2)) >= 8  # seeds of both groups, alike many

    run(Request("plda", seeds=(a, b), column="user_id", item="worth", weight="worth", resamples=2))
    worth = ranked(toy, "worth")
    assert of_group(worth, 2) > of_group(both, 2)
    assert of_group(worth[:20], 2) >= 18  # nine tenths of the worth are of group 2

    run(Request("plda", seeds=(a, b), column="user_id", item="unlike", not_like=b, resamples=0))
    unlike = ranked(toy, "unlike")
    assert of_group(unlike, 2) < of_group(both, 2) / 2
    assert of_group(unlike, 1) >= of_group(both, 1)

    wrong = written(tmp_path, "wrong.csv", ["user_id,worth", f"{ones[0]},much"])
    with pytest.raises(DataError, match="column worth: 'much' in row 2 is no number of 0 or more"):
        run(Request("plda", seeds=wrong, column="user_id", weight="worth", resamples=0))
    with pytest.raises(ConfigError, match=r"--weight: system popularity cannot heed it; these can: ralm, .*plda"):
        run(Request("popularity", seeds=a, weight="worth"))
    with pytest.raises(ConfigError, match="--not-like: system similarity cannot heed it"):
        run(Request("similarity", seeds=a, not_like=b))


@pytest.mark.long
def test_ralm_heeds_weights_and_negative_seeds(toy: Context, run: Callable[..., list[str]], tmp_path: Path) -> None:
    ones, twos = seeds_of(1, 20), seeds_of(2, 20)
    rows = [*(f"{user},1" for user in ones), *(f"{user},20" for user in twos)]
    a = written(tmp_path, "mixed.csv", ["user_id,worth", *rows])
    run(Request("ralm", seeds=a, column="user_id", weight="worth", resamples=0))
    assert of_group(ranked(toy, "list:mixed")[:20], 2) >= 15
    b = written(tmp_path, "twos.csv", ["user_id", *twos])
    run(Request("ralm", seeds=a, column="user_id", item="ones", not_like=b, resamples=0))
    assert of_group(ranked(toy, "ones"), 2) < of_group(ranked(toy, "list:mixed"), 2)


@pytest.mark.long
def test_an_interval_a_hold_out_arm_and_its_lift(toy: Context, run: Callable[..., list[str]], tmp_path: Path) -> None:
    seeds = written(tmp_path, "mine.txt", seeds_of(0, 20))
    run(Request("popularity", seeds=seeds, item="whole", resamples=0), top_n=10_000)
    run(Request("popularity", seeds=seeds, item="slice", between=(0.1, 0.2), resamples=0))
    whole = ranked(toy, "whole")
    assert len(whole) == len(users()) - 20
    assert ranked(toy, "slice") == whole[22:44]  # of 220 candidates
    places = toy.warehouse.read("audiences").where("item_id = 'slice'").agg(F.max("percentile"), F.min("percentile"))
    assert tuple(places.first() or ()) == pytest.approx((0.9, 1 - 43 / 220))

    run(Request("popularity", seeds=seeds, item="tried", hold_out=0.3, resamples=0), top_n=10_000)
    delivered, held = ranked(toy, "tried"), ranked(toy, "tried", "holdouts")
    assert sorted([*delivered, *held]) == sorted(whole)
    assert len(held) / len(whole) == pytest.approx(0.3, abs=0.1)
    happened = [*(f"{user},1" for user in delivered[:60]), *(f"{user},1" for user in held[:6]), f"{held[10]},0"]
    log = written(tmp_path, "orders.csv", ["user_id,bought", *happened, "stranger,1"])
    few = written(tmp_path, "few.csv", ["user_id,bought", *happened[:9]])
    lines = run(Measured("tried", few, converted="bought", column="user_id"))
    assert any("lift: the sample is too small, fewer than 10 users converted" in line for line in lines), lines
    untold = toy.warehouse.read("lifts").where("outcomes = 'few'").first()
    assert untold is not None
    assert (untold["delivered_converted"], untold["held_out_converted"]) == (9, 0)
    assert (untold["lift"], untold["lift_low"], untold["relative"]) == (None, None, None)
    lines = run(Measured("tried", log, converted="bought", column="user_id"))
    row = toy.warehouse.read("lifts").where("item_id = 'tried' AND outcomes = 'orders'").first()
    assert row is not None
    n, m = len(delivered), len(held)
    assert (row["delivered"], row["delivered_converted"], row["held_out"], row["held_out_converted"]) == (n, 60, m, 6)
    assert row["lift"] == pytest.approx(60 / n - 6 / m)
    assert row["relative"] == pytest.approx((60 / n) / (6 / m) - 1)
    assert row["lift_low"] < row["lift"] < row["lift_high"]
    assert any("lift: +" in line and "95 % intervals" in line for line in lines), lines

    run(Request("popularity", seeds=seeds, item="tried", resamples=0), top_n=10_000)
    assert ranked(toy, "tried") == whole  # without the option nobody is held out any more
    assert ranked(toy, "tried", "holdouts") == []
    with pytest.raises(MissingInputError, match=r"no users of the audience of 'tried' .* --hold-out"):
        run(Measured("tried", log))


@pytest.mark.long
def test_a_setting_holds_users_of_every_audience_out(toy: Context, run: Callable[..., list[str]]) -> None:
    run(Request("popularity", resamples=0), top_n=10_000, hold_out=0.25)
    delivered, held = (
        {(row["item_id"], row["user_id"]) for row in of_items(toy, table)} for table in ("audiences", "holdouts")
    )
    assert not delivered & held
    assert len(held) / len(delivered | held) == pytest.approx(0.25, abs=0.03)
    arms = [{user for item, user in held if item == one} for one in ("g0i0", "g1i0")]
    assert min(map(len, arms)) > 20
    assert arms[0] != arms[1]
    told = of_items(toy, "recommendations")
    shown = {(item, row["user_id"]) for row in told for item in row["item_ids"]}
    assert shown
    assert not shown & held
    assert all(len(row["item_ids"]) == len(row["scores"]) > 0 for row in told)
    run(Request("popularity", resamples=0), top_n=10_000)
    assert of_items(toy, "holdouts") == []
    assert {(row["item_id"], row["user_id"]) for row in of_items(toy, "audiences")} == delivered | held


def of_items(toy: Context, table: str) -> list[Row]:
    rows = toy.warehouse.read(table).where((F.col("as_of") == F.lit(toy.dates.a3)) & (F.col("system") == "popularity"))
    items = toy.warehouse.read("items").select("item_id")  # no lists
    return (rows if table == "recommendations" else rows.join(items, "item_id", "left_semi")).collect()


@pytest.mark.long
def test_a_look_alike_of_a_look_alike_is_named(toy: Context, run: Callable[..., list[str]], tmp_path: Path) -> None:
    first = written(tmp_path, "people.txt", seeds_of(3, 20))
    lines = run(Request("plda", seeds=first, resamples=0), top_n=30)
    assert not any("WARNING" in line for line in lines)
    again = written(tmp_path, "again.txt", [*ranked(toy, "list:people")[:27], *seeds_of(0, 3)])
    lines = run(Request("plda", seeds=again, resamples=0), top_n=30)
    named = [line for line in lines if "which was itself made by likeness" in line]
    assert len(named) == 1
    assert "90 % of the list's users are in the audience of list:people by plda" in named[0]
    checks = toy.warehouse.read("checks").where("name = 'list is an audience'").collect()
    assert [round(check["value"], 2) for check in checks] == [0.9]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("ralm", weight="worth"), "give --seeds, too"),
        (Request("ralm", item="name"), "give --seeds, too"),
        (Request("ralm", between=(0.2, 0.1)), "two rising shares"),
        (Request("ralm", hold_out=1.0), "--hold-out 1: a share"),
        (Request("ralm", resamples=101), "--resamples 101"),
    ],
)
def test_options_that_do_not_go_together(request_: Request, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        request_.check()


def test_the_command_line_gives_all_of_it() -> None:
    given = ["--system", "ralm", "--seeds", "a", "--seeds", "b", "--between", ".01", ".02", "--not-like", "c"]
    request = Request(**vars(options().parse_args(given)))
    assert request.lists == ("a", "b")
    assert request.list_name == "list:a+b"
    assert (list(request.between or ()), request.not_like, request.hold_out) == ([0.01, 0.02], "c", None)
    assert Request("ralm").lists == ()
