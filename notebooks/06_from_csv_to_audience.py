# %% [markdown]
# # A new data set: from a CSV file to an audience
#
# All that is needed is a log of who was shown what, when, and whether they clicked. This notebook writes a small one,
# so that it runs anywhere; put your own file in its place.

# %%
import os
import random
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

import ralm

folder = Path(os.environ.get("RALM_FOLDER") or tempfile.mkdtemp())
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## The log
#
# 300 people in three groups; each group clicks its own kind of articles four times as often as others.

# %%
drawn = random.Random(7)
rows = []
for user in range(300):
    for article in drawn.sample(range(60), 30):
        at = pd.Timestamp("2024-03-01") + pd.Timedelta(minutes=drawn.randrange(14 * 24 * 60))
        clicked = drawn.random() < (0.6 if user % 3 == article % 3 else 0.15)
        rows.append({"user_id": f"u{user}", "item_id": f"article{article}", "shown_at": at, "clicked": int(clicked)})
log = pd.DataFrame(rows).sort_values("shown_at")
log.to_csv(folder / "clicks.csv", index=False)
log.head()

# %% [markdown]
# ## A first configuration
#
# `ingest --suggest` looks at the file and writes down what each column seems to be. Read it: it says what it guessed.

# %%
suggested = subprocess.run(
    ["./spark-submit.sh", "ingest", "--suggest", str(folder / "clicks.csv")], capture_output=True, text=True, check=True
)
(folder / "mine.yaml").write_text(suggested.stdout)
print(suggested.stdout)

# %% [markdown]
# ## The night
#
# One command reads the log, trains both models, and finds the audiences. So small a set takes some minutes;
# `publish.require=none` lets a release pass that has too little data to prove itself.

# %%
settings = {"warehouse": folder / "warehouse", "publish.require": "none", "lookalike.min_seeds": 5}
command = ["./spark-submit.sh", "pipeline", "--config", str(folder / "mine.yaml")]
command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
night = subprocess.run(command, capture_output=True, text=True)
print(night.stdout[-2000:], night.stderr[-2000:] if night.returncode else "")
night.check_returncode()

# %% [markdown]
# ## The audiences
#
# Is an article's audience its own group? That is known here, because the group is in the user's number.

# %%
w = ralm.open(str(folder / "warehouse"))
items = w.items().toPandas()
item = items.item_id[0]
audience = w.audience(item).toPandas()
group = int(item.removeprefix("article")) % 3
own = (audience.user_id.str.removeprefix("u").astype(int) % 3 == group).mean()
print(f"{own:.0%} of the audience of {item} are of its own group; by chance a third would be")

# %% [markdown]
# ## An audience for a list
#
# Thirty people of one group, extended.

# %%
mine = [f"u{number}" for number in range(0, 90, 3)]
alike = w.extend(mine, top=30).toPandas()
same = (alike.user_id.str.removeprefix("u").astype(int) % 3 == 0).mean()
print(f"{same:.0%} of the people found are of the list's group")
