"""Audiences of items and of your own list of users, with any system, from files as people have them."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from benchmarks.files import scan_metrics
from jobs.extend_audience import options
from jobs.steps.audiences.own_list import Request, steps
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from tests.golden import assert_golden
from tests.steps.conftest import seeds_of, with_settings
from tests.steps.toy import group_of, users

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]
OURS = seeds_of(1, 25)


@pytest.fixture
def extend(toy: Context) -> Callable[..., list[str]]:
    def run(
        request: Request,
        *,
        force: bool = False,
        clusters: int | None = None,
        variants: dict[str, object] | None = None,
        **scoring: object,
    ) -> list[str]:
        context, lines = with_settings(
            toy,
            force=force,
            scoring={"audience": {"mode": "top_n", "top_n": 30}} | scoring,
            lookalike={"clusters": clusters} if clusters else {},
            variants=variants or {},
        )
        run_steps(context, steps(context, request))
        return lines

    return run


def audience(toy: Context, system: str, item: str | None = None) -> DataFrame:
    frame = toy.spark.read.format("delta").load(toy.warehouse.table_path("audiences")).where(f"system = '{system}'")
    return frame if item is None else frame.where(f"item_id = '{item}'")


def names(frame: DataFrame) -> list[str]:
    rows: list[Row] = sorted(frame.collect(), key=lambda row: (-row["score"], row["user_id"]))
    return [row["user_id"] for row in rows]


def test_items_get_audiences_without_their_seeds(toy: Context, extend: Callable[..., list[str]]) -> None:
    extend(Request("user_activity", resamples=0))
    found = audience(toy, "user_activity").collect()
    seeds = {
        (row["item_id"], user["user_id"])
        for row in toy.warehouse.read("item_seeds").where("purpose = 'production'").collect()
        for user in row["seeds"]
    }
    assert found
    assert not seeds & {(row["item_id"], row["user_id"]) for row in found}
    assert {row["item_bucket"] for row in found} == {0}  # few rows: one file for all items
    assert_golden("extend_audience", [("audiences", audience(toy, "user_activity"))])


@pytest.mark.long
def test_one_items_audience_is_read_from_a_file(
    toy: Context, extend: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.steps.audiences.ranking.ROWS_PER_TASK", 60)  # two items of 30 users each
    extend(Request("popularity", resamples=0))
    found = audience(toy, "popularity")
    assert len(found.inputFiles()) >= 3
    for row in found.select("item_id").distinct().collect():
        opened = scan_metrics(found, F.col("item_id") == row["item_id"])
        assert (opened["rows"], opened["numFiles"]) == (30, 1)


def test_a_list_as_people_have_it(toy: Context, extend: Callable[..., list[str]], tmp_path: Path) -> None:
    """25 users of one group, one of them twice, a stranger and an empty line; two of the group have opted out."""
    rows = [*OURS, OURS[0], "nobody", ""]
    path = tmp_path / "ours.csv"
    path.write_text("user_id,campaign\n" + "".join(f'"{row}",1\n' for row in rows), encoding="utf-8")
    opted_out = tmp_path / "optout.txt"
    opted_out.write_text("\n".join(seeds_of(1, 27)[25:]), encoding="utf-8")
    lines = extend(Request("ralm", seeds=str(path), exclude=str(opted_out)))
    told = [line.strip() for line in lines if "another draw of the same people" in line]
    said = re.fullmatch(
        r"If the list had been another draw of the same people, about (\d+) % of the audience would be the same "
        r"\(5 resamples, the best (\d+\.\d) % of 213 users\)",
        told[0],
    )
    assert said is not None, told
    assert float(said[2]) == pytest.approx(100 * 30 / 213, abs=0.1)  # everyone but 25 seeds and two who opted out
    assert 50 <= int(said[1]) <= 100  # the group has 33 others, so most of 30 stay whatever is drawn
    checks = toy.warehouse.read("checks").where((F.col("name") == "audience stability") & (F.col("detail") == told[0]))
    assert {round(100 * check["value"]) for check in checks.collect()} == {int(said[1])}
    assert any("28 ids read, 1 empty, 1 duplicates, 25 matched, 1 unmatched" in line for line in lines), lines
    found = names(audience(toy, "ralm", "list:ours"))
    assert len(found) == 30
    assert not set(found) & set(seeds_of(1, 27))
    assert sum(group_of(user) == 1 for user in found) >= 25


@pytest.mark.parametrize("system", ["ralm", "plda"])
@pytest.mark.long
def test_one_pass_gives_what_several_give(
    toy: Context, extend: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """The driver holds everyone's scores, or nobody's; it reads the tables' files itself, or leaves it to workers."""
    (tmp_path / "ours.txt").write_text("\n".join(OURS), encoding="utf-8")
    (tmp_path / "out.txt").write_text("\n".join(seeds_of(1, 30)[25:]), encoding="utf-8")

    def made() -> tuple[list[Row], list[Row], list[str]]:
        asked = Request(system, seeds=str(tmp_path / "ours.txt"), item="ours", exclude=str(tmp_path / "out.txt"))
        told = [line for line in extend(asked, force=True) if "another draw" in line]
        columns = ("user_id", "score", "percentile")
        rows = audience(toy, system, "ours").select(*columns).orderBy("user_id").collect()
        cut = toy.warehouse.read("thresholds").where(f"item_id = 'ours' AND system = '{system}'")
        return rows, cut.select("cutoff", "probe_size", "quantiles").collect(), told

    rows, cut, told = made()
    assert len(rows) == 30
    assert len(told) == 1
    monkeypatch.setattr("jobs.steps.users.file_scan.on_one_machine", lambda spark: False)
    monkeypatch.setattr("jobs.steps.systems.inputs.on_one_machine", lambda spark: False)
    assert made() == (rows, cut, told)
    monkeypatch.setattr("jobs.steps.audiences.held_scores.SAMPLED_SCORES", 0)
    assert made() == (rows, cut, told)


@pytest.mark.long
def test_hashed_lists_give_the_same_audience(toy: Context, extend: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("\n".join(OURS), encoding="utf-8")
    digests = [hashlib.sha256(user.encode()).hexdigest().upper() for user in OURS]
    (tmp_path / "hashed.txt").write_text("\n".join(digests), encoding="utf-8")
    extend(Request("ralm", seeds=str(tmp_path / "plain.txt"), item="ours", resamples=0))
    plain = names(audience(toy, "ralm", "ours"))
    lines = extend(Request("ralm", seeds=str(tmp_path / "hashed.txt"), item="ours", hashed=True, resamples=0))
    assert any("25 matched, 0 unmatched" in line for line in lines)
    assert names(audience(toy, "ralm", "ours")) == plain
    with pytest.raises(DataError, match="24 ids are not SHA-256 digests"):
        extend(Request("ralm", seeds=str(tmp_path / "plain.txt"), hashed=True))
    with pytest.raises(DataError, match=r"none of its ids is a known user.*--hashed"):
        extend(Request("ralm", seeds=str(tmp_path / "hashed.txt")))


@pytest.mark.long
def test_a_list_stays_when_the_items_are_extended_again(
    toy: Context, extend: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(OURS), encoding="utf-8")
    extend(
        Request("popularity", seeds=str(tmp_path / "mine.txt"), resamples=0),
        audience={"mode": "top_n", "top_n": 100_000},
    )
    extend(Request("popularity", resamples=0), force=True)
    kept = names(audience(toy, "popularity", "list:mine"))
    assert kept == sorted(set(users()) - set(OURS))  # all there are, ties by user id
    lines = extend(Request("popularity", resamples=0))
    assert "already done, skipped" in lines[-1]


@pytest.mark.long
def test_lists_of_one_name_and_their_thresholds(toy: Context, extend: Callable[..., list[str]], tmp_path: Path) -> None:
    """Two files of one name do not share an audience; a list has its threshold, and no other run takes it away."""
    for folder, seeds in (("a", OURS), ("b", seeds_of(2, 25))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "buyers[1].csv").write_text("\n".join(seeds), encoding="utf-8")
    first, second = (str(tmp_path / folder / "buyers[1].csv") for folder in ("a", "b"))
    (tmp_path / "nobody.csv").write_text("user_id\n", encoding="utf-8")
    lines = extend(Request("similarity", seeds=first, exclude=str(tmp_path / "nobody.csv"), resamples=0))
    assert any("nobody.csv: the list is empty, 0 users are excluded" in line for line in lines), lines
    assert any("25 ids read, 0 empty, 0 duplicates, 25 matched" in line for line in lines), lines
    kept = names(audience(toy, "similarity", "list:buyers[1]"))
    with pytest.raises(
        ConfigError, match=r"list:buyers\[1\]: this is the audience of .*/a/buyers.*a name of its own with --name"
    ):
        extend(Request("similarity", seeds=second, resamples=0))
    extend(Request("similarity", seeds=second, item="others", resamples=0))
    assert names(audience(toy, "similarity", "list:buyers[1]")) == kept
    item = toy.warehouse.read("items").select("item_id").first()
    assert item is not None
    with pytest.raises(ConfigError, match="an item has this id; give the list another name"):
        extend(Request("similarity", seeds=second, item=item["item_id"], resamples=0))
    extend(Request("similarity", resamples=0))  # the items: all other rows of the system are replaced
    rows = toy.warehouse.read("thresholds").where("system = 'similarity'").select("item_id").collect()
    found = [row["item_id"] for row in rows]
    assert len(found) == len(set(found)) > 2
    assert {"list:buyers[1]", "others"} < set(found)


@pytest.mark.long
def test_seeds_are_in_their_audience_when_asked(toy: Context, extend: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(OURS), encoding="utf-8")
    asked = {"mode": "top_n", "top_n": 40, "include_seeds": True}
    extend(Request("ralm", seeds=str(tmp_path / "mine.txt"), item="with seeds", resamples=0), audience=asked)
    found = names(audience(toy, "ralm", "with seeds"))
    assert set(found) & set(OURS)


@pytest.mark.soak
def test_the_same_seeds_have_the_same_audience_under_four_names(
    toy: Context, extend: Callable[..., list[str]], tmp_path: Path
) -> None:
    """With as many clusters as half of the seeds, every start of k-means ends elsewhere."""
    path = tmp_path / "same.txt"
    path.write_text("\n".join(OURS), encoding="utf-8")
    found, told = set(), set()
    for number in range(4):
        name = f"name {number}"
        lines = extend(Request("ralm", seeds=str(path), item=name, resamples=2), clusters=12)
        rows = audience(toy, "ralm", name).select("user_id", "score", "percentile").collect()
        assert len(rows) == 30
        found.add(tuple(sorted(tuple(row) for row in rows)))
        told |= {line for line in lines if "another draw" in line}
    assert len(found) == len(told) == 1


@pytest.mark.long
def test_stability_is_said_where_the_seeds_count(
    toy: Context, extend: Callable[..., list[str]], tmp_path: Path
) -> None:
    def said(system: str, seeds: list[str] | None, name: str, resamples: int = 3) -> list[str]:
        path = tmp_path / f"{name}.txt"
        path.write_text("\n".join(seeds or []), encoding="utf-8")
        lines = extend(Request(system, seeds=str(path) if seeds else None, resamples=resamples), force=True)
        return [line for line in lines if "another draw" in line or "how stable" in line]

    assert said("user_activity", OURS, "blind") == []
    assert said("similarity", OURS, "none", resamples=0) == []
    assert "not measured with fewer than 10 seeds" in said("similarity", OURS[:9], "nine")[0]
    assert re.search(r"about \d+ % .* \(3 resamples, ", said("similarity", OURS, "list")[0])
    items = said("ralm", None, "items")
    assert re.search(r"If the seeds of an item had been .* \(10 items, 3 resamples, ", items[0])


@pytest.mark.long
def test_a_variant_that_a_night_does_not_embed_is_embedded_for_it(
    toy: Context, extend: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "ours.txt").write_text("\n".join(OURS), encoding="utf-8")
    request = Request("ralm_concat", seeds=str(tmp_path / "ours.txt"), item="concat", resamples=0)

    def planned(*, forgotten: tuple[str, ...] = ()) -> list[str]:
        context = Context(toy.spark, toy.config, say=lambda line: None)
        at_a3 = [record for record in context.ledger.records if record.as_of == context.dates.a3]
        gone = [record for record in at_a3 if record.step in forgotten]
        context.ledger.records = [record for record in context.ledger.records if record not in gone]
        return [step.name for step in steps(context, request)]

    users, targets, extended = (
        "embed_users[concat]",
        "embed_targets[ralm_concat]",
        "extend_audience[ralm_concat/concat]",
    )
    assert planned(forgotten=(users, targets)) == [users, targets, extended]  # as a night leaves it
    assert planned(forgotten=(users,)) == [users, targets, extended]  # targets of users that are made anew
    extend(request)
    assert planned() == [extended]
    assert planned(forgotten=(targets,)) == [targets, extended]
    found = names(audience(toy, "ralm_concat", "concat"))
    assert sum(group_of(user) == 1 for user in found) >= 25
    again = extend(request, force=True)  # repeats what was asked for, and nothing that it needs
    assert [line for line in again if "embed_" in line] == []
    assert names(audience(toy, "ralm_concat", "concat")) == found


def test_a_variant_that_was_never_trained_is_named(extend: Callable[..., list[str]]) -> None:
    untrained = r"variants wide: configured, but not trained as of 2024-01-06; trained: ralm, ralm_concat\. Run job"
    with pytest.raises(MissingInputError, match=untrained):
        extend(Request("wide"), variants={"wide": {"settings": {"clusters": 7}}})
    with pytest.raises(ConfigError, match=r"--system wide: unknown; known: ralm, ralm_concat, .* under `variants`"):
        extend(Request("wide"))


def test_mistakes_are_one_line(toy: Context, extend: Callable[..., list[str]], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--system magic: unknown; known: ralm, "):
        extend(Request("magic"))
    with pytest.raises(MissingInputError, match="no such file, Delta table or table of the catalog"):
        extend(Request("ralm", seeds=str(tmp_path / "none.txt")))
    (tmp_path / "few.txt").write_text("\n".join(OURS[:3]), encoding="utf-8")
    with pytest.raises(DataError, match=r"3 matched users, lookalike\.min_seeds is 5"):
        extend(Request("ralm", seeds=str(tmp_path / "few.txt")))
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="it holds no ids"):
        extend(Request("ralm", seeds=str(tmp_path / "empty.txt")))
    (tmp_path / "wide.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="name its column of user ids with --column; it has a, b"):
        extend(Request("ralm", seeds=str(tmp_path / "wide.csv")))
    assert options().parse_args(["--system", "ralm"]).seeds is None
