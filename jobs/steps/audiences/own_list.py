"""An audience for a list of users, or for chosen items, with any system."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePosixPath

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.audiences import write_audiences
from jobs.steps.audiences.chosen_items import choose_items
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.audiences.stability import say_stability
from jobs.steps.seeds.item_seeds import listed_seeds
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import source
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.prerequisites import prerequisites
from jobs.steps.systems.registry import system
from jobs.steps.users.vocabularies import load_sizes
from ralm.errors import ConfigError, DataError
from ralm.features.hashing import uniform
from ralm.ingest.list_files import list_state
from ralm.ingest.list_match import compared, few_matched, match_users
from ralm.ingest.user_list import read_user_list
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import model_folder


@dataclass(frozen=True)
class Request:
    """What to extend, and with which system.

    Attributes:
        system: name of the look-alike system.
        seeds: file or table of your own seeds; None: the seeds of the configured items.
        exclude: file or table of users to keep out of every audience (converted, opted out).
        item: name of the list in `audiences.item_id`.
        column: the column of user ids in both lists.
        hashed: the lists hold SHA-256 digests of user ids.
        resamples: draws of the seeds that say how stable the audience is; 0: none.
    """

    system: str
    seeds: str | None = None
    exclude: str | None = None
    item: str | None = None
    column: str | None = None
    hashed: bool = False
    resamples: int = 5

    @property
    def place(self) -> str:
        """Where the list lies, whatever the working folder: what tells it from another of the same name."""
        path = self.seeds or ""
        return path if ":" in path else str(Path(path).resolve())

    @property
    def note(self) -> str:
        """What `runs` keeps of the list's place."""
        return f"list {self.place}"

    @property
    def list_name(self) -> str:
        """The item id of the list: as named, or `list:` and the file's name without its ending."""
        return self.item or f"list:{PurePosixPath((self.seeds or '').rstrip('/')).stem}"


def _list_users(step: RunningStep, path: str, request: Request, users: DataFrame, what: str) -> DataFrame:
    given = read_user_list(step.context.spark, path, request.column)
    matched, report = match_users(given, users, hashed=request.hashed)
    step.say(f"{what} {path}: {report}")
    held = report.read - report.empty
    if not held and what == "exclusions":
        step.say(f"{what} {path}: the list is empty, 0 users are excluded")
        return matched
    step.check(f"{what} matched", report.matched > 0, float(report.matched), f"{path}: {report}")
    if not held and report.header is None:
        raise DataError(f"list {path}: it holds no ids; it was taken for {given.form}")
    if few_matched(report):
        seen = compared(given, users, hashed=request.hashed)
        if report.matched == 0:
            raise DataError(f"{what} {path}: none of its ids is a known user: {report}; {seen}")
        step.say(f"{what} {path}: few of its ids are known users; {seen}")
    return matched


def _own_seeds(step: RunningStep, request: Request, users: DataFrame) -> DataFrame:
    """(item_id, item_index, user_id) of the list; more than `lookalike.seed_cap` are sampled by hash for the scorer."""
    config = step.context.config
    assert request.seeds is not None
    matched = _list_users(step, request.seeds, request, users, "seeds")
    count, cap, least = matched.count(), config.lookalike.seed_cap, config.lookalike.min_seeds
    if count < least:
        raise DataError(f"seeds {request.seeds}: {count} matched users, lookalike.min_seeds is {least}; give more")
    if count > cap:
        step.say(f"{cap:,} of {count:,} seeds, drawn by hash, describe the list (lookalike.seed_cap)")
    step.counts["seeds"] = count
    return matched.select(F.lit(request.list_name).alias("item_id"), F.lit(0).alias("item_index"), "user_id")


def _describing(step: RunningStep, seeds: DataFrame) -> DataFrame:
    cap = step.context.config.lookalike.seed_cap
    return seeds.orderBy(uniform("listed seed", step.context.config.seed, "user_id"), "user_id").limit(cap)


def _check_name(context: Context, request: Request, step: str) -> None:
    """Two lists of one file name, or a list and an item, must not share an audience.

    Raises:
        ConfigError: the name is an item's, or the audience of this name is that of another file.
    """
    if request.item is not None:
        items = context.warehouse.read("items") if context.warehouse.exists("items") else None
        if items is not None and not items.where(F.col("item_id") == request.item).isEmpty():
            raise ConfigError(f"--name {request.item}: an item has this id; give the list another name")
        return
    before = context.ledger.last(step, context.date("a3"), "done")
    if before is not None and before.message not in (None, request.note):
        raise ConfigError(
            f"{request.list_name}: this is the audience of {(before.message or '').removeprefix('list ')}, another "
            f"file of the same name; give the audience of {request.seeds} a name of its own with --name"
        )


def _extend(found: System, request: Request, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    if request.seeds is not None:
        step.note = request.note
    version = load_sizes(context).version
    users = step.at("user_fields", as_of=step.as_of, vocabulary_version=version).select("user_id")
    if request.seeds is None:
        items = choose_items(step)
        described = seeds = listed_seeds(step, items).persist()
    else:
        items, seeds = [request.list_name], _own_seeds(step, request, users).persist()
        described = _describing(step, seeds).persist()
    folder = context.models("work", f"extend-{step.version}")
    task = Task(step, "a3", items, described, folder)
    prepared = found.prepare(task)
    step.counts |= prepared.counts
    refused: list[DataFrame] = []
    if request.exclude is not None:
        refused.append(_list_users(step, request.exclude, request, users, "exclusions"))
    excluded = None
    if not config.scoring.audience.include_seeds and request.seeds is not None:
        refused.append(seeds.select("user_id"))

    def narrowed(users: DataFrame) -> DataFrame:
        return reduce(lambda left, out: left.join(out, "user_id", "left_anti"), refused, users)

    candidates = narrowed(prepared.users)
    if not config.scoring.audience.include_seeds and request.seeds is None:
        excluded = seeds.join(candidates.select("user_id"), "user_id", "left_semi").select("item_id", "user_id")
    candidates = candidates.persist() if request.exclude or request.seeds else candidates
    count = candidates.count()
    if count == 0:
        raise DataError(f"extend_audience: no candidates are left for {items[0]}; look at the exclusions")
    scored = Scored.of(task, prepared, candidates, count)
    write_audiences(step, found.name, scored, excluded, None if request.seeds is None else request.list_name)
    _write_ranking(step, found, prepared, request)
    what = "the seeds of an item" if request.seeds is None else "the list"
    say_stability(found, task, request.resamples, narrowed, count, excluded, what)
    shutil.rmtree(model_folder(folder), ignore_errors=True)


def _write_ranking(step: RunningStep, found: System, prepared: Prepared, request: Request) -> None:
    if prepared.feature_ranking is None:
        return
    keyed = prepared.feature_ranking.withColumns({"as_of": F.lit(step.as_of), "system": F.lit(found.name)})
    own = {} if request.seeds is None else {"item_id": request.list_name}
    step.replace("feature_rankings", keyed, "ranked features", as_of=step.as_of, system=found.name, **own)


def steps(context: Context, request: Request) -> Sequence[Step]:
    """What the system needs and a night leaves out, then one step per system, or per system and list.

    Raises:
        ConfigError: there is no such system, or the list's name is taken.
        MissingInputError: it is a variant that was never trained.
    """
    found = system(context.config, request.system)
    lists = [path for path in (request.seeds, request.exclude) if path is not None]

    def extra() -> str:
        return f"{request} {[list_state(context.spark, path) for path in lists]}"

    name = found.name if request.seeds is None else f"{found.name}/{request.list_name}"
    if request.seeds is not None:
        _check_name(context, request, f"extend_audience[{name}]")
    inputs = {"user_fields", "item_seeds", "items", *found.inputs}
    needed = found.after(context, "a3")
    return [
        *prerequisites(context, needed),
        Step(
            f"extend_audience[{name}]",
            lambda step: _extend(found, request, step),
            tuple(dict.fromkeys(("scoring", "lookalike", *found.sections))),
            as_of="a3",
            after=(source(context), (seeds_step("production"), "a3"), *needed),
            inputs=tuple(sorted(inputs)),
            extra=extra,
        ),
    ]
