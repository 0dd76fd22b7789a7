"""Gradient coders: errors, curves, what was reached, verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from thinwire.claims import Verdict
from thinwire.figures.neural_dsc import gradients
from thinwire.figures.paths import Page

RUNS = list(gradients.LEARNED)


@pytest.fixture
def page(open_ndsc: Callable[[str], Page]) -> Page:
    return open_ndsc("gradients")


def verdicts(page: Page, federated: pd.DataFrame, errors: pd.DataFrame) -> dict[str, Verdict]:
    """Verdicts by their claims' ids without the paper."""
    judged = gradients.judge(page, gradients.curve_table(page, federated), errors)
    return {one.id.removeprefix("ndsc."): one for one in judged}


def test_error_is_relative_to_each_gradient(page: Page) -> None:
    coded, _ = gradients.load_tables(page)
    table = gradients.error_table(page, coded).set_index("coder")
    assert list(table.index) == list(gradients.CODER_NAME)
    scaled = coded.assign(sse=coded["sse"] * 4.0, energy=coded["energy"] * 4.0)
    assert np.allclose(gradients.error_table(page, scaled)["mean"], table["mean"])
    assert table.loc["grad_d", "bits"] == 320
    assert (table.drop(index="uncompressed")["bits"] <= 320).all()


def test_times_hold_every_gradient_once(page: Page) -> None:
    coded, _ = gradients.load_tables(page)
    table = gradients.time_table(page, coded, RUNS)
    assert table.groupby("coder")["n"].sum().to_dict() == dict.fromkeys(RUNS, coded["segment_id"].nunique())
    assert table["step"].between(0.0, 1.0).all()


def test_reached_has_the_names_of_the_claim(page: Page) -> None:
    _, federated = gradients.load_tables(page)
    curves = gradients.curve_table(page, federated)
    found = gradients.reached(curves, "qsgd")
    assert set(found) == set(page.claims["ndsc.grad_baseline_qsgd"].paper_value)  # type: ignore[arg-type]
    own = federated[(federated["coder"] == "qsgd") & (federated["epoch"] == 10)]
    assert found["accuracy_10"].mean == pytest.approx(100.0 * own["accuracy"].mean())
    assert found["loss_10"].mean == pytest.approx(own["loss"].mean())


def test_short_trainings_leave_baselines_undecided(page: Page) -> None:
    coded, federated = gradients.load_tables(page)
    found = verdicts(page, federated[federated["epoch"] <= 10], gradients.error_table(page, coded))
    for name in gradients.CLAIM_OF.values():
        assert found[f"grad_baseline_{name}"].verdict == "inconclusive"
        assert "loss_16" in found[f"grad_baseline_{name}"].reason


def test_other_data_never_match_published_values(page: Page) -> None:
    coded, federated = gradients.load_tables(page)
    found = verdicts(page, federated, gradients.error_table(page, coded))
    assert {one.verdict for name, one in found.items() if "baseline" in name} <= {"differs", "inconclusive"}
    assert found["gradient_rate"].verdict == "reproduced"


def test_size_and_order_follow_the_items(page: Page, fake: ModuleType, tmp_path: Path) -> None:
    coded, federated = gradients.load_tables(page)
    for run in RUNS:
        place = tmp_path / "results" / run
        place.mkdir(parents=True)
        items = pd.read_parquet(page.path("results", run, "items.parquet"))
        items = items.assign(payload_bits=328.0, sse=items["sse"] * {"grad_d": 3.0}.get(run, 1.0))
        items.to_parquet(place / "items.parquet")
        fake.write_facts(place, run, fake.row_of(run), items)
    found = verdicts(replace(page, root=tmp_path), federated, gradients.error_table(page, coded))
    assert found["gradient_rate"].verdict == "differs"
    assert found["gradient_order"].verdict == "contradicted"


def test_spending_adds_up(page: Page) -> None:
    table = gradients.spending_table(page, "grad_d")
    for row in table.to_dict("records"):
        assert row["bits"] == sum(int(word) for word in row["spending"].replace(",", "").split() if word.isdigit())


def test_kept_gradients_have_all_forms(page: Page) -> None:
    kept = gradients.load_look(page, RUNS)
    assert kept
    assert all(set(versions) == {"x", "y", *RUNS} for versions in kept.values())
