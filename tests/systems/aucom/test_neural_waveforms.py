"""EnCodec with weights from a file (random ones here), and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from thinwire.errors import ParamError
from thinwire.systems.aucom.neural_waveforms import NeuralWaveformCodec


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    encodec = pytest.importorskip("encodec")
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("encodec") / "encodec.th"
    state = encodec.EncodecModel.encodec_model_24khz(pretrained=False).state_dict()
    torch.save({name: torch.randn_like(v) if name.endswith("embed") else v for name, v in state.items()}, path)
    return path


def test_rates_are_those_of_the_codes_and_the_length_is_kept(weights: Path) -> None:
    codec = NeuralWaveformCodec("encodec", weights)
    audio = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    for kbps in (1.5, 6.0):
        coded = codec.code(audio, kbps)
        assert coded.audio.shape == audio.shape and np.isfinite(coded.audio).all()
        assert coded.kbps == pytest.approx(kbps)
    assert not np.array_equal(codec.code(audio, 1.5).audio, codec.code(audio, 6.0).audio)
    with pytest.raises(ParamError, match="no rate of 2 kbps; it has 1.5, 3"):
        codec.code(audio, 2.0)


def test_weights_are_those_of_the_file_in_either_form(weights: Path, tmp_path: Path) -> None:
    stored = torch.load(weights, weights_only=True)
    other = tmp_path / "encodec.safetensors"
    save_file({name: value.contiguous().clone() for name, value in stored.items()}, other)
    audio = 0.1 * np.sin(np.arange(4800) / 9.0).astype(np.float32)
    first, second = (NeuralWaveformCodec("encodec", path).code(audio, 3.0).audio for path in (weights, other))
    assert np.array_equal(first, second)


def test_what_is_no_weights_is_one_line(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "x.th").write_bytes(b"nothing")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "y.pth")
    for name in ("x.th", "y.pth", "gone.safetensors"):
        with pytest.raises(ParamError, match=rf"{name}: no weights of encodec"):
            NeuralWaveformCodec("encodec", tmp_path / name)
    with pytest.raises(ParamError, match="there are encodec, dac"):
        NeuralWaveformCodec("opus", weights)
