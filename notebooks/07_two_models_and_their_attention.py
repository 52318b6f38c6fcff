# %% [markdown]
# # The two models and their attention
#
# RALM has two models. The *user model* turns what is known of a person into a vector; attention decides how much each
# field counts. The *look-alike model* compares a person with the groups of an item's seeds; attention decides which
# group counts. This notebook looks into both. It reads model files, so the warehouse has to lie on this machine.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import ralm
from ralm.training.checkpoints import dated_weights, load_user_spec
from udfs.embed import field_attention

w = ralm.open(os.environ.get("RALM_WAREHOUSE", "warehouse/demo"))
models = Path(w.path) / "_models"
w.models

# %% [markdown]
# ## The user model: which fields count?
#
# Each person's weights sum to 1 over the fields that the person has. There is one model for each kind of behaviour
# that vectors are made of; this is the newest one of the first kind.

# %%
kind = w.configuration["user_model"]["representations"][0]
folder = max((models / "user").glob(f"attention-{kind}-*"), key=lambda one: one.stat().st_mtime)
fields = load_user_spec(str(folder)).fields
people = w.table("user_fields").where(f"as_of = '{w.as_of}'").orderBy("user_id").limit(500)
kind_of_id = dict(people.dtypes)["user_id"]
weights = people.select("user_id", *fields.columns).mapInArrow(*field_attention(str(folder), fields, kind_of_id))
attention = pd.DataFrame(np.stack(weights.toPandas().weights), columns=fields.names)
attention.mean().sort_values(ascending=False)

# %%
plt.boxplot(attention.to_numpy(), tick_labels=fields.names, showfliers=False)
plt.ylabel("attention on the field")
plt.xticks(rotation=45, ha="right")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## The look-alike model: groups of seeds
#
# An item is nothing but its seeds, in at most `clusters` groups; here the item with the most. A row is a group: its
# size, and where it lies.

# %%
version = w.models["lookalike"]
arrays = dated_weights(str(models / "lookalike" / version), w.as_of)
rows = w.table("seed_clusters").where(f"as_of = '{w.as_of}' AND purpose = 'production' AND model_version = '{version}'")
row = rows.selectExpr("*", "aggregate(sizes, 0, (a, b) -> a + b) AS seeds").orderBy("seeds", ascending=False).first()
sizes = np.array(row.sizes)
centroids = np.array(row.centroids, np.float32).reshape(len(sizes), -1)[sizes > 0]
sizes = sizes[sizes > 0]
print(f"{row.item_id}: {sizes.sum()} seeds in {len(sizes)} groups of {', '.join(map(str, sorted(sizes)[::-1]))}")

# %% [markdown]
# ## Local attention: which group is a person compared with?
#
# Both sides go through the same tower, a layer that gives vectors of length 1. A group's weight for a person is a
# softmax over `E W e + ln(size)`: E the group, e the person, W what the model learnt.


# %%
def tower(raw: np.ndarray) -> np.ndarray:
    """Raw vectors (n, d) as the look-alike model sees them (n, h)."""
    hidden = raw @ arrays["tower_weight"].T + arrays["tower_bias"]
    hidden = np.where(hidden >= 0, hidden, arrays["prelu"] * hidden)
    return hidden / np.linalg.norm(hidden, axis=1, keepdims=True)


of_model = w.table("user_embeddings").where(f"as_of = '{w.as_of}' AND model_version = '{w.models['user_model']}'")
some = of_model.orderBy("user_id").limit(200).toPandas()
users = tower(np.stack(some.embedding).astype(np.float32))
logits = users @ (tower(centroids) @ arrays["attention_w"]).T + np.log(sizes)
local = np.exp(logits - logits.max(axis=1, keepdims=True))
local /= local.sum(axis=1, keepdims=True)
# Rows of people who are nearest to the same group lie together.
order = np.lexsort((-local.max(axis=1), local.argmax(axis=1)))
plt.imshow(local[order], aspect="auto", cmap="viridis")
plt.colorbar(label="attention")
plt.xlabel("group of seeds")
plt.ylabel("person")
plt.show()

# %% [markdown]
# ## What the score is made of
#
# `closed` is the weight of the closed form, a formula that knows how people scatter around what they like; `alpha` and
# `beta` are the weights of global and local attention. Each part stays only where it was better on items that were
# kept aside: with `alpha` and `beta` 0, attention added nothing on this data set.

# %%
parts = {name: float(arrays[name]) for name in ("closed", "alpha", "beta")}
parts
