"""Blocks of bits: errors of coders, how far they go, verdicts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from thinwire.claims import Verdict
from thinwire.figures.neural_dsc import blocks as look
from thinwire.figures.neural_dsc import flipped_bits
from thinwire.figures.paths import Page
from thinwire.systems.neural_dsc.slepian_wolf import copying_bler

RUNS = ["bits_d", "bits_j"]
LIMIT = 0.04


@pytest.fixture
def page(open_ndsc: Callable[[str], Page]) -> Page:
    return open_ndsc("flipped_bits")


@pytest.fixture
def blocks(page: Page) -> pd.DataFrame:
    return flipped_bits.load_blocks(page, RUNS)


def verdicts(page: Page, blocks: pd.DataFrame) -> dict[str, Verdict]:
    """Verdicts by their claims' ids without the paper."""
    errors = flipped_bits.error_table(page, blocks)
    judged = flipped_bits.judge(page, blocks, errors, flipped_bits.reach_table(errors, LIMIT))
    return {one.id.removeprefix("ndsc."): one for one in judged}


def with_errors(blocks: pd.DataFrame, coder: str, rate: Callable[[float], float]) -> pd.DataFrame:
    """Blocks of which a coder fails at a rate of p."""
    parts = []
    for p, here in blocks[blocks["coder"] == coder].groupby("p"):
        failed = np.arange(len(here)) < round(rate(float(str(p))) * len(here))
        parts.append(here.assign(block_error=failed.astype(float)))
    return pd.concat([blocks[blocks["coder"] != coder], *parts], ignore_index=True)


def test_every_coder_has_the_same_blocks(blocks: pd.DataFrame) -> None:
    assert set(blocks["coder"]) == set(flipped_bits.CODER_NAME)
    ids = blocks.groupby("coder")["segment_id"].agg(lambda names: tuple(sorted(names)))
    assert len(set(ids)) == 1


def test_reach_ends_at_the_first_p_that_fails() -> None:
    table = pd.DataFrame(
        {"coder": "proper", "p": [0.003, 0.001, 0.01, 0.02], "measure": "block_error", "mean": [0.1, 0.0, 0.5, 0.0]}
    )
    never = table.assign(coder="copying", mean=1.0)
    found = flipped_bits.reach_table(pd.concat([never, table]), LIMIT).set_index("coder")
    assert found["largest_p"].to_dict() == {"proper": 0.003, "copying": 0.0}
    assert found.loc["proper", "of_limit"] == pytest.approx(0.003 / LIMIT)
    assert found.loc["copying", "entropy"] == 0.0


def test_a_coder_that_copies_has_no_excess(page: Page, blocks: pd.DataFrame) -> None:
    copied = blocks[blocks["coder"] == flipped_bits.COPYING]
    learned = copied.assign(coder=flipped_bits.LEARNED["joint"])
    table = flipped_bits.excess_table(page, pd.concat([copied, learned]))
    assert len(table) == 2 * copied["p"].nunique()
    assert (table[["mean", "low", "high"]] == 0.0).all(axis=None)


def test_slepian_and_wolf_need_fewer_errors_than_copying(page: Page, blocks: pd.DataFrame) -> None:
    clear = with_errors(with_errors(blocks, "proper", lambda p: 0.0), "copying", lambda p: 0.9)
    assert verdicts(page, clear)["slepian_wolf"].verdict == "reproduced"
    swapped = with_errors(with_errors(blocks, "proper", lambda p: 0.9), "copying", lambda p: 0.0)
    assert verdicts(page, swapped)["slepian_wolf"].verdict == "contradicted"


def test_published_rates_are_held_to_the_proper_decoder(page: Page, blocks: pd.DataFrame) -> None:
    points = flipped_bits.published(page, "ndsc.discus_ldpc")

    def near(p: float) -> float:
        return points[min(points, key=lambda known: abs(known - p))]

    assert verdicts(page, with_errors(blocks, "proper", near))["discus_ldpc"].verdict == "within_tolerance"
    assert verdicts(page, with_errors(blocks, "proper", lambda p: 0.0))["discus_ldpc"].verdict == "differs"
    copies = with_errors(blocks, "learned, distributed", lambda p: float(copying_bler(p)))
    assert verdicts(page, copies)["discus_vqvae"].verdict == "within_tolerance"


def test_a_probability_that_was_not_tested_leaves_claims_undecided(page: Page, blocks: pd.DataFrame) -> None:
    found = verdicts(page, blocks[~np.isclose(blocks["p"], 0.003)])
    assert {found[name].verdict for name in ("slepian_wolf", "discus_ldpc", "discus_vqvae")} == {"inconclusive"}
    assert "0.003" in found["discus_ldpc"].reason
    assert found["discus_integration"].verdict == "not_testable"


def test_kept_blocks_tell_copied_errors_from_own(page: Page) -> None:
    shares = look.shares(page, RUNS)
    assert (shares["wrong"] == shares["as_in_y"]).all()
    assert (shares["as_in_y"] == shares["wrong_in_y"]).all()
    x = np.zeros(36)
    y, decoded = x.copy(), x.copy()
    y[:3], decoded[2:5] = 1, 1
    assert look.kinds_of_error(x, y, decoded)[0, :6].tolist() == [0, 0, 1, 2, 2, 0]
