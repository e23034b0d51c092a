"""The bench's table: what a line says of its floor and its budget, and that it never flatters."""

import json

import pytest

from tests.bench.harness import BenchFailed, Budget, Line, Sample, pairs
from tests.bench.main import BEGIN, END, PAGE, WHERE, bench, quoted
from tests.bench.table import HEAD, as_json, as_markdown, as_text, cells, number, verdict

MACHINE = "a machine"


def line(*values, **more):
    return Line("up", "until it answers", Sample.of(*values), "s", **more)


def test_the_median_is_told_with_its_spread():
    assert cells(line(3.0, 1.0, 2.0))[2] == "2.00 s (1.00-3.00)"


def test_a_single_measurement_has_no_spread():
    assert cells(line(2.0))[2] == "2.00 s"


def test_the_ratio_is_of_the_medians():
    assert line(2.0, 4.0, 6.0, floor=Sample.of(1.0, 2.0, 3.0)).ratio == 2.0


@pytest.mark.parametrize(
    ("value", "better", "said"),
    [
        (1.9, "lower", "met"),
        (2.0, "lower", "met"),
        (3.0, "lower", "missed by 50 %"),
        (3.0, "higher", "met"),
        (1.0, "higher", "missed by 100 %"),
    ],
)
def test_a_budget_is_met_or_it_says_by_how_much_not(value, better, said):
    assert verdict(line(value, better=better, budget=Budget(2.0))) == said


@pytest.mark.parametrize(("value", "said"), [(9.6, "met"), (4.75, "missed by 100 %")])
def test_a_budget_may_be_a_part_of_the_floor(value, said):
    assert verdict(line(value, better="higher", floor=Sample.of(10.0), budget=Budget(0.95, "ratio"))) == said


def test_a_budget_of_the_floor_is_not_met_where_there_is_no_floor():
    assert verdict(line(9.0, budget=Budget(0.95, "ratio"))) == ""


def test_pairs_take_turns_so_that_neither_is_always_first():
    order = []
    pairs(lambda: order.append("ours") or 1.0, lambda: order.append("floor") or 1.0, 3)
    assert order == ["ours", "floor", "floor", "ours", "ours", "floor"]


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (12.34, "12.3"), (0.129, "0.13")])
def test_numbers_have_the_figures_that_say_something(value, text):
    assert number(value) == text


def test_markdown_has_a_cell_for_every_heading_and_the_notes_below():
    text = as_markdown([line(1.0, note="a | b")], MACHINE)
    table = [row for row in text.splitlines() if row.startswith("|")]
    assert [row.count("|") for row in table] == [len(HEAD) + 1] * 3
    assert MACHINE in text
    assert "- up, until it answers: a | b" in text


def test_json_has_every_value():
    found = json.loads(as_json([line(1.0, 2.0, floor=Sample.of(1.0), budget=Budget(1.0))], MACHINE))
    assert found["machine"] == MACHINE
    (told,) = found["lines"]
    assert (told["values"], told["floors"], told["ratio"], told["missedBy"]) == ([1.0, 2.0], [1.0], 1.5, 0.5)


def test_the_terminal_sees_floor_and_budget():
    text = as_text([line(1.0, floor=Sample.of(0.5), floor_is="by hand", budget=Budget(2.0))], MACHINE)
    assert "floor 0.50 s: by hand" in text
    assert "budget ≤ 2.00 s: met" in text


@pytest.mark.parametrize("name", WHERE)
def test_every_row_is_there_under_its_name(name):
    row = bench(name)
    assert row.name == name
    assert row.about


def test_a_page_quotes_the_table_between_its_marks():
    assert quoted(f"before\n{BEGIN}\nold\n{END}\nafter", "new") == f"before\n{BEGIN}\n\nnew\n{END}\nafter"


def test_a_page_without_marks_is_not_written_over():
    with pytest.raises(BenchFailed, match="no"):
        quoted("text", "new")


def test_the_documentation_has_the_marks():
    assert "new" in quoted(PAGE.read_text(), "new")
