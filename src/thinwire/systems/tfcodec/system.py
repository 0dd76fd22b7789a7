"""TF-Codec as it is trained: crops, temperature, the loop in two passes, packet losses (section III and IV-E)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from thinwire.audio import SAMPLE_RATE
from thinwire.channel.packets import LONG_SHARE, draw_trace
from thinwire.nn.complex_discriminator import ComplexDiscriminator, feature_distance, lsgan_generator
from thinwire.nn.group_quantiser import Quantised, entropy_bits
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.tfcodec import STEP_FRAMES, PacketLoss, Settings, TfRow
from thinwire.systems.tfcodec.losses import (
    RunningShares,
    diversity_loss,
    mel_loss,
    prediction_loss,
    rate_loss,
    spectral_loss,
)
from thinwire.systems.tfcodec.model import PACKETS, TfCodec

OPENING_BATCH = 16
"""Clips that go through the model together when shares begin."""


def draw_lost(settings: PacketLoss, batch: int, steps: int, generator: torch.Generator) -> Tensor:
    """Lost packets, bool (batch, steps, 2): a trace for each clip, its rate drawn from `rates`, with the long bursts of
    a wireless network for a share `wlan_share` of clips (section IV-E).
    """
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    traces = []
    for _ in range(batch):
        rate = float(rng.choice(settings.rates))
        long_share = LONG_SHARE if rng.random() < settings.wlan_share else 0.0
        traces.append(draw_trace(rate, settings.mean_burst, PACKETS * steps, rng, long_share).lost)
    return torch.from_numpy(np.stack(traces)).reshape(batch, steps, PACKETS)


def crop(clips: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """`samples` of each clip (B, N) from a random start, (B, min(samples, N))."""
    room = clips.shape[1] - samples
    if room <= 0:
        return clips
    starts = torch.randint(room + 1, (len(clips),), generator=generator).tolist()
    return torch.stack([clip[start : start + samples] for clip, start in zip(clips, starts, strict=True)])


class TfCodecSystem(Trainable):
    """Losses of a run's row: L_G of Eq. 12, and Eq. 15 for loss-aware rows.

    Batches hold `clean` (B, N), waveforms at 16 kHz, of which a step sees `crop_s` seconds. The temperature falls with
    the number of training steps behind the weights, `model.updates`, which they carry from run to run. Codeword shares
    are no part of weights: a run that begins counts them on `opening`, before its first losses.
    """

    validation_passes = 1

    def __init__(self, settings: Settings, row: TfRow) -> None:
        super().__init__()
        self.settings, self.row = settings, row
        self.model = TfCodec(settings, row)
        self.shares = RunningShares(row.groups, row.codewords)
        self.opening: Tensor | None = None
        """Training clips (N, samples) that the shares begin with; without any they begin uniform."""
        gumbel = row.quantiser == "gumbel"
        weights = settings.losses
        rate = weights.rate if row.rate_weight is None else row.rate_weight
        self.weights = weights.model_dump() | {
            "rate": 0.0 if gumbel else rate,
            "diversity": weights.diversity if gumbel else 0.0,
            "feature": weights.feature if row.feature_matching else 0.0,
        }
        # so many samples fill whole steps of four frames, the window's overlap included
        hop_length = settings.spectrum.hop_length
        step = STEP_FRAMES * hop_length
        overlap = settings.spectrum.n_fft - hop_length
        self.steps = int(settings.crop_s * SAMPLE_RATE) // step
        self.samples = self.steps * step - overlap

    def deployed(self) -> nn.Module:
        return self.model

    def make_critic(self) -> nn.Module | None:
        if not self.row.adversarial:
            return None
        return ComplexDiscriminator(self.settings.discriminator_filters, self.settings.spectrum.power)

    @property
    def tau(self) -> float:
        """The temperature after `updates` steps: exponential, from `tau_start` down to `tau_end` (section III-E)."""
        settings = self.settings.quantiser
        return max(settings.tau_end, settings.tau_start * settings.tau_decay ** int(self.model.updates))

    @property
    def free(self) -> bool:
        """Whether the decoder still hears the latent itself and the encoder nothing of the quantiser."""
        return int(self.model.updates) < self.settings.quantiser.free_steps

    @torch.no_grad()
    def count_opening(self) -> None:
        """Begin the shares with the assignments of `opening`, without noise; a run that is taken up has its shares."""
        clips, self.opening = self.opening, None
        if clips is None or self.shares.vectors > 0:
            return
        training = self.training
        self.eval()
        for some in clips.split(OPENING_BATCH):
            quantised = self.model.loop(self.model.encode_latent(some.to(self.shares.soft))).quantised
            self.shares.update(quantised.shares, quantised.indices)
        self.train(training)

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        self.count_opening()
        audio = crop(batch["clean"], self.samples, generator)
        x_R = self.model.encode_latent(audio)
        loop = self.model.loop(x_R.detach() if self.free else x_R, self.tau, generator if self.training else None)
        named = self.rates(loop.quantised)
        if loop.x_P is not None:
            named["prediction"] = prediction_loss(loop.x_P, x_R)
        x_hat_R = x_R if self.free else loop.x_hat_R
        if self.row.loss_aware and not self.free:
            x_hat_R = self.with_losses(loop.quantised, x_R, named, generator)
        output = self.model.decode_latent(x_hat_R, audio.shape[1])
        named["bin"] = spectral_loss(audio, output, self.settings.spectrum.power)
        named["mel"] = mel_loss(audio, output)
        named["power"] = self.model.exponent.detach()
        named["tau"] = x_R.new_tensor(self.tau)
        if self.training:
            self.model.updates += 1
        if critic is None:
            return Losses(named)
        real, fake = audio.unsqueeze(1), output.unsqueeze(1)
        judged = critic(fake)
        named["adversarial"] = lsgan_generator(judged.logits)
        if self.row.feature_matching:
            with torch.no_grad():
                features = critic(real).features
            named["feature"] = feature_distance(features, judged.features)
        return Losses(named, real, fake.detach())

    def rates(self, quantised: Quantised) -> dict[str, Tensor]:
        """`rate` or `diversity`, with gradient; entropies in bits of a step, soft and hard, and the share of codewords
        out of use, to be watched.

        While training the entropies are those of the running shares; else what the batch costs under these.
        """
        if self.training:
            self.shares.update(quantised.shares, quantised.indices)
            soft, hard = self.shares.entropy(quantised.shares), entropy_bits(self.shares.hard)
        else:
            soft, hard = self.shares.cost(quantised.shares), self.shares.hard_cost(quantised.indices)
        return {
            "rate": rate_loss(soft, self.row.target_bits),
            "diversity": diversity_loss(quantised.shares),
            "entropy_bits": soft.detach().sum(),
            "hard_entropy_bits": hard.sum(),
            "dead_codewords": self.shares.dead,
        }

    def with_losses(
        self, quantised: Quantised, x_R: Tensor, named: dict[str, Tensor], generator: torch.Generator
    ) -> Tensor:
        """x_hat_R as the decoder has it after packet losses, by traces of their own for each clip; adds `error_aware`.

        In two passes as the encoder's loop: the decoder's true pass without gradient, then all steps at once.
        """
        lost = draw_lost(self.settings.packet_loss, len(x_R), quantised.indices.shape[2], generator).to(x_R.device)
        x_hat_N = self.model.mask(quantised.z_hat, lost)
        heard = self.model.synthesise(x_hat_N, self.model.decoder_context(x_hat_N.detach()))
        if heard.x_P is not None:
            named["error_aware"] = prediction_loss(heard.x_P, x_R)
        return heard.x_hat_R
