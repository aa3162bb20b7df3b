"""A long text's changes are shown line by line; what stayed is counted, not repeated."""

from __future__ import annotations

from frontend.queries.lines import Line, changed_lines


def test_a_change_far_down_is_shown_with_its_neighbours() -> None:
    before = [f"Fact {number}" for number in range(400)]
    after = [*before[:300], "Fact 300, corrected", *before[301:]]
    assert changed_lines("\n".join(before), "\n".join(after)) == [
        Line("skipped", count=299),
        Line("same", "Fact 299"),
        Line("removed", "Fact 300"),
        Line("added", "Fact 300, corrected"),
        Line("same", "Fact 301"),
        Line("skipped", count=98),
    ]


def test_short_values_stand_side_by_side() -> None:
    assert changed_lines("500 ms", "800 ms") == []


def test_a_list_that_was_empty_says_so() -> None:
    assert changed_lines("nothing", "a\nb") == [Line("removed", "nothing"), Line("added", "a"), Line("added", "b")]
