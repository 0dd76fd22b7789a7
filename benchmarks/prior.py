"""One second of a microphone's speech to bytes and, given another's, back to a waveform, with the autoregressive prior,
on one thread; and what one of the prior's symbols costs."""

from __future__ import annotations

import torch

from benchmarks.measurement import Measurement, Scale, milliseconds, repeat
from thinwire.audio import SAMPLE_RATE
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow, Settings
from thinwire.params.neural_dsc_prior import Settings as PriorSettings
from thinwire.systems.neural_dsc.codec import NdscCodec, codec_fingerprint
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior
from thinwire.systems.neural_dsc.speech import frames_of
from thinwire.systems.neural_dsc.speech_codec import NdscSpeechCodec

SECONDS = 1.0
CODECS = {"": (8, 8), "_most": (2, 3)}
"""Downsampling and bits an index of the speech codecs with fewest and most symbols a second (120 and 1920)."""
BOUND_MS = 1000.0
"""A second of speech within a second, prior included: the wing's bound, held against every rate and size."""
PAPER = PriorSettings(dim=128, blocks=4, heads=4, dff=512)


def prior(params: Params, scale: Scale) -> list[Measurement]:
    """Encoding and decoding with the default preset's prior and the paper's; the weights are fresh, since what coding
    takes hardly depends on them.
    """
    torch.set_num_threads(1)
    rows = []
    for ending, (downsample, bits) in CODECS.items():
        row = NdscRow(data="chime6", after="data/segments/chime6", steps=1, domain="mel", bits=bits,
                      downsample=downsample)  # fmt: skip
        for size, settings in (("", params.systems.neural_dsc_prior), ("_paper", PAPER)):
            rows += _both_ways(f"{size}{ending}", params.systems.neural_dsc, settings, row, params.seed, scale)
    return rows


def _both_ways(
    ending: str, settings: Settings, of_prior: PriorSettings, row: NdscRow, seed: int, scale: Scale
) -> list[Measurement]:
    torch.manual_seed(seed)
    samples = round(SECONDS * SAMPLE_RATE)
    frames = frames_of(samples, "mel", settings.spectrum)
    model = NeuralDsc(settings, row, (1, settings.spectrum.n_mels, frames))
    symbols = model.index_grid[0] * model.index_grid[1]
    learned = LatentPrior(of_prior, symbols, model.codewords)
    codec = NdscCodec(model, learned, codec_fingerprint(model, learned))
    speech = NdscSpeechCodec(codec, settings.spectrum, samples)
    audio, side = torch.randn(2, samples).numpy()
    x, y = torch.randn(2, *model.shape)
    data = codec.encode(x, y)
    times = scale.repetitions if symbols < 1000 else min(scale.repetitions, 3)
    ways = {
        "encode": repeat(lambda _: codec.encode(x, y), times, warm_up=1),
        "decode": repeat(lambda _: codec.decode(data, y), times, warm_up=1),
    }
    whole = repeat(lambda _: speech.decode(speech.encode(audio), side), times, warm_up=1)
    note = f"prior of {of_prior.blocks} blocks of {of_prior.dim}"
    what = f"1 s of mel frames, {symbols} symbols of {row.bits} bits"
    both = sum(way.wall_s for way in ways.values())
    return [
        *(milliseconds(f"prior_{way}{ending}", f"{what}: {way}", timing, scale, None, note)
          for way, timing in ways.items()),
        Measurement(f"prior_second{ending}", f"1 s of speech, {symbols} symbols of {row.bits} bits: waveform to bytes "
                    "and back, by Griffin-Lim", whole.wall_s * 1e3, "ms", BOUND_MS, "lower", times, note=note),
        Measurement(f"prior_symbol{ending}", f"a symbol of {what}, coder's table included, mean of both ways",
                    both * 1e3 / 2 / symbols, "ms", None, "lower", times, note=note),
    ]  # fmt: skip
