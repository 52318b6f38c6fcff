# %% [markdown]
# # Thresholds, and what if
#
# How large should an audience be, and what changes if it is larger, or the list is smaller?

# %%
import os

import matplotlib.pyplot as plt
import pandas as pd

import ralm

w = ralm.open(os.environ.get("RALM_WAREHOUSE", "warehouse/demo"))
counts = w.table("item_seeds").where(f"as_of = '{w.as_of}' AND purpose = 'production'")
of_ralm = w.items().where("system = 'ralm'").join(counts.select("item_id", "seed_count"), "item_id")
items = of_ralm.orderBy("seed_count", ascending=False).toPandas()
item = items.item_id[0]  # the one with the most seeds

# %% [markdown]
# ## The threshold of an item
#
# An online service that shows items cannot sort everyone. It compares a user's score with the item's *threshold*: the
# lowest score in the best share of a probe of users. `realised` is the share of other users that it lets through.

# %%
columns = ["item_id", "cutoff", "top_fraction", "probe_size", "realised", "realised_low", "realised_high"]
thresholds = w.table("thresholds").where(f"as_of = '{w.as_of}'").select(columns).toPandas()
thresholds.head(10)

# %%
plt.hist(100 * thresholds.realised.dropna(), bins=20)
plt.axvline(100 * thresholds.top_fraction[0], color="grey", linestyle=":")
plt.xlabel("users let through, % (dotted: asked for)")
plt.ylabel("items")
plt.show()

# %% [markdown]
# ## What if the audience were smaller?
#
# The score that divides the first 1 % from the second is read off the curve.

# %%
curve = w.curve(item).toPandas()
shares = [0.01, 0.02, 0.05, 0.1, 0.2]
what_if = pd.DataFrame({"share": shares, "lowest score": [curve.score[curve.share >= share].max() for share in shares]})
what_if

# %% [markdown]
# ## What if the list were smaller?
#
# Extend all seeds of the item and then half of them, a quarter, an eighth: how much of the audience stays the same?

# %%
users = sorted(seed.user_id for seed in counts.where(f"item_id = '{item}'").first().seeds)
least = w.configuration["lookalike"]["min_seeds"]
size = w.audience(item).count() // 2
parts = [users[::step] for step in (1, 2, 4, 8) if len(users[::step]) >= least]
# Nobody on the whole list counts: each part could otherwise find the rest of it.
audiences = [set(w.extend(part, exclude=users, top=size).toPandas().user_id) for part in parts]
stays = pd.DataFrame({"seeds": map(len, parts), "same users": [len(audiences[0] & one) / size for one in audiences]})
stays

# %%
plt.plot(stays.seeds, 100 * stays["same users"], marker="o")
plt.xscale("log")
plt.xlabel("seeds")
plt.ylabel("of the audience of all seeds, %")
plt.show()

# %% [markdown]
# ## What if these users saw other items?
#
# Scores of given pairs, as a ranking model downstream would take them: the best users of one item with some others.

# %%
some = w.audience(item).limit(100).select("user_id").toPandas()
pairs = some.merge(pd.DataFrame({"item_id": items.item_id[:5]}), how="cross")
scores = w.score(pairs).toPandas()
scores.groupby("item_id").score.describe()[["mean", "min", "max"]]
