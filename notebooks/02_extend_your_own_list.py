# %% [markdown]
# # Extend your own list, and judge what you get
#
# You have a list of people: customers, subscribers, people who answered a survey. This notebook finds the users who
# are most like them, and measures whether the list is any good for that *before* anyone is shown anything.

# %%
import os
import random

import matplotlib.pyplot as plt
import pandas as pd
from pyspark.sql import functions as F

import ralm

w = ralm.open(os.environ.get("RALM_WAREHOUSE", "warehouse/demo"))

# %% [markdown]
# ## Your list
#
# Any list of user ids will do: `pandas.read_csv("customers.csv").user_id`, a Spark table, a Python list. So that this
# notebook runs anywhere, the people who clicked one item stand in for it. They are described with that click, so they
# look more alike than the people of a list would; `audience_report` warns of this, and tests items another way.

# %%
counts = w.table("item_seeds").where(f"as_of = '{w.as_of}' AND purpose = 'production'")
row = counts.orderBy("seed_count", ascending=False).first()
mine = pd.Series(sorted(seed.user_id for seed in row.seeds))
len(mine)

# %% [markdown]
# ## The audience
#
# `extend` describes the list by groups of similar people, scores everyone else against them and gives the best. Those
# on the list are left out, and so is everyone in `exclude`. What is odd about the list – ids that nobody knows,
# repeated or empty ones – is said in one line.

# %%
with_strangers = [*mine, mine[0], "a stranger"]
audience = w.extend(with_strangers, share=0.05).toPandas()
audience.head()

# %% [markdown]
# ## Is the list good for it?
#
# Hide a fifth of the list and extend the rest. If the hidden people come out near the top, the audience really is like
# the list. Chance would put 5 % of them into the best 5 %.

# %%
drawn = random.Random(1)
hidden = set(drawn.sample(list(mine), len(mine) // 5))
kept = [user for user in mine if user not in hidden]
sizes = [0.01, 0.02, 0.05, 0.1, 0.2]


def found(seeds: list, sought: set) -> list[float]:
    """Which share of the sought people is in the audience, for each size."""
    ranked = w.extend(seeds, share=max(sizes)).toPandas()
    # The percentile of rank r is 1 - (r - 1) / n: the best share s has 1 - percentile below s.
    return [len(sought & set(ranked.user_id[1 - ranked.percentile < size - 1e-12])) / len(sought) for size in sizes]


of_list = found(kept, hidden)
pd.DataFrame(
    {
        "share of users": sizes,
        "hidden found": of_list,
        "times chance": [f / s for f, s in zip(of_list, sizes, strict=True)],
    }
)

# %% [markdown]
# ## What would a bad list look like?
#
# The same with random people: they have nothing in common, and nothing is found beyond chance.

# %%
everyone = w.table("target_embeddings").where(f"as_of = '{w.as_of}'").select("user_id").distinct()
strangers = [row.user_id for row in everyone.orderBy(F.xxhash64("user_id")).limit(len(mine)).collect()]
of_strangers = found(strangers[len(hidden) :], set(strangers[: len(hidden)]))

plt.plot([100 * s for s in sizes], [100 * f for f in of_list], marker="o", label="your list")
plt.plot([100 * s for s in sizes], [100 * f for f in of_strangers], marker="o", label="random people")
plt.plot([0, 100 * max(sizes)], [0, 100 * max(sizes)], color="grey", linestyle=":", label="chance")
plt.xlabel("size of the audience, % of users")
plt.ylabel("hidden people found, %")
plt.legend()
plt.show()

# %% [markdown]
# ## Keep it
#
# Nothing was written so far. `extend_audience --seeds customers.csv` makes the same audience as a table, with a check
# of how stable it is, and `audience_report --list customers.csv` a page with a verdict on the list.
