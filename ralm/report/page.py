"""The evaluation report: one self-contained HTML file, with its plots inside and nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from ralm.evaluation.metric_names import METRICS, TITLES
from ralm.evaluation.online_test import METRICS as ONLINE_METRICS
from ralm.report.comparison_section import comparison_headline, comparison_section
from ralm.report.data import MetricRow, RealisedShares, ReportData
from ralm.report.headline import PROTOCOLS, headline, main_protocol, online_headline, oracle_share
from ralm.report.plots import audiences, systems, training
from ralm.report.plots.marks import Bar, Bins, Curve
from ralm.report.system_names import name
from ralm.report.system_tables import comparison_table, known, number


def render_report(data: ReportData) -> str:
    """The report as HTML.

    Args:
        data: what it shows; sections without data are left out.
    """
    environment = Environment(
        loader=DictLoader({"report.html": _resource("report.html")}),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(number=number, duration=_duration, system=name)
    return environment.get_template("report.html").render(
        data=data,
        css=Markup(_resource("report.css")),
        headline=_headline(data),
        tiles=_tiles(data),
        accuracy=_accuracy_plots(data),
        comparisons=[
            comparison_table(_title(protocol), [row for row in data.metrics if row.protocol == protocol])
            for protocol in _protocols(data)
        ],
        compared=comparison_section(data.compared),
        protocols=PROTOCOLS,
        metrics=TITLES,
        terms=METRICS.values(),
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
    return (comparison_headline(data.compared) if not data.metrics else "") or headline(data)


def _resource(file: str) -> str:
    return files("ralm.report").joinpath(file).read_text(encoding="utf-8")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _rows(data: ReportData, metric: str, segment: str, protocol: str) -> list[MetricRow]:
    """Rows of one group, best system first, the oracle above all."""
    found = [
        row
        for row in data.metrics
        if (row.metric, row.segment, row.protocol) == (metric, segment, protocol) and known(row.value)
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
    protocol = main_protocol(data)
    if protocol is None:
        return []
    rows = _rows(data, "item_auc", "all", protocol)
    own = next(row for row in rows if row.system == "ralm")
    span = f"95 % interval {own.low:.3f} – {own.high:.3f}" if own.low is not None and known(own.low) else "chance: 0.5"
    tiles = [(f"{own.value:.3f}", "item AUC of RALM", span)]
    others = [row for row in rows if row.system not in ("ralm", "oracle")]
    if others:
        best = others[0]
        detail = f"{name(best.system)}, {best.value:.3f}"
        tiles.append((f"{own.value - best.value:+.3f}".replace("-", "−"), "to the best other system", detail))
    oracle = next((row for row in rows if row.system == "oracle"), None)
    share = oracle_share(own, oracle) if oracle else None
    if oracle is not None and share is not None:
        tiles.append((f"{100 * share:.0f} %", "of the way from chance to the oracle", f"oracle: {oracle.value:.3f}"))
    if own.items:
        tiles.append((f"{own.items:,}", PROTOCOLS.get(protocol, protocol.replace("_", " ")), "each ranked by itself"))
    return tiles


def _accuracy_plots(data: ReportData) -> list[Markup]:
    panels = {_title(protocol): _bars(_rows(data, "item_auc", "all", protocol)) for protocol in _protocols(data)}
    return _metric_bars(panels)


def _metric_bars(panels: dict[str, list[Bar]]) -> list[Markup]:
    filled = {title: bars for title, bars in panels.items() if bars}
    return [Markup(figure) for figure in systems.metric_bars(filled, "item AUC", 0.5)]


def _head_tail_plot(data: ReportData) -> Markup | None:
    for protocol in _protocols(data):
        head, tail = (_rows(data, "item_auc", segment, protocol) for segment in ("head", "tail"))
        if head and tail:
            return Markup(systems.head_tail_bars(_bars(head), _bars(tail), "item AUC", 0.5))
    return None


def _weak_strong_plots(data: ReportData) -> list[Markup]:
    for protocol in _protocols(data):
        figures = _metric_bars(
            {
                f"Users {word} {data.strong_domain} history": _bars(_rows(data, "item_auc", segment, protocol))
                for segment, word in (("weak", "without"), ("strong", "with"))
            }
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


def _histograms(data: ReportData) -> Markup | None:
    fields: dict[str, list[Bins]] = {}
    for item in data.histograms:
        fields.setdefault(item.field, []).append(Bins(item.merge, item.edges, item.counts))
    return Markup(training.parameter_histograms(fields)) if fields else None


def _lorenz(data: ReportData) -> Markup | None:
    if not data.exposure:
        return None
    curves = {item.source: (item.items, item.exposure) for item in data.exposure}
    return Markup(audiences.lorenz_curves(curves, {item.source: item.gini for item in data.exposure}))
