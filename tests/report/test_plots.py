"""The figures show the values that they were given."""

import re

import numpy as np
import pytest

from ralm.report.plots import audiences, marks, systems, training
from ralm.report.plots.marks import Bar, Bins, Curve
from ralm.report.system_names import COLOURS, colour, name


def texts(figure: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", figure)


def test_bars_carry_their_values_and_share_a_scale() -> None:
    figures = systems.metric_bars(
        {"A": [Bar("ralm", 0.71, 0.7, 0.72), Bar("my_system", 0.44)], "B": [Bar("ralm", 0.9)]}, "item AUC", 0.5
    )
    shown = [texts(figure) for figure in figures]
    assert {"0.710", "0.440", "RALM", "My system", "A"} <= set(shown[0])
    assert {"0.900", "B"} <= set(shown[1])
    ticks = [[text for text in one if re.fullmatch(r"0\.\d{1,2}", text)] for one in shown]
    assert ticks[0] == ticks[1] != []


def test_bars_without_intervals_and_of_one_value() -> None:
    (figure,) = systems.metric_bars({"A": [Bar("ralm", 0.5, float("nan"), None)]}, "item AUC", 0.5)
    assert "0.500" in texts(figure)


def test_curves_without_validation_leave_that_figure_out() -> None:
    loss = [Curve("attention", [1, 2], [0.7, 0.6])]
    assert len(training.training_curves(loss, [], "epoch")) == 1
    assert len(training.training_curves(loss, loss, "epoch")) == 2
    assert training.training_curves([], [], "epoch") == []


def test_histograms_of_parameters_state_their_spread() -> None:
    values = np.random.default_rng(0).normal(0, 0.25, 50_000)
    counts, edges = np.histogram(values, 200)
    figures = training.parameter_histograms({"search": [Bins("attention", edges.tolist(), counts.tolist())]})
    assert "attention (s.d. 0.25)" in texts(figures[0])
    assert len(figures) == 1


def test_hair_thin_bins_do_not_tower_over_the_others() -> None:
    values = np.random.default_rng(0).normal(0, 0.25, 50_000)
    edges = np.concatenate([np.linspace(-1.5, -1e-9, 100), np.linspace(1e-12, 1.5, 100)])
    counts, _ = np.histogram(np.append(values, np.zeros(500)), edges)
    even, density = marks.density(Bins("concat", edges.tolist(), counts.tolist()), 1.0)
    normal = np.exp(-((even[1:] + even[:-1]) ** 2) / 8 / 0.25**2) / np.sqrt(2 * np.pi) / 0.25
    assert np.abs(density - normal).max() < 0.5


def test_a_threshold_outside_the_scores_is_drawn_too() -> None:
    for threshold in (-3.0, 0.5, 3.0, None):
        figure = audiences.score_distribution([0, 0.5, 1], [3, 4], threshold)
        assert threshold is None or any("threshold" in text for text in texts(figure))
        assert figure.endswith("</svg>")


def test_labels_are_escaped() -> None:
    figure = training.field_attention(["a<b>&c", "d"], [0.6, 0.4], [0.1, 0.9], "x<y>")
    assert "<b>" not in figure
    assert "a&lt;b&gt;&amp;c" in figure
    assert 'aria-label="Mean field attention with and without the x&lt;y&gt; domain"' in figure


def test_lorenz_legend_has_the_gini() -> None:
    figure = audiences.lorenz_curves({"logged": ([0, 0.5, 1], [0, 0.1, 1])}, {"logged": 0.4})
    assert "Logged (Gini 0.40)" in texts(figure)


def test_a_system_keeps_its_colour() -> None:
    assert colour("ralm") == COLOURS["ralm"]
    assert colour("my_system") == colour("my_system")
    assert name("my_system") == "My system"
    assert (
        len({COLOURS[system] for system in ("ralm", "ralm_average", "ralm_concat", "popularity", "user_activity")}) == 5
    )


@pytest.mark.parametrize("segment", ["head", "tail"])
def test_head_and_tail_may_hold_different_systems(segment: str) -> None:
    bars = [Bar("ralm", 0.7), Bar("als", 0.6)]
    head, tail = (bars, bars[:1]) if segment == "head" else (bars[:1], bars)
    assert texts(systems.head_tail_bars(head, tail, "item AUC", 0.5)).count("0.700") == 2
