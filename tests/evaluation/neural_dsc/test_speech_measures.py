"""Measures of decoded speech: perfect, silent, louder; which items are listened to; rates."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from thinwire.evaluation.neural_dsc.speech import kbps, measure
from thinwire.params.neural_dsc import NdscSpectrum
from thinwire.systems.neural_dsc.speech import prepare

SPECTRUM = NdscSpectrum()
PARAMS = SimpleNamespace(jobs=1, scheduler=None)


def items(domain: str):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(0)
    envelope = 0.1 + np.abs(np.sin(np.arange(16_000) / 900.0))
    clean = np.cumsum(generator.standard_normal((3, 16_000)), -1) % 7 * envelope
    noisy = np.stack([clean, clean[:, ::-1]], 1)
    return prepare(noisy.astype(np.float32), clean.astype(np.float32), domain, "mic2", SPECTRUM)  # type: ignore[arg-type]


def test_perfect() -> None:
    given = items("stft")
    table = measure(given, given.x, "stft", SPECTRUM, PARAMS, np.array([0, 2]))  # type: ignore[arg-type]
    assert (table["mse"] == 0).all() and (table["lsd"] == 0).all() and (table["level_db"] == 0).all()
    assert (table["si_sdr"] > 30).all()
    assert table["stoi"].isna().tolist() == table["pesq"].isna().tolist() == [False, True, False]
    assert (table["stoi"].dropna() > 0.99).all() and (table["pesq"].dropna() > 4.3).all()


def test_mel_has_no_phase() -> None:
    given = items("mel")
    table = measure(given, given.x + np.log(4.0), "mel", SPECTRUM, PARAMS, np.array([], int))  # type: ignore[arg-type]
    assert table[["si_sdr", "stoi", "pesq"]].isna().all(axis=None)
    np.testing.assert_allclose(table["level_db"], 10 * np.log10(4.0), atol=1e-3)
    np.testing.assert_allclose(table["mse"], np.log(4.0) ** 2, rtol=1e-5)
    assert ((table["lsd"] > 5.5) & (table["lsd"] < 6.1)).all()


def test_worse_is_worse() -> None:
    given = items("stft")
    noise = torch.randn(given.x.shape, generator=torch.Generator().manual_seed(0)) * given.x.std()
    near, far = (
        measure(given, given.x + scale * noise, "stft", SPECTRUM, PARAMS, np.array([0]))  # type: ignore[arg-type]
        for scale in (0.05, 0.5)
    )
    assert (near["si_sdr"] > far["si_sdr"]).all() and (near["lsd"] < far["lsd"]).all()
    assert near["pesq"][0] > far["pesq"][0] and near["stoi"][0] > far["stoi"][0]


def test_rates() -> None:
    assert kbps(np.array([96, 480]), 96, "mel", SPECTRUM).tolist() == pytest.approx([0.1, 0.5])
