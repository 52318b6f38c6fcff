# %% [markdown]
# # Compare systems on your data
#
# There are many ways to find similar users. Which one is best depends on the data, so the pipeline judges its own by
# hiding what people did later and asking who predicted it.

# %%
import os

import matplotlib.pyplot as plt

import ralm

w = ralm.open(os.environ.get("RALM_WAREHOUSE", "warehouse/demo"))
metrics = w.metrics().toPandas()

# %% [markdown]
# ## What was judged?
#
# A *protocol* is a question. `new_items`: items that nothing was trained on. `later_clicks`: known items, clicks after
# the training window. The night judges a handful of systems; `./spark-submit.sh compare --config conf/demo.yaml` adds
# all others to the same table.

# %%
systems = metrics[~metrics.system.str.contains(" - ") & (metrics.protocol != "user_model")]
systems.groupby(["protocol", "metric"]).system.nunique().unstack(0).fillna(0).astype(int)

# %% [markdown]
# ## The first figure
#
# `item_auc` on new items: take one user who clicked an item and one who was shown it and did not; how often does the
# system put the clicker first? One half is guessing.

# %%
of_new = metrics[(metrics.metric == "item_auc") & (metrics.protocol == "new_items") & (metrics.split == "test")]
plain = of_new[of_new.system.isin(systems.system)].sort_values("value")
plain[["system", "value", "low", "high", "items"]]

# %%
plt.barh(
    plain.system,
    plain.value,
    xerr=[plain.value - plain.low.fillna(plain.value), plain.high.fillna(plain.value) - plain.value],
)
plt.axvline(0.5, color="grey", linestyle=":")
plt.xlabel("item AUC on new items, with 95 % intervals")
plt.show()

# %% [markdown]
# ## Is the difference real?
#
# Intervals of two systems may overlap although one is better on almost every item. The fair question is the difference
# on the same items: if its interval lies above 0, RALM is ahead.

# %%
paired = of_new[of_new.system.str.startswith("ralm - ")][["system", "value", "low", "high", "items"]]
paired.sort_values("value")

# %% [markdown]
# ## What does it mean in people?
#
# Recall at 5 %: of 100 people who later click, how many are in the best 5 % of everyone?

# %%
recall = systems[systems.metric.str.startswith("recall") & (systems.split == "test")]
recall = recall.pivot_table("value", "system", ["protocol", "metric"])
(100 * recall).round(1)
