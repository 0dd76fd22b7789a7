"""Perceptual measures: direction, range, and NaN with a reason where they say nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from thinwire import audio
from thinwire.metrics import Score, pesq_wb, plcmos, stoi, visqol_speech


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Two seconds that PESQ takes for speech: a harmonic buzz with moving formant-like bands in syllables."""
    rng = np.random.default_rng(0)
    t = np.arange(32_000) / 16_000
    pitch = 2 * np.pi * np.cumsum(120 + 15 * np.sin(2 * np.pi * 0.8 * t)) / 16_000
    bands = [400 + 200 * np.sin(5 * t), 1500 + 500 * np.sin(3 * t + 1), 2600 + 200 * np.sin(4 * t)]
    x = np.zeros_like(t)
    for k in range(1, 40):
        gain = sum(np.exp(-(((120 * k - band) / 180) ** 2)) for band in bands)
        x += gain * np.sin(k * pitch + rng.uniform(0, 6))
    x *= np.clip(np.sin(2 * np.pi * 2.5 * t), 0, 1)
    return (0.3 * x / np.abs(x).max()).astype(np.float32)


def _noisy(x: np.ndarray, level: float) -> np.ndarray:
    return (x + level * np.random.default_rng(1).standard_normal(len(x))).astype(np.float32)


def test_more_noise_scores_lower(voice: np.ndarray) -> None:
    for measure, levels in ((pesq_wb, (0.0, 0.01, 0.1)), (stoi, (0.0, 0.01, 0.1)), (visqol_speech, (0.0, 2e-4, 1e-3))):
        scores = [measure(voice, _noisy(voice, level)) for level in levels]
        assert scores[0] > scores[1] > scores[2], measure.__name__
    assert stoi(voice, voice) == pytest.approx(1.0, abs=1e-6)
    assert pesq_wb(voice, voice) == pytest.approx(4.64, abs=0.01)
    assert 4.2 < visqol_speech(voice, voice) <= 5.0


def test_one_second_clips_score(voice: np.ndarray) -> None:
    clip = voice[:16_000]
    assert 1.0 < pesq_wb(clip, _noisy(clip, 0.005)) < 4.7
    assert 0.0 < stoi(clip, _noisy(clip, 0.005)) < 1.0
    assert 1.0 <= visqol_speech(clip, _noisy(clip, 0.005)) < 5.0


def test_silence_and_short_clips_are_nan_with_a_reason(voice: np.ndarray) -> None:
    mute = 0 * voice
    for score in (pesq_wb(mute, voice), stoi(voice, mute), plcmos(mute), visqol_speech(voice, mute)):
        assert math.isnan(score) and score.reason == "silent"
    nothing = voice[:0]
    for score in (pesq_wb(nothing, nothing), stoi(nothing, nothing), plcmos(nothing), visqol_speech(nothing, nothing)):
        assert math.isnan(score) and score.reason == "no samples"
    for samples in (100, 5000):
        assert "0.6 s" in visqol_speech(voice[:samples], voice[:samples]).reason
    assert "1/4 of a second" in pesq_wb(voice[:2000], voice[:2000]).reason
    assert "0.4 s" in stoi(voice[:4000], voice[:4000]).reason
    click = np.zeros(16_000, np.float32)
    click[8000:8400] = 0.5
    assert "0.4 s" in stoi(click, click).reason


def test_broken_samples_are_nan_and_wrong_shapes_are_refused(voice: np.ndarray) -> None:
    broken = voice.copy()
    broken[5] = np.nan
    assert math.isnan(pesq_wb(voice, broken)) and math.isnan(stoi(broken, voice)) and math.isnan(plcmos(broken))
    assert math.isnan(visqol_speech(voice, broken))
    for measure in (pesq_wb, visqol_speech):
        with pytest.raises(ValueError, match="one length"):
            measure(voice, voice[:-1])
    with pytest.raises(ValueError, match="mono"):
        stoi(voice[None], voice[None])


def test_score_is_a_float() -> None:
    score = Score(2.5)
    assert score + 1 == 3.5 and score.reason == "" and isinstance(score, float)


def test_plcmos_without_its_runtime_says_so(voice: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from thinwire.metrics import perceptual

    def missing() -> None:
        raise ImportError("No module named 'onnxruntime'")

    monkeypatch.setattr(perceptual, "_plcmos_model", missing)
    score = plcmos(voice)
    assert math.isnan(score) and "onnxruntime" in score.reason


def test_visqol_without_its_lattice_says_so(voice: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from thinwire.metrics import perceptual

    def missing() -> None:
        raise ImportError("No module named 'ai_edge_litert'")

    monkeypatch.setattr(perceptual, "_visqol_model", missing)
    score = visqol_speech(voice, voice)
    assert math.isnan(score) and "ai_edge_litert" in score.reason


def test_visqol_forgives_level_and_delay_but_not_lost_bands(voice: np.ndarray) -> None:
    """It matches levels and aligns before it compares; a codec that drops everything above 1 kHz must lose."""
    whole = visqol_speech(voice, voice)
    assert visqol_speech(voice, (0.3 * voice).astype(np.float32)) == pytest.approx(whole, abs=0.15)
    assert visqol_speech(voice, np.roll(voice, 80)) == pytest.approx(whole, abs=0.3)
    spectrum = np.fft.rfft(voice)
    spectrum[2000:] = 0
    assert visqol_speech(voice, np.fft.irfft(spectrum).astype(np.float32)) < whole - 0.5


def test_plcmos_is_seeded_and_takes_short_and_loud_clips(voice: np.ndarray) -> None:
    pytest.importorskip("onnxruntime")
    state = np.random.get_state()[1].tolist()
    for clip in (voice, voice[:8000], 10 * voice):
        score = plcmos(clip, seed=1)
        assert 1.0 <= score <= 5.0 and score == plcmos(clip, seed=1)
    assert np.random.get_state()[1].tolist() == state


def test_real_speech_in_noise_scores_lower(real_data: Path) -> None:
    file = next(iter(sorted((real_data / "noisy_pairs" / "clean").glob("*.flac"))))
    clean = audio.read(file, sample_rate=None)[0]
    rate = audio.probe(file).sample_rate
    noisy = audio.read(real_data / "noisy_pairs" / "noisy" / file.name, sample_rate=None)[0][: len(clean)]
    assert pesq_wb(clean, noisy, rate) < pesq_wb(clean, clean, rate)
    assert visqol_speech(clean, noisy, rate) < visqol_speech(clean, clean, rate)
    assert stoi(clean, noisy, rate) < 1.0 - 1e-3
