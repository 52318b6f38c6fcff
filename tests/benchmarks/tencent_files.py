"""Small files in the raw format of Tencent Look-alike 2018: groups of users, and ads that are for one group each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

GROUPS, USERS, ADS = 4, 400, 16
FIELDS = {"interest1": 6, "interest2": 4, "interest3": 2, "kw1": 5, "kw2": 3, "topic1": 5, "topic2": 3}


@dataclass(frozen=True)
class TencentFiles:
    """What was written.

    Attributes:
        activity: user -> how many values the fields with many have in all.
        stages: the rows of train.csv and of test1_truth.csv: (ad, user, label 1 or -1).
    """

    activity: dict[str, int]
    stages: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]


def write_tencent(folder: Path, seed: int = 0) -> TencentFiles:
    """Write userFeature.data, adFeature.csv, train.csv and test1_truth.csv."""
    rng = np.random.default_rng(seed)
    lines, activity = [], {}
    for user in range(1, USERS + 1):
        group = user % GROUPS
        parts = [f"uid {user}", f"age {1 + group if rng.random() < 0.6 else rng.integers(1, 6)}"]
        parts += [f"gender {rng.integers(1, 3)}", f"education {rng.integers(1, 8)}", f"LBS {rng.integers(1, 50)}"]
        parts += [f"consumptionAbility {rng.integers(3)}", f"carrier {rng.integers(4)}"]
        parts += ["house 1"] if rng.random() < 0.3 else []
        count = 0
        for field, size in FIELDS.items():
            own = 10 * group + rng.integers(0, 10, size)  # nine in ten are of the user's group
            things = sorted({int(t) if rng.random() < 0.9 else int(rng.integers(10 * GROUPS)) for t in own})
            count += len(things)
            parts.append(f"{field} {' '.join(map(str, things))}")
        lines.append("|".join(parts))
        activity[str(user)] = count
    (folder / "userFeature.data").write_text("\n".join(lines) + "\n")
    ads = [17 + 31 * number for number in range(ADS)]
    header = "aid,advertiserId,campaignId,creativeId,creativeSize,adCategoryId,productId,productType\n"
    about = [f"{ad},{n % 5},{100 + n},{500 + n},{20 + n % 3},{n % GROUPS},{n % 2},6\n" for n, ad in enumerate(ads)]
    (folder / "adFeature.csv").write_text(header + "".join(about))
    stages: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = ([], [])
    for number, ad in enumerate(ads):
        users = rng.permutation(np.arange(1, USERS + 1))
        for stage, some in zip(stages, (users[: 120 + 60 * (number // GROUPS % 2)], users[200:]), strict=True):
            for user in some:
                likes = rng.random() < (0.6 if user % GROUPS == number % GROUPS else 0.06)
                stage.append((ad, int(user), 1 if likes else -1))
    for name, head, rows in (("train.csv", "aid,uid,label\n", stages[0]), ("test1_truth.csv", "", stages[1])):
        (folder / name).write_text(head + "".join(f"{ad},{user},{label}\n" for ad, user, label in rows))
    return TencentFiles(activity, stages)
