"""The other look-alike methods, one section per method."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ralm.config.section import Section, sized


class Similarity(Section):
    """Similarity of a user to each seed (the survey's direct method)."""

    measure: Literal["jaccard", "cosine"] = Field(
        default="jaccard", description="jaccard: of feature sets; cosine: of user embeddings"
    )
    to_seeds: Literal["max", "mean", "probability"] = Field(
        default="mean", description="how a user's similarities to all seeds become one score; probability: 1 − Π(1 − s)"
    )
    seed_cap: int = Field(default=500, ge=1, le=100_000, description="seeds per item, sampled by hash")


class ClusteredSimilarity(Section):
    """Users and seeds compared by the cells of their embeddings."""

    cells: Literal["kmeans", "hyperplanes"] = Field(default="kmeans", description="how the space is cut into cells")
    kmeans_cells: int = Field(
        default=200, ge=2, le=100_000, description="cells of k-means; fewer if the sample has under 20 users per cell"
    )
    tables: int = Field(default=20, ge=1, le=1_000, description="hyperplane tables")
    planes: int = Field(default=8, ge=1, le=30, description="hyperplanes per table: 2^planes cells")
    sample: int = Field(
        default=100_000, ge=100, le=10_000_000, description="sampled users that cells are fitted on and counted from"
    )
    seed_cap: int = Field(default=1_000, ge=1, le=100_000, description="seeds per item, sampled by hash")


class LshIv(Section):
    """Yahoo's candidates by MinHash and scores by Information Value (Ma et al. 2016)."""

    bands: int = Field(default=20, ge=1, le=1_000, description="b: a user is a candidate if any band agrees (OR)")
    rows: int = Field(default=2, ge=1, le=100, description="r: hashes of a band, all of which must agree (AND)")
    bucket_share: float = Field(
        default=0.05, gt=0, le=1, description="drop buckets with a larger share of all users: they tell nothing"
    )
    smoothing: float = Field(
        default=1.0, gt=0, le=1_000, description="users added to the counts, so that no share is 0 or 1"
    )
    positive: Literal["above_candidates", "above_half"] = Field(
        default="above_candidates", description="features that count: p > q, or the survey's p > 0.5"
    )
    listed_features: int = Field(default=50, ge=1, le=10_000, description="rows of feature_ranking per item")


class Regression(Section):
    """One classifier per item over its seeds and sampled other users."""

    model: Literal["logistic", "boosted_trees"] = Field(default="logistic", description="the classifier")
    negatives: Literal["others", "exposed"] = Field(
        default="others", description="others: users who are not seeds; exposed: shown, not clicked"
    )
    positive_unlabelled: Literal["none", "bagging", "elkan_noto"] = Field(
        default="none",
        description="bagging: seeds against bootstraps of the others, averaged (Mordelet and Vert 2014); elkan_noto: "
        "the same ranking as none, and probabilities calibrated by c (Elkan and Noto 2008)",
    )
    negatives_per_seed: int = Field(default=10, ge=1, le=1_000, description="sampled other users per seed")
    max_seeds: int = Field(default=2_000, ge=1, le=100_000, description="seeds per item, sampled by hash")
    regularisation: float = Field(default=1.0, gt=0, le=1e6, description="C of the logistic regression, its inverse")
    bags: int = Field(default=10, ge=2, le=200, description="models of the bagging")
    trees: int = Field(default=100, ge=1, le=10_000, description="trees of a boosted model")
    leaves: int = Field(default=15, ge=2, le=1_000, description="leaves per tree at most")
    listed_features: int = Field(default=50, ge=1, le=10_000, description="rows of feature_ranking per item")


class Als(Section):
    """Implicit ALS (Hu, Koren and Volinsky 2008) and the closed-form fold-in of new items and users."""

    factors: int = sized(64, ge=2, le=1_024, description="width of the vectors")
    iterations: int = Field(default=10, ge=1, le=200, description="alternations of users and items")
    alpha: float = Field(default=20.0, gt=0, le=10_000, description="confidence of an interaction is 1 + alpha")
    regularisation: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="λ: a vector's penalty is λ times its interactions, as in MLlib, in training and in the fold-in",
    )
    max_users: int = Field(default=5_000_000, ge=1_000, description="users that the factors are fitted on, by hash")
    solver: Literal["auto", "local", "mllib"] = Field(
        default="auto",
        description="where the factors are fitted: `local`, in the driver's Python process, or `mllib`, on the "
        "executors; auto: `local` up to five million interactions of half a million users",
    )


class Baselines(Section):
    """Settings of the systems other than RALM."""

    similarity: Similarity = Similarity()
    clustered_similarity: ClusteredSimilarity = ClusteredSimilarity()
    lsh_iv: LshIv = LshIv()
    regression: Regression = Regression()
    als: Als = Als()
