# %% [markdown]
# # A first look at a warehouse
#
# Every night the pipeline writes *audiences*: for each item, the users who are most like those who already clicked
# it. This notebook opens such a warehouse and looks around. Run `make demo` first, or set `RALM_WAREHOUSE` to the
# path of your own.

# %%
import os

import matplotlib.pyplot as plt
import pandas as pd

import ralm

w = ralm.open(os.environ.get("RALM_WAREHOUSE", "warehouse/demo"))
w

# %% [markdown]
# A *release* says which versions of the tables belong together: what you read stays the same while the next night
# runs. `as_of` is the date up to which it knows what people did.
#
# ## Which audiences are there?
#
# `best` and `cutoff` are the highest and lowest score in the audience. Scores of different items are only roughly
# comparable; what counts is the order within an item.

# %%
items = w.items().toPandas()
items.head(10)

# %% [markdown]
# ## One audience
#
# `percentile` says how a user stands among everyone who was scored: .99 means that 99 % are less alike.

# %%
item = items.item_id[0]
best = w.audience(item, top=10).toPandas()
best

# %% [markdown]
# ## How many people are how much alike?
#
# The curve shows which share of all users has at least a given score. Where it is flat on the left, a few people
# stand out; a larger audience adds people who are alike less and less.

# %%
curve = w.curve(item).toPandas()
plt.plot(100 * curve.share, curve.score)
plt.xlabel("share of all users, %")
plt.ylabel("lowest score among them")
plt.title(f"Reach and similarity of {item}")
plt.show()

# %% [markdown]
# ## The other way round: one user's items

# %%
user = best.user_id[0]
recommended = w.recommendations(user).toPandas()
recommended

# %% [markdown]
# ## Do audiences overlap?
#
# `share` is the part of the smaller audience that is in both.

# %%
overlap = w.overlap(list(items.item_id[:5])).toPandas()
overlap

# %% [markdown]
# ## What was it made with?
#
# A warehouse knows its settings. Those that nobody wrote down followed from the data.

# %%
settings = w.configuration
chosen = {name: settings["lookalike"][name] for name in ("clusters", "min_seeds", "seed_cap", "closed_form")}
scoring = dict(settings["scoring"])
pd.Series(chosen | scoring.pop("audience") | scoring)
