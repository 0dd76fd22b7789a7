"""Whisper on the codec's features: its log-mel against librosa's, and what happens without weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
import yaml
from scipy.signal import lfilter

from thinwire import kaldi
from thinwire.cli.serve import task_of
from thinwire.errors import ParamError, PipelineError
from thinwire.params import parse_params
from thinwire.tasks.whisper import WHISPER_FRAMES, WhisperRecogniser, whisper_features


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """Two items (2, 32000): noise through moving resonances over a noise floor, as even as speech is not."""
    rng = np.random.default_rng(0)
    items = []
    for _ in range(2):
        sound = 1e-3 * rng.standard_normal(32_000)
        for start in range(0, 32_000, 4000):
            piece = rng.standard_normal(4000) * 10.0 ** rng.uniform(-2.5, -1.0)
            for hz in rng.uniform([300, 1000], [900, 3000]):
                piece = lfilter([0.05], [1.0, -1.9 * np.cos(2 * np.pi * hz / 16_000), 0.9025], piece)
            sound[start : start + 4000] += piece
        items.append(sound)
    return np.asarray(items, np.float32)


def whispers_own(audio: np.ndarray, n_mels: int) -> np.ndarray:
    """Whisper's published log-mel of a clip, frame by frame, half way between its frames as Kaldi's lie."""
    mel = librosa.feature.melspectrogram(y=audio, sr=16_000, n_fft=400, hop_length=160, n_mels=n_mels, power=2.0)
    logs = np.log10(np.maximum(mel, 1e-10))
    logs = np.maximum(logs, logs.max((1, 2), keepdims=True) - 8.0)
    own = (logs + 4.0) / 4.0
    return (own[..., :-1] + own[..., 1:]) / 2.0


@pytest.mark.parametrize("own_mels", [80, 128])
@pytest.mark.parametrize("n_mels", [80, 128])
def test_features_become_whispers(audio: np.ndarray, own_mels: int, n_mels: int) -> None:
    made = whisper_features(torch.from_numpy(kaldi.fbank(audio, own_mels)), n_mels).numpy()
    wanted = whispers_own(audio, n_mels)
    assert made.shape == wanted.shape and made.dtype == np.float32
    # 0.1 is a common logarithm of 0.4: 4 dB, of which the 5 ms between both's frames make up much
    assert np.abs(made - wanted).mean() < 0.1 and np.abs(made.mean((0, 2)) - wanted.mean((0, 2)))[2:].max() < 0.1
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.9


def test_a_louder_recording_is_a_constant_higher() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.05, (2, 32_000)).astype(np.float32)  # nothing near a floor
    soft, loud = (whisper_features(torch.from_numpy(kaldi.fbank(gain * noise)), 80) for gain in (1.0, 10.0))
    change = (loud - soft)[:, 8:]  # the lowest mels of white noise lie near the features' floor
    assert torch.allclose(change, torch.full_like(change, 0.5), atol=1e-3)


def test_without_transformers_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PipelineError, match="pip install transformers"):
        WhisperRecogniser(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="no config.json"):
        WhisperRecogniser(tmp_path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained Whisper of a thousand weights, with letters and digits for tokens."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("whisper")
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    vocabulary = {token: place for place, token in enumerate([*"abcdefgh0123456789", *special])}
    transformers.WhisperTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    end, begin = vocabulary["<|endoftext|>"], vocabulary["<|startoftranscript|>"]
    config = transformers.WhisperConfig(
        vocab_size=len(vocabulary), num_mel_bins=80, d_model=8, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=8, decoder_ffn_dim=8,
        max_target_positions=24, pad_token_id=end, bos_token_id=end, eos_token_id=end, decoder_start_token_id=begin,
        suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.WhisperForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_a_model_given_by_path_writes_words_without_digits(tiny: Path, audio: np.ndarray) -> None:
    recogniser = WhisperRecogniser(tiny)
    f = torch.from_numpy(kaldi.fbank(audio))
    texts = recogniser.transcribe(f)
    assert len(texts) == 2 and not any(character.isdigit() for text in texts for character in text)
    assert recogniser.answer(f[0].numpy()) == {"text": recogniser.transcribe(f[:1])[0]}
    with pytest.raises(ValueError, match="3000 frames"):
        recogniser.transcribe(torch.zeros(1, 80, WHISPER_FRAMES + 1))


def test_a_server_asks_the_model_that_the_parameters_name(tiny: Path, audio: np.ndarray, root: Path) -> None:
    given = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    given["evaluation"]["aucom"]["weights"]["whisper"] = str(tiny)
    params = parse_params(given)
    f = kaldi.fbank(audio)[0]
    assert task_of(params, "whisper")(f) == WhisperRecogniser(tiny).answer(f)


def test_weights_of_another_kind_are_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(json.loads((tiny / "config.json").read_text("utf-8"))), "utf-8")
    with pytest.raises(ParamError, match="no Whisper model"):
        WhisperRecogniser(tmp_path)
