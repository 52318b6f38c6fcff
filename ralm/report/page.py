"""The evaluation report: one self-contained HTML file, with its plots inside and nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ralm.durations import in_words
from ralm.evaluation.metric_names import METRICS, Metric, comparable, metric_of
from ralm.evaluation.online_test import METRICS as ONLINE_METRICS
from ralm.insight.small_counts import said
from ralm.report.comparison_section import comparison_section, main_metric
from ralm.report.data import MetricRow, RealisedShares, ReportData
from ralm.report.headline import headline, meaning, online_headline, oracle_share
from ralm.report.pairs import pairs
from ralm.report.plots import audiences, systems, training
from ralm.report.plots.marks import Bar, Bins, Curve
from ralm.report.standing import PROTOCOLS, Standing, evaluated, standing
from ralm.report.summary import customers, looked_at, problems, trust
from ralm.report.summary_tiles import summary_tiles
from ralm.report.system_names import CONSTANT, name
from ralm.report.system_tables import comparison_table, known, number
from ralm.report.templates import resource, template

SEGMENTS = {"weak": "users without history", "strong": "users with history", "tail": "long tail", "head": "head"}


def render_report(data: ReportData) -> str:
    """The report as HTML.

    Args:
        data: what it shows; sections without data are left out.
    """
    return template(
        "report.html",
        number=number,
        people=lambda count: said(count, data.minimum),
        duration=in_words,
        system=name,
        metric=lambda name: metric_of(name).title,
    ).render(
        data=data,
        css=Markup(resource("report.css")),
        headline=_headline(data),
        trust=trust(data),
        customers=customers(data),
        summary_tiles=summary_tiles(data),
        problems=problems(data),
        looked_at=looked_at(data),
        contents=_contents(data),
        pairs=pairs(data.differences),
        constant=CONSTANT,
        segments=SEGMENTS,
        meaning=meaning(data) if standing(data) else "",
        tiles=_tiles(data),
        accuracy=_accuracy_plots(data),
        comparisons=[
            comparison_table(
                _title(protocol), [row for row in data.metrics if row.protocol == protocol], first=data.first_figures
            )
            for protocol in _protocols(data)
        ],
        compared=comparison_section(data.compared, data.first_figures),
        protocols=PROTOCOLS,
        terms=_terms(data),
        head_tail=_head_tail_plot(data),
        weak_strong=_weak_strong_plots(data),
        curves=_curves(data),
        attention=[
            (item.title, Markup(training.field_attention(item.fields, item.strong, item.weak, item.domain)))
            for item in data.attention
        ],
        histograms=_histograms(data),
        lorenz=_lorenz(data),
        online_metrics=ONLINE_METRICS,
        realised=_realised(data.realised),
        freshness=Markup(audiences.freshness_histogram(data.freshness.seconds)) if data.freshness else "",
        audiences=[
            (
                item,
                Markup(audiences.score_distribution(item.edges, item.counts, item.threshold))
                if len(item.counts)
                else "",
            )
            for item in data.audiences
        ],
    )


def _realised(found: RealisedShares | None) -> Markup:
    if not found:
        return Markup("")
    return Markup(audiences.realised_shares(found.shares, found.low, found.high, found.asked, found.promised))


def _headline(data: ReportData) -> str:
    if data.online and not data.metrics and data.compared is None:
        return online_headline(data.online)
    return headline(data) if standing(data) else ""


def _contents(data: ReportData) -> list[tuple[str, str]]:
    """(anchor, words) of the sections that are there, in their order."""
    groups = {row.segment for row in data.metrics} - {"all"}
    every: list[tuple[str, str, object]] = [
        ("summary", "Summary", True),
        ("health", "Is this run healthy?", data.health),
        ("audiences", "Example audiences", data.audiences),
        ("exposure", "Exposure", data.exposure),
        ("thresholds", "Thresholds", data.realised),
        ("freshness", "Freshness", data.freshness),
        ("online", "Online test", data.online),
        ("standing", "Figures", _headline(data)),
        ("accuracy", "Accuracy", _protocols(data)),
        ("systems", "All systems", data.compared is not None and data.compared.rows),
        ("groups", "Groups of users and items", groups),
        ("training", "Training", data.histories or data.kept),
        ("run", "Data and run", data.tables or data.dates or data.steps),
        ("reading", "Terms", True),
    ]
    return [(anchor, words) for anchor, words, there in every if there]


def _terms(data: ReportData) -> list[Metric]:
    """The metrics that the page explains: all registered ones, and the recall in other shares where it is shown."""
    compared = data.compared.rows if data.compared is not None else ()
    shown = {row.metric for row in (*data.metrics, *compared)}
    return [metric_of(name) for name in comparable({*METRICS, *shown}, data.first_figures)]


def _rows(data: ReportData, metric: str, segment: str, protocol: str) -> list[MetricRow]:
    """Rows of one group, best system first, the oracle above all."""
    found = [
        row
        for row in data.metrics
        if (row.metric, row.segment, row.protocol) == (metric, segment, protocol)
        and known(row.value)
        and row.system not in CONSTANT
    ]
    return sorted(found, key=lambda row: (row.system != "oracle", -row.value, row.system))


def _bars(rows: Sequence[MetricRow]) -> list[Bar]:
    return [Bar(row.system, row.value, row.low, row.high) for row in rows]


def _protocols(data: ReportData) -> list[str]:
    """Protocols that have a comparable metric, the known ones first."""
    found = list(dict.fromkeys(row.protocol for row in data.metrics if row.metric in METRICS and row.segment == "all"))
    return sorted(found, key=lambda p: (p not in PROTOCOLS, list(PROTOCOLS).index(p) if p in PROTOCOLS else 0))


def _title(protocol: str) -> str:
    title = PROTOCOLS.get(protocol, protocol.replace("_", " "))
    return title[:1].upper() + title[1:]


def _tiles(data: ReportData) -> list[tuple[str, str, str]]:
    """(figure, what it is, detail) for the few most important numbers."""
    found = standing(data)
    if found is None:
        return []
    tiles = []
    for row in (found.own, *found.beside):
        metric = metric_of(row.metric)
        chance = f"chance: {metric.chance:g}" if metric.chance is not None else ""
        span = f"95 % interval {row.low:.3f} – {row.high:.3f}" if row.low is not None and known(row.low) else chance
        tiles.append((f"{row.value:.3f}", f"{metric.title} of RALM", span))
    tiles += _best_other(found)
    judged = found if found.oracle else evaluated(data)
    share = oracle_share(judged.own, judged.oracle) if judged and judged.oracle else None
    if judged and judged.oracle and share is not None:
        detail = f"oracle: {judged.oracle.value:.3f}"
        tiles.append((f"{100 * share:.0f} %", "of the way from chance to the oracle", detail))
    if found.own.items:
        tiles.append((f"{found.own.items:,}", _items(found), "each ranked by itself"))
    return tiles


def _best_other(found: Standing) -> list[tuple[str, str, str]]:
    """RALM against the best other system: a number only where the difference is clear."""
    if not found.rivals:
        return []
    best = found.rivals[0]
    if best.outcome == "untested" or best.difference is None:
        return [("–", "to the best other system: not tested item by item", f"{name(best.system)}, {best.value:.3f}")]
    detail = f"{name(best.system)}, {best.value:.3f}; {best.interval}"
    if best.outcome == "unclear":
        return [("no clear", "difference to the best other system", detail)]
    return [(f"{best.difference.mean:+.3f}".replace("-", "−"), "to the best other system", detail)]


def _items(found: Standing) -> str:
    return PROTOCOLS.get(found.own.protocol, f"items, {found.where[:1].lower()}{found.where[1:]}")


def _main(data: ReportData, protocol: str) -> str:
    """The metric of a protocol's plots."""
    return main_metric([row for row in data.metrics if row.protocol == protocol], data.first_figures) or "item_auc"


def _accuracy_plots(data: ReportData) -> list[Markup]:
    return _metric_bars({_title(p): (p, "all") for p in _protocols(data)}, data)


def _metric_bars(panels: dict[str, tuple[str, str]], data: ReportData) -> list[Markup]:
    """One figure per metric of the panels, which are title -> protocol and segment."""
    figures: list[str] = []
    for metric in dict.fromkeys(_main(data, protocol) for protocol, _ in panels.values()):
        bars = {
            title: _bars(_rows(data, metric, segment, protocol))
            for title, (protocol, segment) in panels.items()
            if _main(data, protocol) == metric
        }
        filled = {title: found for title, found in bars.items() if found}
        shown = metric_of(metric)
        figures += systems.metric_bars(filled, shown.title, shown.chance or 0.0) if filled else []
    return [Markup(figure) for figure in figures]


def _head_tail_plot(data: ReportData) -> Markup | None:
    for protocol in _protocols(data):
        metric = metric_of(_main(data, protocol))
        head, tail = (_rows(data, metric.name, segment, protocol) for segment in ("head", "tail"))
        if head and tail:
            return Markup(systems.head_tail_bars(_bars(head), _bars(tail), metric.title, metric.chance or 0.0))
    return None


def _weak_strong_plots(data: ReportData) -> list[Markup]:
    for protocol in _protocols(data):
        figures = _metric_bars(
            {
                f"Users {word} {data.strong_domain} history": (protocol, segment)
                for segment, word in (("weak", "without"), ("strong", "with"))
            },
            data,
        )
        if figures:
            return figures
    return []


def _curves(data: ReportData) -> list[tuple[str, list[Markup]]]:
    kinds = []
    for kind in dict.fromkeys(history.kind for history in data.histories):
        histories = [history for history in data.histories if history.kind == kind]
        loss = [Curve(h.model, h.steps, h.loss) for h in histories if len(h.loss)]
        validation = [Curve(h.model, h.steps, h.validation_auc) for h in histories if len(h.validation_auc)]
        figures = training.training_curves(loss, validation, histories[0].unit)
        if figures:
            kinds.append((kind, [Markup(figure) for figure in figures]))
    return kinds


def _histograms(data: ReportData) -> list[Markup]:
    fields: dict[str, list[Bins]] = {}
    for item in data.histograms:
        fields.setdefault(item.field, []).append(Bins(item.merge, item.edges, item.counts))
    return [Markup(figure) for figure in training.parameter_histograms(fields)]


def _lorenz(data: ReportData) -> Markup | None:
    if not data.exposure:
        return None
    curves = {item.source: (item.items, item.exposure) for item in data.exposure}
    return Markup(audiences.lorenz_curves(curves, {item.source: item.gini for item in data.exposure}))
