"""Speech as maps and back: shapes, which microphone is which, level, waveforms; and items in the training loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from thinwire import kaldi
from thinwire.errors import ParamError
from thinwire.params.neural_dsc import NdscRow, NdscSpectrum, Settings
from thinwire.params.parts import Systems
from thinwire.segments import SegmentWriter
from thinwire.signal.kaldi_inverse import bin_energies
from thinwire.systems.neural_dsc.speech import covered_samples, frames_of, prepare, seconds_of, waveforms
from thinwire.training.adapters import ndsc_speech

SPECTRUM, SAMPLES = NdscSpectrum(), 16_000


def tones(count: int = 3, sources: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Gliding harmonics: each source a different filter of the clean side, at its own level."""
    time = np.arange(SAMPLES) / SAMPLES
    clean = np.stack([
        sum(np.sin(2 * np.pi * h * (100 + 20 * i + 30 * time) * time) / h for h in range(1, 25)) for i in range(count)
    ])  # fmt: skip
    noise = np.random.default_rng(0).standard_normal((count, sources, SAMPLES))
    noisy = np.stack([0.3 * 0.1**k * (np.roll(clean, 5 * k, -1) + 0.1 * noise[:, k]) for k in range(sources)], 1)
    return noisy.astype(np.float32), (0.1 * clean).astype(np.float32)


@pytest.mark.parametrize(("domain", "shape", "samples"), [("mel", (1, 80, 96), 15360), ("stft", (2, 256, 56), 14080)])
def test_shapes(domain: str, shape: tuple[int, ...], samples: int) -> None:
    noisy, clean = tones()
    items = prepare(noisy, clean, domain, "mic2", SPECTRUM)  # type: ignore[arg-type]
    assert items.x.shape == items.y.shape == (3, *shape) and items.x.dtype == torch.float32
    assert items.audio.shape == (3, samples) == (3, covered_samples(shape[-1], domain, SPECTRUM))  # type: ignore[arg-type]
    assert frames_of(SAMPLES, domain, SPECTRUM) == shape[-1]  # type: ignore[arg-type]


def test_rate_is_measured_by_hops() -> None:
    assert seconds_of(96, "mel", SPECTRUM) == pytest.approx(0.96)
    assert seconds_of(56, "stft", SPECTRUM) == pytest.approx(56 * 256 / 16_000)


def test_pairs_and_levels() -> None:
    noisy, clean = tones()
    swapped = prepare(noisy[:, ::-1], clean, "mel", "mic2", SPECTRUM)
    mic2, close = (prepare(noisy, clean, "mel", pair, SPECTRUM) for pair in ("mic2", "close"))  # type: ignore[arg-type]
    torch.testing.assert_close(mic2.x, swapped.y)
    torch.testing.assert_close(close.y, mic2.x)
    expected = kaldi.fbank(clean / np.sqrt(np.mean(clean**2, -1, keepdims=True)))[:, None, :, :96]
    np.testing.assert_allclose(close.x, expected, atol=5e-3)
    louder = prepare(noisy * np.array([1.0, 7.0], np.float32)[:, None], clean, "mel", "mic2", SPECTRUM)
    torch.testing.assert_close(louder.y, mic2.y, atol=5e-3, rtol=1e-3)


def test_stft_comes_back() -> None:
    """But for what the Nyquist bin and the last frames held."""
    noisy, clean = tones()
    items = prepare(noisy, clean, "stft", "close", SPECTRUM)
    heard = waveforms(items.x, "stft", SPECTRUM)
    inner = slice(0, -256)
    assert np.abs(heard - items.audio)[:, inner].max() < 1e-2 * np.abs(items.audio).max()


def test_mel_comes_back_as_features() -> None:
    """The waveform's features are near those that it was made of; energies fit them and stay below no zero."""
    noisy, clean = tones(2)
    items = prepare(noisy, clean, "mel", "mic2", SPECTRUM)
    energy = bin_energies(items.x[0, 0].numpy())
    fitted = np.log(kaldi.mel_triangles(80).T @ energy)
    assert (energy >= 0).all() and np.abs(fitted - items.x[0, 0].numpy()).mean() < 0.05
    heard = waveforms(items.x, "mel", SPECTRUM)
    again = kaldi.fbank(heard)
    assert heard.shape == items.audio.shape
    inner = (slice(None), slice(10, None), slice(4, -4))
    error = (again - items.x[:, 0].numpy())[inner]
    assert np.abs(error).mean() < 0.35 * items.x[:, 0].numpy()[inner].std()
    np.testing.assert_array_equal(heard, waveforms(items.x, "mel", SPECTRUM))


def test_segments_that_hold_no_item() -> None:
    noisy, clean = tones(1, 1)
    with pytest.raises(ParamError, match="`mic2` needs two microphones, the segments have 1"):
        prepare(noisy, clean, "mel", "mic2", SPECTRUM)
    with pytest.raises(ParamError, match="segments of 1000 samples hold 6 frames of `mel`, 8 are needed"):
        prepare(noisy[..., :1000], clean[..., :1000], "mel", "close", SPECTRUM)


def test_items_of_the_loop(tmp_path: Path) -> None:
    noisy, clean = tones(4)
    with SegmentWriter(tmp_path, "chime6", ["U01.CH1", "U02.CH1"]) as writer:
        for i, split in enumerate(("train", "train", "dev", "eval")):
            row = {"split": split, "session": "S", "speaker": f"P{i}", "start_s": 0.0, "end_s": 1.0}
            writer.add(noisy[i] / 10, clean[i], segment_id=str(i), **row)

    class Given:
        systems = Systems(neural_dsc=Settings())

    run = NdscRow(domain="stft", pair="close", data="chime6", after="data/segments/chime6", steps=1)
    splits = ndsc_speech.load(Given(), run, [tmp_path])  # type: ignore[arg-type]
    assert {name: value.shape for name, value in splits.train.tensors.items()} == {
        "x": (2, 2, 256, 56), "y": (2, 2, 256, 56)
    }  # fmt: skip
    assert len(splits.dev) == 1 and splits.seen["speaker"] == ["P0", "P1", "P2"] and splits.item_s == 1.0
