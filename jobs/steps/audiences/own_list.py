"""An audience for lists of users, or for chosen items, with any system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePosixPath

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.audiences import write_audiences
from jobs.steps.audiences.chosen_items import choose_items
from jobs.steps.audiences.held_scores import HeldScores, fits
from jobs.steps.audiences.listed_users import in_one, listed_users
from jobs.steps.audiences.made_with import made_with
from jobs.steps.audiences.own_audiences import warn_of_own_audiences
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.audiences.stability import LEAST_SEEDS, say_kept, say_stability, say_too_few
from jobs.steps.seeds.item_seeds import listed_seeds
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import source
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.feature_ranking import of_enough_seeds
from jobs.steps.systems.prerequisites import prerequisites
from jobs.steps.systems.registry import system
from jobs.steps.systems.unlike import require_set_model, with_unlike
from jobs.steps.users.vocabularies import load_sizes
from ralm.errors import ConfigError, DataError
from ralm.features.hashing import uniform
from ralm.ingest.list_files import list_state
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.storage.path import StoragePath

# Whose seeds they are, in lines.
LIST = "the list"


@dataclass(frozen=True)
class Request:
    """What to extend, and with which system.

    Attributes:
        system: name of the look-alike system.
        seeds: file or table of your own seeds, or several, which make one audience; None: the seeds of the configured
            items.
        exclude: file or table of users to keep out of every audience (converted, opted out).
        item: name of the list in `audiences.item_id`.
        column: the column of user ids in all lists.
        hashed: the lists hold SHA-256 digests of user ids.
        resamples: draws of the seeds that say how stable the audience is; 0: none.
        weight: column of the lists of seeds with each user's weight, 0 or more; None: all weigh the same.
        not_like: file or table of users whom the audience is to be unlike.
        between: from which share of the ranking to which, such as (.01, .02); None: the best, by `scoring.audience`.
        hold_out: share of the audience that is not delivered, so that lift can be measured; None: `scoring.hold_out`.
    """

    system: str
    seeds: str | Sequence[str] | None = None
    exclude: str | None = None
    item: str | None = None
    column: str | None = None
    hashed: bool = False
    resamples: int = 5
    weight: str | None = None
    not_like: str | None = None
    between: Sequence[float] | None = None
    hold_out: float | None = None

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists of seeds; none: those of the configured items."""
        return (self.seeds,) if isinstance(self.seeds, str) else tuple(self.seeds or ())

    @property
    def place(self) -> str:
        """Where the lists lie, whatever the working folder: what tells them from others of the same name."""
        return " and ".join(path if ":" in path else str(Path(path).resolve()) for path in self.lists)

    @property
    def note(self) -> str:
        """What `runs` keeps of the list's place."""
        return f"list {self.place}"

    @property
    def list_name(self) -> str:
        """The item id of the lists: as named, or `list:` and the files' names without their endings."""
        return self.item or f"list:{'+'.join(PurePosixPath(path.rstrip('/')).stem for path in self.lists)}"

    def check(self) -> None:
        """Check that the options go together.

        Raises:
            ConfigError: they do not.
        """
        if not self.lists and (self.item is not None or self.weight is not None):
            raise ConfigError("--name and --weight belong to the audience of a list: give --seeds, too")
        if self.resamples not in range(101):
            raise ConfigError(f"--resamples {self.resamples}: a number from 0 to 100 expected")
        if self.between is not None and not 0 <= self.between[0] < self.between[1] <= 1:
            raise ConfigError(
                f"--between {self.between[0]:g} {self.between[1]:g}: two rising shares from 0 to 1 expected"
            )
        if self.hold_out is not None and not 0 <= self.hold_out < 1:
            raise ConfigError(f"--hold-out {self.hold_out:g}: a share from 0 to below 1 expected")

    def read(self, step: RunningStep, path: str, users: DataFrame, what: str, value: str | None = None) -> DataFrame:
        """The known users of one of the lists, as `listed_users`."""
        return listed_users(step, path, users, what, column=self.column, hashed=self.hashed, value=value)


def _own_seeds(step: RunningStep, request: Request, users: DataFrame) -> DataFrame:
    """(item_id, item_index, user_id) of the lists, with weights also `weight`."""
    config = step.context.config
    matched = in_one([request.read(step, path, users, "seeds", request.weight) for path in request.lists])
    columns = [F.lit(request.list_name).alias("item_id"), F.lit(0).alias("item_index"), F.col("user_id")]
    if request.weight is not None:
        matched = matched.where("value > 0")  # who is worth nothing is no seed
        columns.append(F.col("value").alias("weight"))
    count, cap, least = matched.count(), config.lookalike.seed_cap, config.lookalike.min_seeds
    minimum, named = config.privacy.minimum, " and ".join(request.lists)
    if count < minimum:
        raise DataError(f"seeds {named}: fewer than {minimum:,} matched users (privacy.minimum); give more")
    if count < least:
        raise DataError(f"seeds {named}: {count} matched users, lookalike.min_seeds is {least}; give more")
    if count > cap:
        step.say(f"{cap:,} of {count:,} seeds, drawn by hash, describe the list (lookalike.seed_cap)")
    if request.weight is not None:
        row = matched.agg(F.sum("value"), F.sum(F.col("value") ** 2)).first()
        assert row is not None
        step.say(f"weights {request.weight}: {count:,} seeds say as much as {row[0] ** 2 / row[1]:,.0f} of one weight")
    step.counts["seeds"] = count
    return matched.select(*columns)


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
            f"file of the same name; give the audience of {' and '.join(request.lists)} a name of its own with --name"
        )


def _extend(found: System, request: Request, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    if request.lists:
        step.note = request.note
    step.facts |= made_with(request.weight is not None, request.not_like is not None, request.between)
    version = load_sizes(context).version
    users = step.at("user_fields", as_of=step.as_of, vocabulary_version=version).select("user_id")
    if not request.lists:
        items = choose_items(step)
        described = seeds = listed_seeds(step, items).persist()
    else:
        items, seeds = [request.list_name], _own_seeds(step, request, users).persist()
        few = step.counts["seeds"] <= config.lookalike.seed_cap
        described = seeds if few else _describing(step, seeds).persist()
        warn_of_own_audiences(step, seeds.select("user_id"), request.list_name)
    folder = context.models("work", f"extend-{step.version}")
    task = Task(step, "a3", items, described, folder)
    refused: list[DataFrame] = []
    if request.not_like is not None:
        refused.append(request.read(step, request.not_like, users, "negative seeds").persist())
        found = with_unlike(found, _describing(step, refused[0]))
    if request.exclude is not None:
        refused.append(request.read(step, request.exclude, users, "exclusions"))
    if request.lists and not config.scoring.audience.include_seeds:
        refused.append(seeds.select("user_id"))
    if request.lists and fits(found, context, request.resamples):
        _extend_held(found, request, task, refused)
    else:
        _extend_in_passes(found, request, task, seeds, refused)
    StoragePath.at(folder).remove()


def _extend_held(found: System, request: Request, task: Task, refused: list[DataFrame]) -> None:
    step, seeds = task.step, min(task.step.counts["seeds"], task.config.lookalike.seed_cap)
    scored = HeldScores.of(found, task, refused, request.resamples, seeds)
    _require_candidates(scored.users, task)
    name, arms = request.list_name, request.hold_out
    write_audiences(step, found.name, scored, None, name, between=request.between, hold_out=arms)
    if not found.from_seeds or not request.resamples:
        return
    if seeds < LEAST_SEEDS:
        say_too_few(step)
    else:
        say_kept(step, scored.drawn(task.config.seed), scored.users, LIST)


def _extend_in_passes(found: System, request: Request, task: Task, seeds: DataFrame, refused: list[DataFrame]) -> None:
    step, include = task.step, task.config.scoring.audience.include_seeds
    prepared = found.prepare(task)
    step.counts |= prepared.counts
    excluded = None

    def narrowed(users: DataFrame) -> DataFrame:
        return reduce(lambda left, out: left.join(out, "user_id", "left_anti"), refused, users)

    candidates = narrowed(prepared.users)
    if not include and not request.lists:
        excluded = seeds.join(candidates.select("user_id"), "user_id", "left_semi").select("item_id", "user_id")
    candidates = candidates.persist() if refused or request.lists else candidates
    count = candidates.count()
    _require_candidates(count, task)
    scored = Scored.of(task, prepared, candidates, count)
    own, arms = (request.list_name if request.lists else None), request.hold_out
    write_audiences(step, found.name, scored, excluded, own, between=request.between, hold_out=arms)
    _write_ranking(task, found, prepared, request)
    what = LIST if request.lists else "the seeds of an item"
    say_stability(found, task, request.resamples, narrowed, count, excluded, what)


def _require_candidates(count: int, task: Task) -> None:
    if count == 0:
        raise DataError(f"extend_audience: no candidates are left for {task.items[0]}; look at the exclusions")


def _write_ranking(task: Task, found: System, prepared: Prepared, request: Request) -> None:
    if prepared.feature_ranking is None:
        return
    step = task.step
    ranking, minimum = prepared.feature_ranking, step.context.config.privacy.minimum
    if minimum:
        ranking = of_enough_seeds(task, ranking, minimum)
    keyed = ranking.withColumns({"as_of": F.lit(step.as_of), "system": F.lit(found.name)})
    own = {"item_id": request.list_name} if request.lists else {}
    step.replace("feature_rankings", keyed, "ranked features", as_of=step.as_of, system=found.name, **own)


def step_name(system_name: str, own_list: str | None) -> str:
    """The step that makes the audience of a list; None: those of the configured items."""
    return f"extend_audience[{system_name}/{own_list}]" if own_list else f"extend_audience[{system_name}]"


def steps(context: Context, request: Request) -> Sequence[Step]:
    """What the system needs and a night leaves out, then one step per system, or per system and list.

    Raises:
        ConfigError: there is no such system, it cannot heed an option, or the list's name is taken.
        MissingInputError: it is a variant that was never trained.
    """
    request.check()
    found = system(context.config, request.system)
    for option, value in (("--weight", request.weight), ("--not-like", request.not_like)):
        if value is not None:
            require_set_model(context.config, found, option)
    lists = [path for path in (*request.lists, request.exclude, request.not_like) if path is not None]

    def extra() -> str:
        return f"{request} {[list_state(context.spark, path) for path in lists]}"

    if request.lists:
        _check_name(context, request, step_name(found.name, request.list_name))
    inputs = {"user_fields", "item_seeds", "items", *found.inputs}
    needed = found.after(context, "a3")
    return [
        *prerequisites(context, needed),
        Step(
            step_name(found.name, request.list_name if request.lists else None),
            lambda step: _extend(found, request, step),
            tuple(dict.fromkeys(("scoring", "lookalike", *context.config.privacy.sections, *found.sections))),
            as_of="a3",
            after=(source(context), (seeds_step("production"), "a3"), *needed),
            inputs=tuple(sorted(inputs)),
            extra=extra,
        ),
    ]
