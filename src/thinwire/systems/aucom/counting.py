"""Parameters and operations of encoders for a minute of audio, in both ways in which Table 3 can be read (facts 3.1).

The paper's 65.0 k parameters are all of AuComNet's encoder, its 2.56 G operations those of convolutions and GDN, one
a multiplication, with bias adds and without the LSTM, which common counters leave out (`as_printed`). EnCodec's row is
of this kind too: its parameters are with the LSTM, its operations within 4 % without, of 16 kHz samples although the
model takes 24. Two operations a multiplication and everything counted is `whole`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from thinwire.nn.trainable import count_parameters
from thinwire.params.aucom_codec import FRAME_RATE
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.interpolation import Interpolation
from thinwire.systems.aucom.neural_codecs import NeuralCodec

MINUTE_FRAMES = 60 * FRAME_RATE
PIECE_S = 2
"""Seconds of audio on which a waveform codec is counted; its operations grow with the length alone."""


@dataclass(frozen=True)
class Tally:
    """Parameters and operations in one way of counting."""

    parameters: int
    operations: int


@dataclass(frozen=True)
class Complexity:
    """An encoder: `parameters`, and for a minute of audio multiplications (`macs`) and sums with biases (`bias_adds`)
    without those of LSTMs, which stand apart.
    """

    parameters: int
    macs: int
    bias_adds: int
    lstm_macs: int = 0
    lstm_bias_adds: int = 0

    @property
    def as_printed(self) -> Tally:
        """One operation a multiplication or bias add, LSTMs left out."""
        return Tally(self.parameters, self.macs + self.bias_adds)

    @property
    def whole(self) -> Tally:
        """Two operations a multiplication, everything counted."""
        operations = 2 * (self.macs + self.lstm_macs) + self.bias_adds + self.lstm_bias_adds
        return Tally(self.parameters, operations)


def count(module: nn.Module, run: Callable[[], object], times: float = 1.0) -> Complexity:
    """Complexity of a module in a call of it, which stands for 1 / `times` minutes.

    Multiplications of convolutions and matrices are torch's own count, those of LSTMs by definition; pointwise
    functions do not count, nor GDN's adding of beta.
    """
    lstms = [part for part in module.modules() if isinstance(part, nn.LSTM)]
    adds, lstm_steps = [0], {id(part): 0 for part in lstms}

    def note_adds(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        adds[0] += output.numel()

    def note_steps(part: nn.Module, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
        lstm_steps[id(part)] += output[0].shape[0] * output[0].shape[1]

    handles = [part.register_forward_hook(note_steps) for part in lstms]
    handles += [
        part.register_forward_hook(note_adds)
        for part in module.modules()
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear) and part.bias is not None
    ]
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            run()
    finally:
        for handle in handles:
            handle.remove()
    inside = _inside_lstms(module, counter)
    return Complexity(
        parameters=count_parameters(module),
        macs=round(times * (counter.get_total_flops() - inside) / 2),
        bias_adds=round(times * adds[0]),
        lstm_macs=round(times * sum(lstm_steps[id(part)] * _weights(part, 2) for part in lstms)),
        lstm_bias_adds=round(times * sum(lstm_steps[id(part)] * _weights(part, 1) for part in lstms)),
    )


def _inside_lstms(module: nn.Module, counter: FlopCounterMode) -> int:
    """What the counter saw of LSTMs: all or nothing, depending on how torch computes them."""
    names = [name for name, part in module.named_modules() if isinstance(part, nn.LSTM)]
    counts = counter.get_flop_counts()
    return sum(sum(counts.get(f"{type(module).__name__}.{name}", {}).values()) for name in names)


def _weights(part: nn.Module, dimensions: int) -> int:
    """Values in a module's parameters of one or two dimensions."""
    return sum(value.numel() for value in part.parameters() if value.dim() == dimensions)


def encoder_complexity(codec: FeatureNet) -> Complexity:
    """The edge side of a feature codec from standardised features to its latent, for a minute of frames; features,
    rounding and entropy coding are the same for all and left out.
    """
    chunks = MINUTE_FRAMES / codec.chunk_frames
    if isinstance(codec, Interpolation):
        return Complexity(0, round(chunks * codec.encoder.macs()), 0)
    x = torch.zeros(1, codec.n_mels, codec.chunk_frames)
    return count(codec.encoder, lambda: codec.encoder(x), chunks)


def waveform_complexity(codec: NeuralCodec, sample_rate: int) -> Complexity:
    """The encoder network of a waveform codec for a minute of samples at `sample_rate`; the paper took 16 kHz for all
    (facts 3.1), a codec's own rate is `codec.sample_rate`. Its quantiser is left out.
    """
    samples = PIECE_S * sample_rate // codec.hop_length * codec.hop_length
    x = torch.zeros(1, 1, samples)
    return count(codec.encoder, lambda: codec.encoder(x), 60 * sample_rate / samples)
