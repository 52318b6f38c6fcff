"""A made-up report with every section; to look at it: `python -m tests.evaluation.example_report`."""

import datetime as dt
import sys
from pathlib import Path

import numpy as np

from ralm.evaluation.diversity import gini, lorenz, tail_share
from ralm.report.data import (
    AudienceExample,
    Compared,
    Difference,
    Exposure,
    FieldAttention,
    FieldHistogram,
    KeptParts,
    MetricRow,
    RealisedShares,
    ReportData,
    SplitPart,
    StepTime,
    TrainingHistory,
    UserModelRow,
)
from ralm.report.page import render_report

LEVELS = {
    "oracle": 0.831,
    "ralm": 0.781,
    "ralm_average": 0.742,
    "ralm_concat": 0.723,
    "user_activity": 0.611,
    "popularity": 0.5,
}


# item AUC with half of an item's users as seeds, and the loss with each step to fewer seeds
COMPARED = {
    "ralm": (0.802, 0.004),
    "ralm_average": (0.779, 0.003),
    "ralm_concat": (0.796, 0.007),
    "als_fold_in": (0.811, 0.021),
    "lsh_iv": (0.741, 0.03),
    "information_value": (0.773, 0.034),
    "regression": (0.786, 0.031),
    "regression_logistic": (0.786, 0.031),
    "regression_boosted_trees": (0.751, 0.026),
    "similarity": (0.744, 0.012),
    "similarity_cosine_mean": (0.782, 0.006),
    "similarity_cosine_max": (0.768, 0.017),
    "clustered_similarity": (0.757, 0.019),
    "clustered_similarity_hyperplanes": (0.744, 0.02),
    "user_activity": (0.548, 0.0),
    "popularity": (0.5, 0.0),
}


def compared() -> Compared:
    """Made-up figures of all systems on new items."""
    rows, differences = [], []
    for step, (name, items) in enumerate({"half": 412, "500": 96, "100": 305, "20": 412}.items()):
        protocol, level = f"new_items@{name}", {k: high - step * lost for k, (high, lost) in COMPARED.items()}
        for system, value in level.items():
            rows.append(MetricRow(system, protocol, "item_auc", value, value - 0.009, value + 0.009, items))
            for metric, share in {"prec@10": 0.8, "prec@50": 0.6, "recall@1%": 0.2, "recall@5%": 0.7}.items():
                other = share * (value - 0.48)
                rows.append(MetricRow(system, protocol, metric, other, other - 0.02, other + 0.02, items))
            if system != "ralm":
                mean = level["ralm"] - value
                differences.append(Difference(system, protocol, "item_auc", mean, mean - 0.01, mean + 0.01, items))
    return Compared(rows, differences, "test", {"new_items": dt.date(2024, 1, 17)})


def example(**levels: float) -> ReportData:
    """Synthetic numbers; `levels` overrides the item AUC of systems on new items."""
    rng = np.random.default_rng(0)
    auc = LEVELS | levels
    rows = []
    for protocol, items, shift in (("new_items", 212, 0.0), ("later_clicks", 400, 0.018)):
        for system, level in auc.items():
            for metric, value in {
                "item_auc": level + shift * (system != "popularity"),
                "auc": level - 0.02 + shift,
                "prec@10": 0.6 * (level - 0.46),
                "prec@50": 0.5 * (level - 0.46),
                "recall@1%": 0.3 * (level - 0.46),
                "recall@5%": 0.8 * (level - 0.46),
            }.items():
                rows.append(MetricRow(system, protocol, metric, value, value - 0.008, value + 0.008, items))
            for segment, change in {"weak": -0.04, "strong": 0.02, "head": 0.015, "tail": -0.01}.items():
                value = level + (shift + change) * (system != "popularity")
                rows.append(
                    MetricRow(system, protocol, "item_auc", value, value - 0.012, value + 0.012, items, segment)
                )
    differences = [
        Difference(system, "new_items", "item_auc", mean, mean - 0.011, mean + 0.011, 212)
        for system, level in auc.items()
        if system not in ("ralm", "oracle")
        for mean in [auc["ralm"] - level]
    ]
    epochs = np.arange(1, 7)
    histories = [
        TrainingHistory(
            merge, "User model", "epoch", epochs, 2.4 * np.exp(-epochs / 5) + base, 0.8 - base - 0.3 / epochs
        )
        for merge, base in (("attention", 0.02), ("concat", 0.07))
    ] + [
        TrainingHistory(
            system,
            "Look-alike model",
            "round",
            epochs[:4],
            0.69 - 0.03 * np.log1p(epochs[:4]) + b,
            0.76 - 2 * b - 0.1 / epochs[:4],
        )
        for system, b in (("ralm", 0.0), ("ralm_average", 0.01), ("ralm_concat", 0.015))
    ]
    edges = np.linspace(-0.6, 0.6, 61)
    centres = (edges[1:] + edges[:-1]) / 2
    histograms = [
        FieldHistogram(field, merge, edges, np.round(40_000 * np.exp(-((centres / width) ** 2) / 2)))
        for field in ("shopping", "search")
        for merge, width in (("attention", 0.14), ("concat", 0.035))
    ]
    logged, recommended = rng.zipf(1.5, 1_500) % 100_000, rng.poisson(40, 1_500) + rng.zipf(2.2, 1_500) % 5_000
    realised = list(rng.binomial(4_000, rng.beta(50, 951, 40)) / 4_000)
    scores = [rng.normal(0.2 + 0.04 * n, 0.18, 20_000).clip(-1, 1) for n in range(4)]
    bins = [np.histogram(one, 50) for one in scores]
    return ReportData(
        title="Look-alike audiences: the built-in world",
        configuration="demo",
        created=dt.datetime(2024, 2, 3, 4, 5),
        tables={"users": 20_000, "items": 1_500, "events": 1_203_114, "impressions": 1_998_722, "quarantine": 0},
        dates={
            "A0 user model": dt.date(2024, 1, 9),
            "A1 look-alike": dt.date(2024, 1, 13),
            "A2 evaluation": dt.date(2024, 1, 17),
            "A3 end": dt.date(2024, 1, 21),
        },
        split=[
            SplitPart("user model", dt.date(2024, 1, 9), dt.date(2024, 1, 13), 301_200, 9_100, 910),
            SplitPart("look-alike model", dt.date(2024, 1, 13), dt.date(2024, 1, 17), 402_113, 8_000, 640, 900, 225),
            SplitPart("evaluation", dt.date(2024, 1, 17), dt.date(2024, 1, 21), 398_020, 0, 0, 1_000, 130),
        ],
        strong_domain="reading",
        metrics=rows,
        differences=differences,
        compared=compared(),
        user_model=[
            UserModelRow("attention", "all users", 8_912, 10, 0.062, 0.213, 0.842),
            UserModelRow("attention", "weak users", 2_671, 10, 0.051, 0.188, 0.811),
            UserModelRow("concat", "all users", 8_912, 10, 0.055, 0.19, 0.829),
            UserModelRow("concat", "weak users", 2_671, 10, 0.033, 0.121, 0.744),
        ],
        histories=histories,
        kept=[
            KeptParts("ralm", "closed form + global and local attention", 0.612, 0.634),
            KeptParts("ralm_average", "closed form", None, None),
        ],
        attention=[
            FieldAttention(
                "",
                "reading",
                ["reading", "shopping", "search", "age", "city", "numeric"],
                [0.44, 0.17, 0.15, 0.08, 0.09, 0.07],
                [0.08, 0.31, 0.29, 0.12, 0.11, 0.09],
            )
        ],
        histograms=histograms,
        exposure=[
            Exposure(source, *lorenz(counts), gini(counts), tail_share(counts), variety)
            for source, counts, variety in (("logged", logged, 4.1), ("recommended", recommended, 5.3))
        ],
        audiences=[
            AudienceExample(
                f"item_{n:05d}",
                ["travel", "food & drink"][: n % 2 + 1],
                120 + 37 * n,
                1_000,
                float(np.quantile(scores[n], 0.95)),
                [(f"user_{rng.integers(20_000):06d}", 0.9 - 0.01 * place) for place in range(5)],
                bins[n][1],
                bins[n][0],
            )
            for n in range(4)
        ],
        realised=RealisedShares(
            0.05, 1_000, realised, [x - 0.004 for x in realised], [x + 0.004 for x in realised], (0.036, 0.065)
        ),
        steps=[
            StepTime("simulate", 41.2, {"events": 1_203_114, "impressions": 1_998_722}),
            StepTime("build_histories", 12.9, {"histories": 58_211}),
            StepTime("train_user_model", 96.0),
            StepTime("score_users", 7.4, {"audiences": 100_000, "recommendations": 20_000}, "already done"),
        ],
        notes=["The data are simulated: the true click probabilities are known, so the oracle's AUC is exact."],
    )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "report.html")
    target.write_text(render_report(example()), encoding="utf-8")
    print(target)
