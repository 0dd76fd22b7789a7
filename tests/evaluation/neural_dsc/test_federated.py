"""Training on compressed gradients: exact gradients as the reference, pairing of coders, what a row says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from thinwire.corpora.gradients import collect
from thinwire.corpora.mnist import Digits
from thinwire.errors import ParamError
from thinwire.evaluation.neural_dsc.federated import Federation, distortions, training_curves
from thinwire.systems.neural_dsc.gradient_coders import CopySide, TopK, Uncompressed, coders_in_use

FEDERATION = Federation(steps=25, batch=40, lr=0.02, seeds=2, every=10, collected_steps=11)
CODERS = [Uncompressed(412), CopySide(), TopK(412, 412 * 25), TopK(412, 320)]


def digits(count: int, seed: int) -> Digits:
    """A bright place for each label, in noise."""
    labels = np.arange(count, dtype=np.uint8) % 10
    images = np.random.default_rng(seed).integers(0, 60, (count, 28, 28), dtype=np.uint8)
    for place, label in enumerate(labels):
        images[place, 2 * label + 4 : 2 * label + 8, 4:24] = 255
    return Digits(images, labels)


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    return training_curves(CODERS[:2] + CODERS[3:], digits(200, 0), digits(50, 1), FEDERATION, seed=5)


def test_rows(curves: pd.DataFrame) -> None:
    assert len(curves) == 3 * 2 * 4 and set(curves["step"]) == {0, 10, 20, 25}
    of = curves.set_index("coder")
    assert (of.loc["uncompressed", "error"].dropna() == 0).all() and set(of.loc["copy", "message_bits"].dropna()) == {0}
    assert set(of.loc["top_k", "bits"]) == {300} and set(of.loc["top_k", "message_bits"].dropna()) == {304}
    assert curves["error"].isna().equals(curves["step"] == 0)
    first = curves[curves["step"] == 0].groupby("seed")["loss"].nunique()
    assert (first == 1).all()  # coders of a seed start alike


def test_training_learns(curves: pd.DataFrame) -> None:
    exact = curves[curves["coder"] == "uncompressed"]
    means = exact.groupby("step")[["loss", "test_loss"]].mean()
    assert (means.loc[25] < means.loc[0] - 0.1).all()


def test_coder_that_keeps_everything_trains_as_exact_gradients() -> None:
    """Top-k of all values in half precision: the same path but for rounding; the same call gives the same numbers."""
    once = Federation(steps=8, batch=40, lr=0.01, seeds=1, every=4, collected_steps=8)
    tables = [training_curves([coder], digits(200, 0), digits(50, 1), once, 0) for coder in (CODERS[0], CODERS[2])]
    np.testing.assert_allclose(tables[0]["loss"], tables[1]["loss"], rtol=1e-3)
    pd.testing.assert_frame_equal(tables[0], training_curves([CODERS[0]], digits(200, 0), digits(50, 1), once, 0))


def test_step_that_coders_are_told() -> None:
    assert [FEDERATION.share(step) for step in (0, 5, 10, 24)] == [0.0, 0.5, 1.0, 1.0]


def test_too_few_images() -> None:
    with pytest.raises(ParamError, match="79 images for two workers with batches of 40"):
        training_curves(CODERS, digits(79, 0), digits(50, 1), FEDERATION, 0)


def test_distortions() -> None:
    pairs = collect(digits(200, 0), 6, 40, 0.01, 1)
    ids = [f"run_{i}" for i in range(6)]
    table = distortions(coders_in_use(412, 320), pairs, ids, 0)
    assert len(table) == 6 * 6 and (table["message_bits"] < table["bits"] + 8).all()
    sse = table.pivot(index="segment_id", columns="coder", values="sse").loc[ids]
    np.testing.assert_allclose(sse["copy"], np.square(pairs.x - pairs.y).sum(1), rtol=1e-4)
    assert (sse["uncompressed"] == 0).all() and (sse["top_k"] < np.square(pairs.x).sum(1)).all()
