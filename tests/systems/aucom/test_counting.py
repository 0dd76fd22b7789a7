"""Counts against closed forms, and against what the paper prints in Table 3."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from thinwire.errors import ParamError
from thinwire.params import aucom_deepcod, aucom_sensing
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import Settings
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.counting import count, encoder_complexity, waveform_complexity
from thinwire.systems.aucom.deepcod import DeepcodNet
from thinwire.systems.aucom.interpolation import Interpolation
from thinwire.systems.aucom.neural_codecs import NeuralCodec, neural_codec
from thinwire.systems.aucom.sensing import SensingNet


class Mixed(nn.Module):
    """A convolution, an LSTM and a linear layer without bias."""

    def __init__(self, bidirectional: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, (2, 4), stride=2)
        self.lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=bidirectional)
        self.linear = nn.Linear(5 * (1 + bidirectional), 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x).flatten(2).transpose(1, 2)  # (B, 20, 3)
        return self.linear(self.lstm(torch.cat([y, y], 2))[0])


@pytest.mark.parametrize("ways", [1, 2])
def test_layers_are_counted_by_their_definitions(ways):
    module = Mixed(ways == 2)
    found = count(module, lambda: module(torch.zeros(1, 1, 8, 12)), times=10.0)
    places, steps = 4 * 5, 4 * 5
    assert found.macs == 10 * (places * 3 * 8 + steps * 2 * 5 * ways)
    assert found.bias_adds == 10 * places * 3
    assert found.lstm_macs == 10 * steps * ways * 4 * 5 * (6 + 5)
    assert found.lstm_bias_adds == 10 * steps * ways * 2 * 4 * 5
    assert found.parameters == 27 + ways * 4 * 5 * (6 + 5 + 2) + 2 * 5 * ways
    assert found.as_printed.operations == found.macs + found.bias_adds
    total = 2 * (found.macs + found.lstm_macs) + found.bias_adds + found.lstm_bias_adds
    assert found.whole.operations == total and found.whole.parameters == found.parameters


def test_aucomnet_v1_is_as_printed():
    """Table 3: 65.00 k parameters, 2.56 G operations a minute, by the reading of facts 3.1 (i)."""
    found = encoder_complexity(AuComNet(Settings(), AucomRow(after="", steps=1)))
    assert found.parameters == 65_282
    assert found.lstm_macs == 6000 * 2 * 4 * 40 * (80 + 40)
    gdn, widen, narrow = 128 * 128 * 40 * 3000, 25 * 128 * 40 * 3000, 25 * 128 * 2 * 20 * 1500
    assert found.macs == widen + gdn + narrow
    assert round(found.as_printed.operations / 1e9, 2) == 2.56
    assert round(found.whole.operations / 1e9, 2) == 5.56


def test_compared_encoders_cost_a_fraction():
    """Table 3: DeepCOD 51 parameters, Intp none; both, and sensing, need far fewer operations than AuComNet."""
    deepcod = encoder_complexity(DeepcodNet(aucom_deepcod.Settings()))
    assert deepcod.parameters == 51 and deepcod.macs == 3 * 16 * 20 * 1500
    settings = aucom_sensing.Settings()
    sensing = encoder_complexity(SensingNet(settings))
    assert sensing.parameters == settings.measurements[-1] * 320 and sensing.macs == sensing.parameters * 1500
    intp = encoder_complexity(Interpolation(80, 500, (4, 4)))
    assert intp.parameters == 0 and 80 * 6000 < intp.macs < 20.64e6


def test_interpolation_by_whole_factors_takes_its_kernels_taps():
    """Halving by a triangle of four taps, except where it reaches over the edge."""
    net = Interpolation(8, 16, (1, 2))
    taps = 8 * 4 - 2
    assert net.encoder.macs() == 8 * taps + 8 * 8  # mels: weights of one


def test_waveform_encoders_are_counted_for_a_minute():
    encoder = nn.Conv1d(1, 4, 8, stride=4, padding=2)
    codec = NeuralCodec("toy", 8000, 4, encoder, encoder)
    found = waveform_complexity(codec, 16_000)
    assert found.macs == 60 * 16_000 // 4 * 8 * 4 and found.bias_adds == 60 * 16_000
    assert waveform_complexity(codec, codec.sample_rate).macs == found.macs // 2


def test_encodec_is_as_printed():
    """Table 3: 7.43 M parameters, 48.47 G operations; 47.3 G by the reading that gives AuComNet's 2.56."""
    found = waveform_complexity(neural_codec("encodec"), 16_000)
    assert round(found.parameters / 1e6, 2) == 7.43
    assert found.as_printed.operations == pytest.approx(48.47e9, rel=0.03)


def dac_macs_per_sample(strides: list[int]) -> float:
    """Multiplications of DAC's encoder: a convolution of 7 taps; for every stride three residual units (7 taps and 1)
    and a convolution of twice the stride's taps, which doubles the channels; at last one of 3 taps.
    """
    channels, hop, macs = 64, 1, 7 * 64.0
    for stride in strides:
        macs += (3 * (7 + 1) * channels**2 + 2 * channels * 2 * channels) / hop
        channels, hop = 2 * channels, hop * stride
    return macs + 3 * channels**2 / hop


@pytest.mark.parametrize(
    ("name", "strides", "parameters"),
    [("dac_16k", [2, 4, 5, 8], 21_521_536), ("dac_44k", [2, 4, 8, 8], 22_307_968)],
)
def test_dac_has_its_authors_size(name, strides, parameters):
    found = waveform_complexity(neural_codec(name), 16_000)
    assert found.parameters == parameters and found.lstm_macs == 0
    assert found.macs == pytest.approx(60 * 16_000 * dac_macs_per_sample(strides), rel=1e-9)


def test_dac_of_44_khz_computes_as_much_as_printed():
    """Table 3: 661.38 G operations a minute, by the reading that gives AuComNet's 2.56; its 19.36 M parameters are 13 %
    fewer than the package's.
    """
    found = waveform_complexity(neural_codec("dac_44k"), 16_000)
    assert found.as_printed.operations == pytest.approx(661.38e9, rel=0.02)


@pytest.mark.parametrize(("name", "codebooks", "frames"), [("encodec", 8, 75), ("dac_16k", 12, 50), ("dac_44k", 9, 86)])
def test_codes_have_their_models_frame_rate(name, codebooks, frames):
    """Codes of the whole frames in a second; EnCodec's 6 kbps are 8 codebooks of 10 bits at 75 Hz."""
    codec = neural_codec(name)
    samples = codec.sample_rate // codec.hop_length * codec.hop_length
    with torch.inference_mode():
        found = codec.encode(torch.zeros(1, 1, samples))
    codes = found[0][0] if name == "encodec" else found[1]
    assert codes.shape == (1, codebooks, frames)


def test_a_codec_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(ParamError, match="encodec, dac_16k, dac_44k"):
        neural_codec("lyra")
    import sys

    monkeypatch.setitem(sys.modules, "dac", None)
    monkeypatch.setitem(sys.modules, "dac.model", None)
    with pytest.raises(ParamError, match="requirements-nodeps.lock` installs descript-audio-codec"):
        neural_codec("dac_16k")
