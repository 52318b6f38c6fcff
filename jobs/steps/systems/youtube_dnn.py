"""YouTube DNN: the concat user model's embedding with the item's own vector, for items of its training.

Covington, Adams and Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys 2016, the candidate generation;
the baseline of Liu et al., KDD 2019, section 4.
"""

from __future__ import annotations

from functools import partial

import torch
from pyspark.sql import functions as F

from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.systems.inputs import embedded_users
from jobs.steps.user_model.training import folder
from jobs.steps.user_model.training import step_name as training_step
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.baselines.dot_product import DotProduct
from ralm.config import Config
from ralm.dates import DateName
from ralm.models.losses import log_uniform_log_probability
from ralm.models.user_model import UserModel
from ralm.runs.context import Context
from ralm.scoring.contract import Arrays, ScorerState
from ralm.training.checkpoints import load_user_model


def item_arrays(model: UserModel, rows: list[int]) -> Arrays:
    """The state of `DotProduct` for items of a user model.

    Args:
        model: finished.
        rows: each item's row of the item table, 0 if it has none: its bias is then −inf.

    Returns:
        `vectors` (items, user_dim) and `bias` (items,). Sampled softmax learns log(probability / sampling rate as
        a negative); without the logQ correction the log of that rate is added, so that scores compare across items.
    """
    indices = torch.tensor(rows, dtype=torch.int64)
    with torch.inference_mode():
        vectors, bias = model.items(indices), model.item_bias(indices)[:, 0]
        if not model.config.logq:
            bias = bias + log_uniform_log_probability(indices, model.item_count - 1)
        bias = torch.where(indices > 0, bias, -torch.inf)
    return {"vectors": vectors.numpy(), "bias": bias.numpy()}


def _prepare(representation: str, task: Task) -> Prepared:
    model = load_user_model(folder(task.context, "concat", representation))
    asked = task.context.spark.createDataFrame([(item,) for item in task.items], "feature_id string")
    labels = current_vocabulary(task.step, load_sizes(task.context)).where(F.col("field") == representation)
    found = labels.join(F.broadcast(asked), "feature_id").select("feature_id", "index").collect()  # the task's items
    row = {record["feature_id"]: record["index"] for record in found}
    arrays = item_arrays(model, [row.get(item, 0) for item in task.items])
    # All representations lie side by side; the first one is that of the items.
    own = F.slice("embedding", 1, model.config.user_dim).alias("embedding")
    users = embedded_users(task, "concat").select("user_id", own)
    unknown = [item for item in task.items if item not in row]
    state = ScorerState(DotProduct, arrays)
    return Prepared(users, state, counts={"items of its training": len(row)}, unknown=unknown)


def _after(representation: str, context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (
        ("build_vocabularies", "a1"),
        (training_step("concat", representation), "a0"),
        (embedding_step("concat"), date),
    )


def youtube_dnn_systems(config: Config) -> list[System]:
    """The system, if there is a concat user model whose labels are items."""
    representation = config.user_model.representations[0]
    trained = any(variant.merge == "concat" for variant in config.variants.values())
    if not trained or representation not in config.fields.item_domains:
        return []
    return [
        System(
            "youtube_dnn",
            partial(_prepare, representation),
            ("user_embeddings", "vocabularies"),
            partial(_after, representation),
            ("fields", "user_model", "variants"),
            new_items=False,
            from_seeds=False,
        )
    ]
