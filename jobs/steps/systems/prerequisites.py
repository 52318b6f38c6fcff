"""What a system needs and a night leaves out: other variants' embeddings as of A3, the ALS model."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.steps.lookalike import target_embeddings
from jobs.steps.lookalike.variants import final_step
from jobs.steps.systems.contract import Dependency
from jobs.steps.user_model import als_factors, user_embeddings
from ralm.errors import MissingInputError
from ralm.runs.context import Context
from ralm.runs.runner import is_done
from ralm.runs.step import Step


def prerequisites(context: Context, dependencies: Iterable[Dependency]) -> list[Step]:
    """The steps to run first: embeddings that are missing or older than their models, and ALS if it was never fitted.

    Everything else that systems depend on is made by a night. What is up to date is left out, so that `--force` repeats
    only what was asked for.

    Args:
        context: of the application; its ledger says what is done.
        dependencies: steps and dates, as in `System.after`.

    Raises:
        MissingInputError: a variant among the dependencies was never trained.
    """
    wanted = set(dependencies)
    embeddings = (*user_embeddings.all_steps(context), *target_embeddings.all_steps(context))
    for step in reversed(embeddings):  # targets before the users that they are made from
        if (step.name, step.as_of) in wanted:
            wanted.update(step.after)
    _require_trained(context, wanted)
    missing: list[Step] = []
    if (als_factors.STEP, "a1") in wanted and context.ledger.last(als_factors.STEP, context.dates.a1, "done") is None:
        missing += als_factors.steps(context)
    for step in embeddings:
        made = {(before.name, before.as_of) for before in missing}
        if (step.name, step.as_of) in wanted and (made & set(step.after) or not is_done(context, step)):
            missing.append(step)
    return missing


def _require_trained(context: Context, wanted: set[Dependency]) -> None:
    final = {variant: final_step(context.config, variant) for variant in context.config.variants}
    trained = [name for name, step in final.items() if context.ledger.last(step, context.dates.a1, "done") is not None]
    untrained = [name for name, step in final.items() if (step, "a1") in wanted and name not in trained]
    if untrained:
        raise MissingInputError(
            f"variants {', '.join(untrained)}: configured, but not trained as of {context.dates.a1}; trained: "
            f"{', '.join(trained) or 'none'}. Run job 'pipeline' with this configuration: it trains every variant"
        )
