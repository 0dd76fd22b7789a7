"""EnCodec and DAC with weights from a file (random ones here), and what is refused."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from dac.model import DAC
from encodec import EncodecModel
from safetensors.torch import save_file

from thinwire.errors import ParamError
from thinwire.systems.aucom.neural_waveforms import NeuralWaveformCodec


@dataclass(frozen=True)
class Given:
    """A codec, a file of its weights, two rates that it has (kbit/s), and one that it has not."""

    name: str
    weights: Path
    low: float
    high: float
    absent: float


@pytest.fixture(scope="module", params=["encodec", "dac"])
def given(request: pytest.FixtureRequest) -> Iterator[Given]:
    """Either codec, freshly initialised; DAC's file of 0.3 GB does not outlive the tests."""
    torch.manual_seed(3)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both use a deprecated weight normalisation
        if request.param == "encodec":
            found = Given("encodec", Path(folder) / "encodec.th", 1.5, 6.0, 2.0)
            state = EncodecModel.encodec_model_24khz(pretrained=False).state_dict()
            # EnCodec's codebooks begin as zeros
            state = {name: torch.randn_like(v) if name.endswith("embed") else v for name, v in state.items()}
            torch.save(state, found.weights)
        else:
            found = Given("dac", Path(folder) / "dac.pth", 1.0, 6.0, 1.25)
            model = DAC(encoder_rates=[2, 4, 5, 8], decoder_rates=[8, 5, 4, 2], n_codebooks=12, sample_rate=16_000)
            torch.save({"state_dict": model.state_dict()}, found.weights)
        yield found


def test_rates_are_those_of_the_codes_and_the_length_is_kept(given: Given) -> None:
    codec = NeuralWaveformCodec(given.name, given.weights)
    audio = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    decoded = {}
    for kbps in (given.low, given.high):
        coded = codec.code(audio, kbps)
        assert coded.audio.shape == audio.shape and np.isfinite(coded.audio).all()
        assert coded.kbps == pytest.approx(kbps)
        decoded[kbps] = coded.audio
    assert not np.array_equal(decoded[given.low], decoded[given.high])
    odd = codec.code(audio[:5001], given.low)
    assert odd.audio.shape == (5001,) and odd.kbps >= given.low  # the last frame counts whole
    with pytest.raises(ParamError, match=f"no rate of {given.absent:g} kbps; it has"):
        codec.code(audio, given.absent)


def test_weights_are_those_of_the_file_in_either_form(given: Given) -> None:
    stored = torch.load(given.weights, weights_only=True)
    other = given.weights.with_suffix(".safetensors")
    save_file({name: value.contiguous().clone() for name, value in stored.get("state_dict", stored).items()}, other)
    audio = 0.1 * np.sin(np.arange(4800) / 9.0).astype(np.float32)
    first, second = (
        NeuralWaveformCodec(given.name, path).code(audio, given.high).audio for path in (given.weights, other)
    )
    assert np.array_equal(first, second)


def test_what_is_no_weights_is_one_line(given: Given, tmp_path: Path) -> None:
    (tmp_path / "x.th").write_bytes(b"nothing")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "y.pth")
    for name in ("x.th", "y.pth", "gone.safetensors"):
        with pytest.raises(ParamError, match=rf"{name}: no weights of {given.name}"):
            NeuralWaveformCodec(given.name, tmp_path / name)


def test_a_codec_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamError, match="there are encodec, dac"):
        NeuralWaveformCodec("opus", tmp_path)
    for module, package in (("encodec", "encodec"), ("dac.model", "descript-audio-codec")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ParamError, match=f"cannot be imported .* installs {package}"):
            NeuralWaveformCodec(module.split(".")[0], tmp_path)
