"""The two models: their training sets, sizes and training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ralm.config.section import Identifier, Merge, Section, Share, sized


class UserSamples(Section):
    """The negative-sampled training set of the user model."""

    max_positives: int = Field(default=50, ge=1, le=1_000, description="positives per user at most (paper: 50)")
    positives_per_row: int = Field(default=10, ge=1, le=1_000, description="P: more positives go into further rows")
    negatives: int = Field(default=10, ge=1, le=1_000, description="negatives per positive (paper: 10)")
    redraws: int = Field(default=16, ge=1, le=100, description="draws tried before the nearest free rank is taken")
    validation_share: Share = Field(default=0.1, description="share of users, and of items, kept for validation")


class UserModel(Section):
    """User representation learning (paper, section 3.2)."""

    representations: list[Identifier] = sized(
        [], min_length=1, description="label domains; one model each, stacked; only empty until it is resolved"
    )
    field_dim: int = sized(32, ge=2, le=1024, description="m, the width of a field vector")
    attention_dim: int = Field(default=32, ge=1, le=1024, description="t, the attention unit of the merge layer")
    hidden: list[Annotated[int, Field(ge=1, le=65_536)]] = sized(
        [64], description="widths of the layers between merge and representation"
    )
    user_dim: int = sized(32, ge=2, le=1024, description="width of one representation")
    loss: Literal["softmax", "sigmoid"] = Field(
        default="softmax", description="softmax: a positive against its sampled negatives; sigmoid: each by itself"
    )
    logq: bool = Field(default=False, description="subtract log of the sampling probability from the logits")
    dropout: float = sized(0.0, ge=0, lt=1, description="share of the field vectors' entries, in training")
    field_dropout: float = sized(
        0.0, ge=0, lt=1, description="share of a user's fields that the attention does not see, in training"
    )
    residual: bool = sized(False, description="pass the field vectors to the next layer besides the merged vector")
    stacked: list[Literal["interests", "factors", "activity"]] = Field(
        default=["interests", "factors", "activity"],
        description="what is stacked next to the representations. interests: the user's row of a truncated singular "
        "value decomposition (job train_interests); factors: the user's ALS vector (baselines.als, job train_als); "
        "activity: log(1 + entries) of each history, over 10",
    )
    interest_dim: int = Field(default=256, ge=1, le=1024, description="width of the interest vectors at most")
    interest_users: int = Field(
        default=200_000, ge=100, le=10_000_000, description="users that the interest vectors are fitted on, by hash"
    )


class Lookalike(Section):
    """Look-alike learning (paper, section 3.3)."""

    closed_form: bool = Field(
        default=True,
        description="start from the closed-form set model (probabilistic LDA) and add attention to it as far as "
        "validation items gain by it; false: attention alone",
    )
    population: int = Field(
        default=50_000,
        ge=100,
        le=10_000_000,
        description="users, by hash, who stand for all users where the closed form is fitted and validation items are "
        "judged",
    )
    hidden_dim: int = sized(64, ge=2, le=1024, description="h, width after the shared transform")
    attention_dim: int = Field(default=32, ge=1, le=1024, description="unit of the global attention")
    dropout: float = sized(0.1, ge=0, lt=1, description="share of the transformed vectors' entries, in training")
    alpha: float = Field(default=0.3, ge=0, le=1, description="weight of the global part (paper: 0.3)")
    beta: float = Field(default=0.7, ge=0, le=1, description="weight of the local part (paper: 0.7)")
    user_bias: bool = sized(False, description="add a linear term of the user alone to the score")
    loss: Literal["sigmoid", "multiclass"] = Field(
        default="multiclass",
        description="multiclass: sampled users compete for an item (the talk); sigmoid: clicks against non-clicks",
    )
    negative_users: int = sized(10, ge=1, le=1_000, description="sampled users per positive (multiclass)")
    logq: bool = sized(
        False,
        description="correct for active users, who fill the samples: subtract the log of a user's rows from the "
        "training's logits; the score then knows that they click more (set user_bias)",
    )
    clicked_cap: int = sized(
        0,
        ge=0,
        le=10_000,
        description="N: users are no negatives for the N newest items they clicked (multiclass); 0: only for clicks of "
        "the batch. For data where users click an item once and most of its users did so before",
    )
    clusters: int = sized(20, ge=1, le=1_000, description="k, centroids per item (paper: 20, online 100)")
    cluster_iterations: int = Field(default=10, ge=1, le=1_000, description="Lloyd iterations at most")
    seed_cap: int = sized(10_000, ge=10, le=100_000, description="K, newest seeds kept per item")
    min_seeds: int = sized(
        10, ge=1, le=10_000, description="items with fewer seeds are not scored, nor trained on if others have enough"
    )
    seed_draws: int = sized(
        1,
        ge=1,
        le=100,
        description="splits of the training clicks into seeds and labels; 1: half of the clicks only give seeds; 2: "
        "each half gives seeds once and labels once; 4: two such pairs of splits",
    )
    rounds: int = Field(default=2, ge=1, le=100, description="cluster, train, cluster, train ...")
    batches_per_round: int | None = sized(
        None, ge=1, description="batches per round (the talk: 1,000); null: `training.epochs` epochs"
    )

    @model_validator(mode="after")
    def _weights(self) -> Lookalike:
        if self.alpha + self.beta <= 0:
            raise ValueError("alpha + beta must be above 0")
        return self


class Training(Section):
    """How a model is trained: processes, batches, steps."""

    processes: int = sized(
        2, ge=1, le=1_024, description="DDP ranks; a single one on the driver's cores trains in the driver itself"
    )
    batch_size: int = sized(256, ge=1, le=1_000_000, description="rows per step over all ranks (paper: 256)")
    epochs: int = sized(
        3,
        ge=1,
        le=1_000,
        description="passes over the data (look-alike: per round); the best in validation loss (look-alike: AUC) stays",
    )
    learning_rate: float = sized(1e-3, gt=0, le=10, description="Adam (paper: 0.001)")
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="L2 penalty of Adam")
    decay: Literal["none", "linear"] = sized(
        "none", description="linear: the learning rate falls to 0 over all steps (look-alike: of a round)"
    )
    seed: int | None = Field(
        default=None,
        description="of initial weights, dropout and the order of batches; default: the project's `seed`. Another seed "
        "trains again on the same data, with the same new items",
    )
    loader: Literal["pyarrow", "petastorm"] = Field(
        default="pyarrow", description="the library that reads the training files (figures: decision 0003)"
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="cuda: a GPU per rank")
    local_mode: bool = Field(default=True, description="ranks on the driver's machine; false: on the executors")
    patience: int | None = sized(
        None,
        ge=1,
        le=1_000,
        description="stop after this many epochs without improvement in validation; null: never",
    )
    retries: int = Field(default=1, ge=0, le=10, description="launches after a failure, from the last checkpoint")


# Settings that the seeds and samples of all variants depend on.
SHARED_SETTINGS = {"min_seeds", "seed_cap", "clicked_cap", "seed_draws", "population"}


class Variant(Section):
    """One look-alike model to train: on which user model, with which pooling of the seeds."""

    merge: Merge = Field(default="attention", description="the merge layer of the user model that it builds on")
    pooling: Literal["attention", "average"] = Field(
        default="attention", description="average: the mean of all seeds instead of local and global attention"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="keys of `lookalike` that are different for this variant (ablations)"
    )

    def lookalike(self, shared: Lookalike) -> Lookalike:
        """The variant's own settings; average pooling is a single cluster with the mean of all seeds as its centroid.

        Raises:
            ValueError: a key is unknown, out of its range, or decides the samples that all variants share.
        """
        fixed = sorted(SHARED_SETTINGS & self.settings.keys())
        if fixed:
            raise ValueError(
                f"settings: {fixed} belong to the samples, which all variants share; set them in lookalike"
            )
        one = {"clusters": 1} if self.pooling == "average" else {}
        return Lookalike.model_validate(shared.model_dump() | self.settings | one)
