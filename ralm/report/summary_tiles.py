"""The few figures of the report's first screen, counted in people and audiences."""

from __future__ import annotations

from ralm.report.data import ReportData
from ralm.report.headline import oracle_share
from ralm.report.standing import evaluated, standing
from ralm.report.summary import lift_of_production, per_hundred, production_row

# figure, what it is, detail
Tile = tuple[str, str, str]


def summary_tiles(data: ReportData) -> list[Tile]:
    """How many audiences there are, and how good they are in words of people."""
    tiles = []
    if data.found is not None:
        users = f"of {data.tables['users']:,} users" if "users" in data.tables else ""
        tiles.append((f"{data.found.audiences:,}", "audiences", users))
    own, lift = production_row(data), lift_of_production(data)
    if own is not None and own.metric in ("item_auc", "all_users_auc"):
        tiles.append((f"{per_hundred(own.value)} of 100", "times the right one of two users first", "by chance 50"))
    if lift is not None:
        times, share = lift
        tiles.append(
            (f"{times:.1f}×", "as many later clickers as by chance", f"in the best {100 * share:g} % of users")
        )
    rates = data.shown_rates
    if rates is not None and rates.best and rates.people:
        best, every = rates.best_clicks / rates.best, rates.clicks / rates.people
        tiles.append(
            (
                f"{per_hundred(best)} of 100",
                "click, of the best tenth of those shown",
                f"of all shown {per_hundred(every)}",
            )
        )
    found = standing(data)
    judged = found if found is not None and found.oracle else evaluated(data)
    if data.production == "ralm" and judged is not None and judged.oracle is not None:
        reached = oracle_share(judged.own, judged.oracle)
        if reached is not None:
            tiles.append(
                (
                    f"{100 * reached:.0f} %",
                    "of the way from chance to perfect knowledge",
                    "the built-in world's truth is known",
                )
            )
    return tiles
