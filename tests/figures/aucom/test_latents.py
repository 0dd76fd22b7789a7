"""Latents: shapes, positions, what normalisation saves, lengths of codes, and their verdicts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.figures.aucom import latents, lengths, normalisation, runs
from thinwire.figures.paths import Page

Open = Callable[[str], Page]
VARIANTS = list(runs.VARIANTS)
THEORY = {1: (2.105, 2.219), 2: (1.241, 1.481), 3: (0.701, 1.200), 5: (0.109, 1.0186), 8: (0.001, 1.000)}


@pytest.mark.parametrize("tau", THEORY)
def test_a_rounded_gaussian_costs_what_theory_says(tau: float) -> None:
    found = lengths.gaussian_bits(tau)
    assert (found.entropy, found.huffman) == pytest.approx(THEORY[tau], abs=6e-4)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 12.0))
def test_huffman_lies_between_entropy_and_a_bit_more(tau: float) -> None:
    found = lengths.gaussian_bits(tau)
    assert found.entropy - 1e-3 <= found.huffman <= found.entropy + 1.0
    assert found.huffman >= 1.0 - 1e-9


def test_lengths_are_weighted_by_symbols() -> None:
    rows = pd.DataFrame({"run": "aucom_v1", "tau": 1.0, "row": [0, 1, 2], "entropy_bits": [1.0, 2.0, np.nan],
                         "huffman_bits": [1.0, 3.0, np.nan], "symbols": [300.0, 100.0, 0.0]})  # fmt: skip
    row = lengths.length_table(rows, ["aucom_v1"]).iloc[0]
    assert (row["entropy_bits"], row["huffman_bits"], row["over_percent"]) == pytest.approx((1.25, 1.5, 20.0))


def curve(factor: float, scale: float = 1.0) -> pd.DataFrame:
    """Entropy of a Gaussian of deviation `factor` at steps, whose errors are `scale` as large."""
    steps = 2.0 ** np.arange(-3, 4)
    return pd.DataFrame({"step": steps, "entropy_bits": np.log2(factor / steps) + 4.0, "mse": scale * steps**2 / 12})


def test_a_change_of_step_alone_saves_nothing_at_equal_distortion() -> None:
    raw = curve(1.0).assign(kind="raw")
    own = curve(0.25).assign(kind="normalised", mse=lambda table: table["mse"] * 16)  # the step grew fourfold
    saved = normalisation.saved_table(pd.concat([raw, own]).assign(run="aucom_v1")).set_index("step")
    assert saved.loc[1.0, "saved_equal_step"] == pytest.approx(2.0)
    assert saved.loc[1.0, "saved_equal_distortion"] == pytest.approx(0.0)
    assert np.isnan(saved.loc[8.0, "saved_equal_distortion"])


def test_shares_between_rows() -> None:
    table = pd.DataFrame({"row": [0, 0, 1, 1], "mu": [1.0, 1.0, 3.0, 3.0], "sigma": [1.0, 2.0, 1.0, 2.0]})
    assert latents.share_of_rows(table) == {"mu": 1.0, "sigma": 0.0}


def positions(rng: np.random.Generator, spread: float, skewness: float) -> pd.DataFrame:
    """Positions whose means and deviations vary by `spread`."""
    size = 20 * 25
    return pd.DataFrame({"run": "aucom_v1", "row": np.repeat(np.arange(20), 25), "time": np.tile(np.arange(25), 20),
                         "mu": spread * rng.normal(size=size), "sigma": np.exp(spread * rng.normal(size=size)),
                         "skewness": skewness, "kurtosis": 0.2, "ks": 0.05, "n": 200})  # fmt: skip


@pytest.mark.parametrize(("spread", "skewness", "failed"), [(0.5, 0.1, None), (0.5, 0.8, "near"), (0.01, 0.1, "own")])
def test_verdict_on_gaussian_positions(open_aucom: Open, monkeypatch: pytest.MonkeyPatch, spread: float,
                                       skewness: float, failed: str | None) -> None:  # fmt: skip
    page = open_aucom("latents")
    table = positions(np.random.default_rng(5), spread, skewness)
    every = {"positions": pd.concat([table.assign(run=run) for run in VARIANTS])}
    own = latents.tables_of
    monkeypatch.setattr(latents, "tables_of", lambda page, runs, name: every.get(name, own(page, runs, name)))
    found = latents.judge(page)[0]
    assert found.verdict == ("contradicted" if failed else "reproduced")
    if failed:
        assert {"near": "skewness", "own": "means differ"}[failed] in found.reason.split(";")[0]


def test_verdicts_on_entropy_and_code_lengths(open_aucom: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    page, own = open_aucom("latents"), latents.tables_of
    assert [verdict.verdict for verdict in latents.judge(page)] == ["reproduced"] * 3

    def spoilt(page: Page, runs: list[str], name: str) -> pd.DataFrame:
        table = own(page, runs, name)
        if name == "rows":
            return table.assign(huffman_bits=1.2 * table["entropy_bits"])
        return table[table["kind"] == "raw"] if name == "normalisation" else table

    monkeypatch.setattr(latents, "tables_of", spoilt)
    _, drop, length = latents.judge(page)
    assert length.verdict == "contradicted"
    assert (drop.verdict, drop.measured) == ("inconclusive", None)


def test_few_and_equal_values_are_drawn_all_the_same() -> None:
    one = positions(np.random.default_rng(1), 0.0, 0.0).iloc[:1].assign(sigma=0.0, ks=np.nan, n=1)
    flat = {"r": np.zeros((1, 3)), "normalised": np.full((1, 3), np.nan), "pooled": np.zeros(4),
            "pooled_normalised": np.arange(4.0)}  # fmt: skip
    latents.draw_densities("aucom_v1", flat, one, "")
    latents.draw_positions("aucom_v1", one, "")
    latents.draw_shapes(one, "")
    assert len(latents.shape_table(one)) == 1
