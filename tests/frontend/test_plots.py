"""Plots drawn on the server: every dot has its place, whatever there is to draw."""

from __future__ import annotations

import pytest

from frontend.queries.plots import Values, in_order, over_time


def test_a_single_call_stands_in_the_middle() -> None:
    plot = in_order([Values("Wait", "is-typical", [0.64], is_line=True)], ["Desk"])
    (series,) = plot.series
    assert [(dot.x, dot.words) for dot in series.dots] == [("50.00%", "Desk: 0.64 s")]
    assert series.line == ()
    assert plot.y_labels == ("0.8 s", "0.6 s", "0.4 s", "0.2 s", "0 s")


def test_a_missing_value_is_left_out_and_the_line_goes_on() -> None:
    plot = in_order([Values("Wait", "is-typical", [1.0, None, 2.0], is_line=True)], ["a", "b", "c"])
    (series,) = plot.series
    assert [dot.x for dot in series.dots] == ["16.67%", "83.33%"]
    assert len(series.line) == 1
    assert series.dots[1].y == "0.00%"


@pytest.mark.parametrize(
    ("at_s", "labels"),
    [
        ([], ("0:00", "0:01")),
        ([0.4], ("0:00", "0:01")),
        ([3.0, 9.0], ("0:00", "0:02", "0:04", "0:06", "0:08", "0:10")),
        ([61.0], ("0:00", "0:15", "0:30", "0:45", "1:00", "1:15")),
        ([6_000.0], ("0:00", "0:30:00", "1:00:00", "1:30:00", "2:00:00")),
    ],
)
def test_the_time_axis_has_round_steps(at_s: list[float], labels: tuple[str, ...]) -> None:
    plot = over_time(Values("Wait", "is-typical", [0.5 for _ in at_s]), at_s)
    assert [label.removeprefix("0:") if len(label) > 5 else label for label in plot.x_labels] == [
        label.removeprefix("0:") if len(label) > 5 else label for label in labels
    ]


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0.0, "0.5 s"), (0.05, "0.5 s"), (0.98, "1 s"), (1.3, "1.5 s"), (12.0, "15 s"), (90.0, "100 s")],
)
def test_the_axis_of_waits_ends_just_above_the_longest(highest: float, top: str) -> None:
    assert in_order([Values("Wait", "is-slow", [highest])], ["Desk"]).y_labels[0] == top
