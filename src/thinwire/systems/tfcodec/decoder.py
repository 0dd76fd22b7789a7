"""From latent to compressed spectrum: TCM, GRU, TCM, transposed convolutions (section III-C, Fig. 3; facts 2.2)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from thinwire.nn.causal import (
    CausalConv2d,
    CausalConvTranspose2d,
    ConvBlock,
    State,
    StatefulGRU,
    TemporalConvModule,
)
from thinwire.params.tfcodec import TfShape
from thinwire.systems.tfcodec.encoder import PADDINGS, map_bins


class Decoder(nn.Module):
    """The encoder's mirror with a TCM on each side of the GRU; 3,436,385 parameters at the paper's size.

    Latent (B, C_d, T) to compressed spectrum (B, 2, F, T). Of the five mirrored convolutions the last is an ordinary
    one; each, that one included, has normalisation and PReLU, and a last 2 -> 2 convolution has neither: the reading
    that gives the paper's number of parameters.
    """

    def __init__(self, shape: TfShape, n_fft: int) -> None:
        super().__init__()
        self.bins = map_bins(shape, n_fft)[::-1]
        self.channels = shape.channels[-1]
        folded = self.channels * self.bins[0]
        self.expand = nn.Linear(shape.latent, folded, bias=False)
        self.tcm1 = TemporalConvModule(folded, shape.tcm_hidden, shape.tcm_dilations)
        self.gru = StatefulGRU(folded)
        self.tcm2 = TemporalConvModule(folded, shape.tcm_hidden, shape.tcm_dilations)
        mirrored = zip(pairwise((*shape.channels[::-1], 2)), shape.strides[::-1], PADDINGS[::-1], strict=True)
        *transposed, ((a, b), stride, padding) = mirrored
        convs: list[CausalConv2d | CausalConvTranspose2d] = [CausalConvTranspose2d(*w, s, p) for w, s, p in transposed]
        self.convs = nn.ModuleList(ConvBlock(conv) for conv in [*convs, CausalConv2d(a, b, stride, padding)])
        self.output = CausalConv2d(2, 2)

    def initial_state(self, batch: int) -> State:
        convs = [conv.initial_state(batch, bins) for conv, bins in zip(self.convs, self.bins, strict=False)]  # type: ignore[operator]
        first, second = self.tcm1.initial_state(batch), self.tcm2.initial_state(batch)
        return [*first, self.gru.initial_state(batch), *second, *convs, self.output.initial_state(batch, self.bins[-1])]

    def forward(self, latent: Tensor) -> Tensor:
        x = self._as_map(self.tcm2(self.gru(self.tcm1(self.expand(latent.transpose(1, 2))))))
        for conv in self.convs:
            x = conv(x)
        return self.output(x).transpose(2, 3)

    def step(self, latent: Tensor, state: State) -> tuple[Tensor, State]:
        """Compressed spectrum (B, 2, F, t) of the next t frames (B, C_d, t)."""
        depth = len(self.tcm1.layers)
        first, gru, second, rest = state[:depth], state[depth], state[depth + 1 : 2 * depth + 1], state[2 * depth + 1 :]
        y, first = self.tcm1.step(self.expand(latent.transpose(1, 2)), first)
        y, gru = self.gru.step(y, gru)
        y, second = self.tcm2.step(y, second)
        x, after = self._as_map(y), []
        for conv, before in zip([*self.convs, self.output], rest, strict=True):
            x, new = conv.step(x, before)  # type: ignore[operator]
            after.append(new)
        return x.transpose(2, 3), [*first, gru, *second, *after]

    def _as_map(self, y: Tensor) -> Tensor:
        """(B, T, F' C') to (B, C', T, F')."""
        return y.unflatten(2, (self.bins[0], self.channels)).permute(0, 3, 1, 2)
