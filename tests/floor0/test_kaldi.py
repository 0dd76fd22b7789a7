"""Mel features: against torchaudio's Kaldi port, and against librosa's mel scale within what the two definitions differ
by.
"""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.kaldi import LOG_FLOOR, fbank, frames_of, mel_triangles


def speechlike(samples: int, seed: int = 0) -> np.ndarray:
    """(2, samples): a buzz with a falling spectrum in noise, with a constant offset."""
    draw = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    buzz = sum(np.sin(2 * np.pi * 130 * k * time + k) / k for k in range(1, 50))
    both = [0.05 * buzz + 0.01 * draw.standard_normal(samples), 0.1 * draw.standard_normal(samples) + 0.02]
    return np.stack(both).astype(np.float32)


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("samples", [400, 16_000, 80_000, 81_234])
def test_equals_torchaudio(n_mels: int, samples: int) -> None:
    from torchaudio.compliance import kaldi

    audio = speechlike(samples)
    theirs = np.stack(
        [
            kaldi.fbank(
                torch.from_numpy(one)[None], num_mel_bins=n_mels, sample_frequency=16_000, dither=0.0,
                window_type="hanning", snip_edges=False, htk_compat=True,
            ).T.numpy()
            for one in audio
        ]
    )  # fmt: skip
    ours = fbank(audio, n_mels)
    assert ours.shape == theirs.shape == (2, n_mels, frames_of(samples))
    assert np.abs(ours - theirs).max() < 2e-3  # nat


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(("n_mels", "from_filter"), [(80, 2), (128, 4)])
def test_agrees_with_librosa_within_the_difference_of_the_definitions(n_mels: int, from_filter: int) -> None:
    """librosa's triangles are straight in Hz, Kaldi's in mel. Tolerance 0.1 nat from the third filter of 80 and the
    fifth of 128 up; the ones below hold a bin or two at their edges (one of librosa's 128 none at all) and differ more.
    """
    audio = speechlike(32_000, 1)[1]
    shaped = audio - 0.97 * np.concatenate([audio[:1], audio[:-1]])
    energy = np.abs(librosa.stft(shaped, n_fft=512, win_length=400, hop_length=160, window="hann", center=True)) ** 2
    mel = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=n_mels, fmin=20.0, fmax=8000.0, htk=True, norm=None)
    theirs = (mel @ energy)[from_filter:, 1:199]
    ours = np.exp(fbank(audio[None], n_mels)[0, from_filter:])
    # the windows' centres differ by half a hop; a stationary noise has the same mean energies
    assert np.abs(np.log(ours.mean(1) / theirs.mean(1))).max() < 0.1


def test_a_tone_lies_in_its_filter() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 1000.0 * np.arange(16_000) / 16_000)[None]
    best = int(fbank(tone)[0].mean(1).argmax())
    mel = 1127 * np.log1p(np.array([20.0, 1000.0, 8000.0]) / 700)
    assert best == round((mel[1] - mel[0]) / (mel[2] - mel[0]) * 81) - 1


def test_silence_and_offset_lie_at_the_floor() -> None:
    audio = np.stack([np.zeros(8000), np.full(8000, 0.25)])
    assert np.allclose(fbank(audio), np.log(LOG_FLOOR), atol=0.1)


def test_five_seconds_are_500_frames() -> None:
    assert fbank(np.zeros((1, 80_000))).shape == (1, 80, 500)


@settings(max_examples=30, deadline=None)
@given(st.integers(400, 3000), st.integers(0, 2**31))
def test_items_of_a_batch_do_not_touch(samples: int, seed: int) -> None:
    audio = np.random.default_rng(seed).standard_normal((3, samples)).astype(np.float32)
    together = fbank(audio, 8)
    assert np.allclose(together, np.concatenate([fbank(one[None], 8) for one in audio]), atol=1e-3)
    assert together.shape == (3, 8, (samples + 80) // 160)


@pytest.mark.parametrize("shape", [(400,), (1, 399), (1, 1, 500)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="waveforms"):
        fbank(np.zeros(shape))


def test_neighbouring_triangles_add_up_to_one() -> None:
    inner = mel_triangles(20)[10:220].sum(1)
    assert np.allclose(inner, 1.0, atol=1e-5)
