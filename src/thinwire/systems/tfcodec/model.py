"""The codec's model: spectrum, encoder, prediction loop around the quantiser, decoder (section III-A, Fig. 2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from thinwire.nn.causal import State
from thinwire.nn.group_quantiser import DistanceGumbelQuantiser, GumbelQuantiser, Quantised
from thinwire.params.tfcodec import STEP_FRAMES, Settings, TfRow
from thinwire.signal.causal_stft import as_complex, as_pairs, causal_istft, causal_stft, compress, expand
from thinwire.systems.tfcodec.decoder import Decoder
from thinwire.systems.tfcodec.encoder import Encoder
from thinwire.systems.tfcodec.predictor import (
    AdaptivePredictor,
    ConvPredictor,
    Extractor,
    Predictor,
    Synthesizer,
    fold_steps,
    unfold_steps,
)
from thinwire.systems.tfcodec.start import mirror

POWER_RANGE = (0.2, 1.0)
PACKETS = 2
"""Packets of a step."""

QUANTISERS = {"distance_gumbel": DistanceGumbelQuantiser, "gumbel": GumbelQuantiser}
PREDICTORS: dict[str, type[Predictor]] = {"conv": ConvPredictor, "adaptive": AdaptivePredictor}


@dataclass
class LoopOutput:
    """The loop's latents, each (B, C_d, T), under the paper's symbols; without prediction x_P is None, x_N is x_R."""

    x_R: Tensor
    x_P: Tensor | None
    x_N: Tensor
    quantised: Quantised
    x_hat_R: Tensor


@dataclass
class Synthesis:
    """The decoder's side of the loop: prediction and reconstructed latent, (B, C_d, T)."""

    x_P: Tensor | None
    x_hat_R: Tensor


class TfCodec(nn.Module):
    """TF-Codec for one row of `runs.tfcodec`.

    audio (B, N) --> X (B, 2, F, T) --> x_R --> [x_N --> indices (B, G, S) --> x_hat_N] --> x_hat_R --> X_hat --> audio

    T = 4 S frames of `causal_stft`. The step functions take a step's frames with all state given and returned, for
    streaming and export; they and all that has no gradient (`context`, `encode`, `decode`) mean a model in eval mode.
    """

    power: Tensor
    updates: Tensor
    """Training steps behind these weights: a run that starts from them goes on at their temperature."""

    def __init__(self, settings: Settings, row: TfRow) -> None:
        super().__init__()
        shape, self.n_fft, self.hop_length = settings.shape, settings.spectrum.n_fft, settings.spectrum.hop_length
        self.latent = shape.latent
        self.encoder = Encoder(shape, self.n_fft)
        self.quantiser = QUANTISERS[row.quantiser](
            shape.latent, STEP_FRAMES, row.groups, row.codewords, settings.quantiser
        )
        self.decoder = Decoder(shape, self.n_fft)
        mirror(self.encoder, self.decoder)
        self.predictive = row.predictor != "none"
        if self.predictive:
            self.predictor = PREDICTORS[row.predictor](shape)
            self.extractor = Extractor(shape.latent)
            self.synthesizer = Synthesizer(shape.latent)
        if row.power == "learnable":
            self.power = nn.Parameter(torch.tensor(settings.spectrum.power_init))
        else:
            # not in the state: weights of a run that learned its power would bring theirs along
            self.register_buffer("power", torch.tensor(settings.spectrum.power), persistent=False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        # an odd group goes to the first packet
        self.first_packet = -(-row.groups // PACKETS) * (shape.latent // row.groups)

    @property
    def exponent(self) -> Tensor:
        """p, the power clamped to its range; the gradient passes the clamp, so that a power outside finds back."""
        return self.power + (self.power.clamp(*POWER_RANGE) - self.power).detach()

    def analyse(self, audio: Tensor) -> Tensor:
        """Compressed spectrum (B, 2, F, T) of audio (B, N)."""
        return compress(as_pairs(causal_stft(audio, self.n_fft, self.hop_length)), self.exponent)

    def encode_latent(self, audio: Tensor) -> Tensor:
        """x_R (B, C_d, T) of audio (B, N)."""
        return self.encoder(self.analyse(audio))

    def decode_latent(self, x_hat_R: Tensor, length: int) -> Tensor:
        """Audio (B, length) of the reconstructed latent (B, C_d, T)."""
        spectrum = as_complex(expand(self.decoder(x_hat_R), self.exponent))
        return causal_istft(spectrum, self.n_fft, self.hop_length, length)

    def loop(
        self, x_R: Tensor, tau: float = 1.0, generator: torch.Generator | None = None, context: Tensor | None = None
    ) -> LoopOutput:
        """All steps at once, predicted from `context` (B, C_d, T), reconstructed latents of an earlier pass.

        Without a context the true one is made by `context(x_R)` with the present weights: the paper's "model from the
        previous iteration" (facts 2.4.6). Without a generator the quantiser takes the likeliest codewords.
        """
        if not self.predictive:
            quantised = self.quantiser(x_R, tau, generator)
            return LoopOutput(x_R, None, x_R, quantised, quantised.z_hat)
        context = self.context(x_R) if context is None else context
        x_P = unfold_steps(self.predictor(fold_steps(context.detach())))
        x_N = self.extractor(x_R.transpose(1, 2), x_P.transpose(1, 2)).transpose(1, 2)
        quantised = self.quantiser(x_N, tau, generator)
        x_hat_R = self.synthesizer(quantised.z_hat.transpose(1, 2), x_P.transpose(1, 2)).transpose(1, 2)
        return LoopOutput(x_R, x_P, x_N, quantised, x_hat_R)

    @torch.no_grad()
    def context(self, x_R: Tensor) -> Tensor:
        """The true autoregressive pass: x_hat_R (B, C_d, T) step by step, by running statistics, without noise."""
        if not self.predictive:
            return self.quantiser(x_R).z_hat
        state, out = self._initial_loop(x_R.shape[0]), []
        with _evaluating(self.predictor, self.extractor, self.synthesizer, self.quantiser):
            for step in x_R.split(STEP_FRAMES, 2):
                _, state = self._encode_step(step, state)
                out.append(state[0])
        return unfold_steps(torch.cat(out, 1))

    def mask(self, x_hat_N: Tensor, lost: Tensor) -> Tensor:
        """x_hat_N (B, C_d, T) with the channels of lost packets, `lost` (B, S, 2), zeroed (section IV-E).

        A step's first packet carries the first half of its groups, and with them of the channels.
        """
        here = (1.0 - lost.to(x_hat_N.dtype)).repeat_interleave(STEP_FRAMES, 1).transpose(1, 2)
        first, second = x_hat_N.split([self.first_packet, self.latent - self.first_packet], 1)
        return torch.cat([first * here[:, :1], second * here[:, 1:]], 1)

    def synthesise(self, x_hat_N: Tensor, context: Tensor) -> Synthesis:
        """The decoder's side of the loop for all steps at once, with gradient, predicted from `context` (detached)."""
        if not self.predictive:
            return Synthesis(None, x_hat_N)
        x_P = unfold_steps(self.predictor(fold_steps(context.detach())))
        x_hat_R = self.synthesizer(x_hat_N.transpose(1, 2), x_P.transpose(1, 2)).transpose(1, 2)
        return Synthesis(x_P, x_hat_R)

    @torch.no_grad()
    def decoder_context(self, x_hat_N: Tensor) -> Tensor:
        """The decoder's true autoregressive pass: x_hat_R (B, C_d, T) of x_hat_N, masked or not, as in `context`."""
        if not self.predictive:
            return x_hat_N
        state, out = self._initial_loop(x_hat_N.shape[0]), []
        with _evaluating(self.predictor, self.synthesizer):
            for step in x_hat_N.split(STEP_FRAMES, 2):
                x_hat_R, state = self._decode_step(step, state)
                out.append(x_hat_R)
        return torch.cat(out, 2)

    def synthesise_latent(self, indices: Tensor, lost: Tensor | None = None) -> Tensor:
        """x_hat_R (B, C_d, T) of indices (B, G, S), without the packets that are `lost`, bool (B, S, 2)."""
        with torch.no_grad():
            x_hat_N = self.quantiser.decode(indices)
        return self.decoder_context(x_hat_N if lost is None else self.mask(x_hat_N, lost))

    @torch.no_grad()
    def encode(self, audio: Tensor) -> Tensor:
        """Indices (B, G, S) of audio (B, N)."""
        x_R = self.encode_latent(audio)
        if not self.predictive:
            return self.quantiser.encode(x_R)
        state, out = self._initial_loop(x_R.shape[0]), []
        for step in x_R.split(STEP_FRAMES, 2):
            indices, state = self._encode_step(step, state)
            out.append(indices)
        return torch.cat(out, 2)

    @torch.no_grad()
    def decode(self, indices: Tensor, length: int, lost: Tensor | None = None) -> Tensor:
        """Audio (B, length) of indices (B, G, S), without the packets that are `lost`, bool (B, S, 2)."""
        return self.decode_latent(self.synthesise_latent(indices, lost), length)

    def encoder_state(self, batch: int) -> State:
        """State of `encoder_step` before the first step."""
        return [*self.encoder.initial_state(batch), *self._initial_loop(batch)]

    def encoder_step(self, spectrum: Tensor, state: State) -> tuple[Tensor, State]:
        """Indices (B, G, 1) of the next four frames, an uncompressed spectrum (B, 2, F, 4)."""
        own = len(state) - self._loop_states
        x_R, after = self.encoder.step(compress(spectrum, self.exponent), state[:own])
        if not self.predictive:
            return self.quantiser.encode(x_R), after
        indices, loop = self._encode_step(x_R, state[own:])
        return indices, [*after, *loop]

    def decoder_state(self, batch: int) -> State:
        """State of `decoder_step` before the first step."""
        return [*self._initial_loop(batch), *self.decoder.initial_state(batch)]

    def decoder_step(self, indices: Tensor, lost: Tensor, state: State) -> tuple[Tensor, State]:
        """Uncompressed spectrum (B, 2, F, 4) of a step's indices (B, G, 1); `lost` (B, 1, 2), bool or 0 and 1."""
        x_hat_R, loop = self.mask(self.quantiser.decode(indices), lost), state[: self._loop_states]
        if self.predictive:
            x_hat_R, loop = self._decode_step(x_hat_R, loop)
        spectrum, after = self.decoder.step(x_hat_R, state[self._loop_states :])
        return expand(spectrum, self.exponent), [*loop, *after]

    @property
    def _loop_states(self) -> int:
        return len(self._initial_loop(1))

    def _initial_loop(self, batch: int) -> State:
        """The last reconstructed step, zeros (B, 1, 4 C_d), and the predictor's state."""
        if not self.predictive:
            return []
        weight = self.synthesizer.conv.weight
        return [weight.new_zeros(batch, 1, STEP_FRAMES * self.latent), *self.predictor.initial_state(batch)]

    def _encode_step(self, x_R: Tensor, state: State) -> tuple[Tensor, State]:
        """Indices (B, G, 1) of one step x_R (B, C_d, 4), with what the decoder does to it."""
        predicted, after = self.predictor.step(state[0], state[1:])
        x_P = unfold_steps(predicted).transpose(1, 2)
        indices = self.quantiser.encode(self.extractor(x_R.transpose(1, 2), x_P).transpose(1, 2))
        x_hat_R = self.synthesizer(self.quantiser.decode(indices).transpose(1, 2), x_P)
        return indices, [x_hat_R.reshape(state[0].shape), *after]

    def _decode_step(self, x_hat_N: Tensor, state: State) -> tuple[Tensor, State]:
        """x_hat_R (B, C_d, 4) of one step x_hat_N (B, C_d, 4)."""
        predicted, after = self.predictor.step(state[0], state[1:])
        x_hat_R = self.synthesizer(x_hat_N.transpose(1, 2), unfold_steps(predicted).transpose(1, 2))
        return x_hat_R.transpose(1, 2), [x_hat_R.reshape(state[0].shape), *after]


@contextmanager
def _evaluating(*modules: nn.Module) -> Iterator[None]:
    """Eval mode for a while."""
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.train(mode)
