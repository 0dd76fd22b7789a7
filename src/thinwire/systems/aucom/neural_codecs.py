"""EnCodec and DAC of their own packages at their real sizes, with random weights: for counting and timing alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from thinwire.errors import ParamError

ENCODEC_KBPS = 6.0
INSTALL = {
    "encodec": "`pip install -r requirements.lock` installs encodec",
    "dac": "`pip install --no-deps -r requirements-nodeps.lock` installs descript-audio-codec",
}
"""How the PyPI package of a codec gets into an environment, by the module that is imported of it."""


@dataclass(frozen=True)
class NeuralCodec:
    """A waveform codec: `encoder` (B, 1, N) to its latent, `encode` the same with quantisation, N a multiple of
    `hop_length` samples at `sample_rate`.
    """

    title: str
    sample_rate: int
    hop_length: int
    encoder: nn.Module
    encode: Callable[[Tensor], object]


def _encodec() -> NeuralCodec:
    from encodec import EncodecModel

    model = EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(ENCODEC_KBPS)
    return NeuralCodec(f"EnCodec 24 kHz, {ENCODEC_KBPS:g} kbps", 24_000, 320, model.encoder, model.encode)


def _dac(sample_rate: int, strides: list[int], codebooks: int) -> NeuralCodec:
    from dac.model import DAC

    model = DAC(
        encoder_rates=strides, decoder_rates=strides[::-1], n_codebooks=codebooks, sample_rate=sample_rate
    ).eval()
    return NeuralCodec(f"DAC {sample_rate / 1000:g} kHz", sample_rate, model.hop_length, model.encoder, model.encode)


_MAKERS: dict[str, Callable[[], NeuralCodec]] = {
    "encodec": _encodec,
    "dac_16k": lambda: _dac(16_000, [2, 4, 5, 8], 12),
    "dac_44k": lambda: _dac(44_100, [2, 4, 8, 8], 9),
}
"""EnCodec's speech and music model, and two of DAC's as its authors configure them: at the rate of speech, and the one
that its package offers first, whose operations are the paper's within 1 % (16 kHz samples given to it)."""
NEURAL_CODECS = tuple(_MAKERS)


def neural_codec(name: str) -> NeuralCodec:
    """One of NEURAL_CODECS, freshly initialised; raises ParamError for another name, and where its package (the PyPI
    ones `encodec` and `descript-audio-codec`) cannot be imported.
    """
    if name not in _MAKERS:
        raise ParamError(f"codec {name!r}: no such neural codec; there are {', '.join(_MAKERS)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both use a deprecated weight normalisation
            codec = _MAKERS[name]()
    except ImportError as error:
        raise ParamError(f"codec {name!r}: cannot be imported ({error}); {INSTALL[name.split('_')[0]]}") from error
    codec.encoder.requires_grad_(False)
    return codec
