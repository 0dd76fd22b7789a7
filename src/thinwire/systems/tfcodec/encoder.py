"""From compressed spectrum to latent: 2-D convolutions, folding, TCM, GRU (section III-C, Fig. 3; facts 2.2)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from thinwire.nn.causal import CausalConv2d, ConvBlock, State, StatefulGRU, TemporalConvModule
from thinwire.params.tfcodec import TfShape

PADDINGS = (2, 2, 2, 2, 1)


def map_bins(shape: TfShape, n_fft: int) -> list[int]:
    """Bins of the spectrum and after each convolution: 321, 321, 161, 41, 11, 5 for the paper's."""
    bins = [n_fft // 2 + 1]
    for stride, padding in zip(shape.strides, PADDINGS, strict=True):
        bins.append((bins[-1] + 2 * padding - 5) // stride + 1)
    return bins


class Encoder(nn.Module):
    """Five causal convolutions, a TCM, a GRU, a 1x1 convolution; 2,111,405 parameters at the paper's size.

    Compressed spectrum (B, 2, F, T) to latent (B, C_d, T). Raises ValueError for a number of bins that `n_fft` does not
    give.
    """

    def __init__(self, shape: TfShape, n_fft: int) -> None:
        super().__init__()
        self.bins = map_bins(shape, n_fft)
        widths = pairwise((2, *shape.channels))
        self.convs = nn.ModuleList(
            ConvBlock(CausalConv2d(a, b, stride, padding))
            for (a, b), stride, padding in zip(widths, shape.strides, PADDINGS, strict=True)
        )
        folded = shape.channels[-1] * self.bins[-1]
        self.tcm = TemporalConvModule(folded, shape.tcm_hidden, shape.tcm_dilations)
        self.gru = StatefulGRU(folded)
        self.project = nn.Linear(folded, shape.latent, bias=False)

    def initial_state(self, batch: int) -> State:
        convs = [conv.initial_state(batch, bins) for conv, bins in zip(self.convs, self.bins, strict=False)]  # type: ignore[operator]
        return [*convs, *self.tcm.initial_state(batch), self.gru.initial_state(batch)]

    def forward(self, spectrum: Tensor) -> Tensor:
        x = self._as_map(spectrum)
        for conv in self.convs:
            x = conv(x)
        return self.project(self.gru(self.tcm(_fold_bins(x)))).transpose(1, 2)

    def step(self, spectrum: Tensor, state: State) -> tuple[Tensor, State]:
        """Latent (B, C_d, t) of the next t frames (B, 2, F, t)."""
        x, after = self._as_map(spectrum), []
        for conv, before in zip(self.convs, state, strict=False):
            x, new = conv.step(x, before)  # type: ignore[operator]
            after.append(new)
        y, tcm = self.tcm.step(_fold_bins(x), state[len(after) : -1])
        y, gru = self.gru.step(y, state[-1])
        return self.project(y).transpose(1, 2), [*after, *tcm, gru]

    def _as_map(self, spectrum: Tensor) -> Tensor:
        if spectrum.shape[2] != self.bins[0]:
            raise ValueError(f"spectrum of {spectrum.shape[2]} bins; the encoder was built for {self.bins[0]}")
        return spectrum.transpose(2, 3)


def _fold_bins(x: Tensor) -> Tensor:
    """(B, C', T, F') to (B, T, F' C'): all frequency information in channels."""
    return x.permute(0, 2, 3, 1).flatten(2)
