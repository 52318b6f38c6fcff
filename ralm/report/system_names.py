"""The compared systems' names for readers, and the colour that each has in every plot."""

from __future__ import annotations

# Okabe and Ito's palette: distinguishable with any kind of colour vision
NAMES = {
    "ralm": "RALM",
    "ralm_average": "RALM, average pooling",
    "ralm_concat": "RALM over concat merge",
    "plda": "Closed form",
    "popularity": "Popularity",
    "user_activity": "User activity",
    "als_fold_in": "ALS fold-in",
    "lsh_iv": "LSH + Information Value",
    "information_value": "Information Value",
    "similarity_jaccard_max": "Jaccard, max",
    "similarity_jaccard_mean": "Jaccard, mean",
    "similarity_jaccard_probability": "Jaccard, probability",
    "similarity_cosine_max": "Cosine, max",
    "similarity_cosine_mean": "Cosine, mean",
    "similarity_cosine_probability": "Cosine, probability",
    "clustered_similarity_kmeans": "Clustered similarity, k-means",
    "clustered_similarity_hyperplanes": "Clustered similarity, hyperplanes",
    "regression_logistic": "Logistic regression",
    "regression_boosted_trees": "Boosted trees",
    "youtube_dnn": "YouTube DNN",
    "oracle": "Oracle (true probability)",
}
COLOURS = {
    "ralm": "#0072B2",
    "ralm_average": "#56B4E9",
    "ralm_concat": "#E69F00",
    "plda": "#003F66",
    "popularity": "#8C8C8C",
    "user_activity": "#B5B5B5",
    "als_fold_in": "#D55E00",
    "lsh_iv": "#7A5195",
    "information_value": "#A05A2C",
    "similarity": "#CC79A7",
    "clustered_similarity": "#C9B400",
    "regression": "#009E73",
    "oracle": "#1D1D1F",
    "attention": "#0072B2",
    "concat": "#E69F00",
    "logged": "#8C8C8C",
    "recommended": "#0072B2",
}
# They give every user the same score for an item: among its users they are chance by construction, and no rival.
CONSTANT = frozenset({"popularity"})
# Methods with several systems, each with its settings in the name.
FAMILIES = ("ralm", "similarity", "clustered_similarity", "regression", "youtube_dnn")
_OTHERS = ("#009E73", "#CC79A7", "#D55E00", "#F0E442", "#7A5195", "#A05A2C")


def name(system: str) -> str:
    """The name shown to readers for a system, merge layer or model."""
    known = NAMES.get(system)
    return known or system.replace("_", " ").strip().capitalize()


def family(system: str) -> str:
    """The method of which the system is one setting: `similarity` for `similarity_cosine_max`; mostly itself."""
    return next((base for base in FAMILIES if system.startswith(f"{base}_")), system)


def colour(system: str) -> str:
    """The system's colour: fixed for known names, otherwise chosen by the name, the same in every plot."""
    return COLOURS.get(system) or COLOURS.get(family(system)) or _OTHERS[sum(system.encode()) % len(_OTHERS)]
