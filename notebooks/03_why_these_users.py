# %% [markdown]
# # Why these users?
#
# Before money is spent on an audience, someone will ask who these people are. `audience_report` counts it; this
# notebook reads what it found.

# %%
import os
import subprocess

import matplotlib.pyplot as plt

import ralm
from ralm.errors import MissingInputError

warehouse = os.environ.get("RALM_WAREHOUSE", "warehouse/demo")
w = ralm.open(warehouse)

# %% [markdown]
# ## The report
#
# If this release has no report yet, the next cell makes one, which takes about a minute; for a warehouse of your own,
# name its configuration in the variable `RALM_CONFIG`.

# %%
try:
    reports = w.table("audience_reports").where(f"as_of = '{w.as_of}'").select("item_id", "audience").collect()
except MissingInputError:
    reports = []
if reports:
    item = max(reports, key=lambda one: one.audience).item_id
else:
    # Of the items that have an audience, the one with the most seeds.
    counts = w.table("item_seeds").where(f"as_of = '{w.as_of}' AND purpose = 'production'")
    item = w.items().join(counts, "item_id").orderBy("seed_count", ascending=False).first().item_id
    configuration = os.environ.get("RALM_CONFIG", "conf/demo.yaml")
    command = ["./spark-submit.sh", "audience_report", "--config", configuration, "--set", f"warehouse={warehouse}"]
    subprocess.run([*command, "--item", item], check=True)
report = w.report(item).first()
print(report.verdict, report.says, report.advice, sep="\n")

# %% [markdown]
# ## What the audience has more often than everyone
#
# `lift` 3 means three times as often as among all users. `low` is the careful reading: the lower end of its interval.
# `seeds` is the same share among the people on the list; it is 0 where fewer than ten of them have the feature.

# %%
who = w.why(item).toPandas()
audience = who[who.people == "audience"].head(10)
audience[["feature", "share", "everyone", "seeds", "lift", "low"]]

# %%
plt.barh(audience.feature[::-1], audience.lift[::-1])
plt.axvline(1, color="grey", linestyle=":")
plt.xlabel("times as often as among everyone")
plt.show()

# %% [markdown]
# ## The groups in the list
#
# A list may hold several kinds of people; each is described by what sets it apart.

# %%
groups = who[who.people.str.startswith("group")].groupby("people").head(3)
groups[["people", "feature", "share", "lift"]]

# %% [markdown]
# ## Why this one user?
#
# The nearest group of seeds, and what the user shares with it.

# %%
user = w.audience(item, top=1).first().user_id
shared = w.why(item, user).toPandas()
shared
