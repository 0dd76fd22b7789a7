"""The forms as they are built, the 3-bit example, Proposition 1."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from matplotlib.figure import Figure

from thinwire.figures.neural_dsc import problem, proposition, runs
from thinwire.figures.paths import Page


@pytest.fixture
def page(open_ndsc: Callable[[str], Page]) -> Page:
    return open_ndsc("problem")


@pytest.fixture
def knows(page: Page) -> pd.DataFrame:
    return problem.who_knows(page, "bits_d")


@pytest.fixture
def toys(page: Page) -> pd.DataFrame:
    return problem.toy_table(runs.compared(page, "toy"), runs.limits(page))


def arrows(fig: Figure) -> list[int]:
    """Arrows of each panel."""
    return [sum(text.arrow_patch is not None for text in axes.texts if hasattr(text, "arrow_patch"))
            for axes in fig.axes]  # fmt: skip


def test_only_who_sees_y_changes_with_it(page: Page, knows: pd.DataFrame) -> None:
    by_form = knows.set_index("form")
    assert by_form["codes_changed"].gt(0).to_dict() == {"joint": True, "distributed": False, "separate": False}
    assert by_form["output_changed"].gt(0).to_dict() == {"joint": True, "distributed": True, "separate": False}
    assert set(by_form["bits"]) == {162}
    assert problem.who_knows(page, "bits_d").equals(knows)


def test_an_arrow_from_y_for_each_change(knows: pd.DataFrame) -> None:
    assert arrows(problem.draw_forms(knows)) == [5, 4, 3]
    assert arrows(problem.draw_forms(knows.assign(codes_changed=0.0))) == [4, 4, 3]


def test_figure_1_is_judged_by_what_changed(page: Page, knows: pd.DataFrame, toys: pd.DataFrame) -> None:
    good = {one.id: one.verdict for one in problem.judge(page, knows, toys)}
    assert good == {"ndsc.fig1_problem": "reproduced", "ndsc.toy3bit": "reproduced"}
    leaks = problem.judge(page, knows.assign(codes_changed=1.0), toys)[0]
    assert leaks.verdict != "reproduced"


@pytest.mark.parametrize("column", ["right", "fewest_bits"])
def test_an_error_or_another_size_spoils_the_example(
    page: Page, knows: pd.DataFrame, toys: pd.DataFrame, column: str
) -> None:
    spoiled = toys.assign(**{column: toys[column] - (toys["form"] == "distributed")})
    assert problem.judge(page, knows, spoiled)[1].verdict != "reproduced"


def test_decoder_finds_the_word_near_y(page: Page) -> None:
    table = problem.decoding_table(runs.compared(page, "toy")).set_index("y")
    assert list(table.index) == problem.words()
    for y, row in table.iterrows():
        found = row.dropna()
        assert len(set(found)) == 4
        assert all(sum(a != b for a, b in zip(str(y), word, strict=True)) <= 1 for word in found)


def test_bound_is_judged_by_its_smallest_slack(page: Page) -> None:
    slacks = runs.compared(page, "delbo")
    assert proposition.judge(page, slacks)[0].verdict == "reproduced"
    broken = slacks.assign(smallest=slacks["smallest"].where(slacks.index != 3, -1e-6))
    assert proposition.judge(page, broken)[0].verdict != "reproduced"
    missed = slacks.assign(mean=slacks["mean"] + 1e-6)
    assert proposition.judge(page, missed)[0].verdict != "reproduced"
    table = proposition.slack_table(slacks).set_index(["model", "encoder"])["mean"]
    assert table["random", "random"] > table["random", "best"] > 0.01
    assert table["separable", "best"] == pytest.approx(0.0, abs=1e-12)
