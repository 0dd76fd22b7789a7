"""AuComNet (Fig. 10, section 4.3): a bidirectional LSTM along time, two convolutions with GDN between them, and back.

Of the networks that have the printed size and operations the one of facts 3.1 (i) is taken: 80 mels, 1 to 128 to M
channels by kernels of 5 and strides of 2. Version 3 has an LSTM of half the output width, hence half the rows (H / 8,
not the printed H / 4): normalised latents cost much the same bits a symbol whatever the network, so that its lower
printed rate needs fewer symbols (reading). The decoder ends in a linear layer, because an LSTM's outputs stay within -1
and 1, and those of version 3 are too few (reading).
"""

from __future__ import annotations

from torch import Tensor, nn

from thinwire.nn.factorised_prior import FactorisedPrior
from thinwire.nn.gdn import Gdn
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import STRIDE, VARIANTS, Settings
from thinwire.systems.aucom.feature_codec import FeatureNet

KERNEL = 5


class Analysis(nn.Module):
    """h_f: standardised features (B, H, L) to the latent r (B, M, rows / M, L / 4)."""

    gdn: Gdn

    def __init__(self, n_mels: int, hidden: int, channels: int, latent_channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_mels, hidden, batch_first=True, bidirectional=True)
        self.widen = nn.Conv2d(1, channels, KERNEL, 2, KERNEL // 2)
        self.gdn = Gdn(channels)
        self.narrow = nn.Conv2d(channels, latent_channels, KERNEL, 2, KERNEL // 2)

    def forward(self, f: Tensor) -> Tensor:
        sequence, _ = self.lstm(f.transpose(1, 2))
        return self.narrow(self.gdn(self.widen(sequence.transpose(1, 2).unsqueeze(1))))


class Synthesis(nn.Module):
    """h_b: the latent (B, M, rows / M, L / 4) to standardised features (B, H, L)."""

    def __init__(self, n_mels: int, hidden: int, channels: int, latent_channels: int) -> None:
        super().__init__()
        self.widen = nn.ConvTranspose2d(latent_channels, channels, KERNEL, 2, KERNEL // 2, output_padding=1)
        self.igdn = Gdn(channels, inverse=True)
        self.narrow = nn.ConvTranspose2d(channels, 1, KERNEL, 2, KERNEL // 2, output_padding=1)
        self.lstm = nn.LSTM(2 * hidden, hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, n_mels)

    def forward(self, r: Tensor) -> Tensor:
        image = self.narrow(self.igdn(self.widen(r)))
        sequence, _ = self.lstm(image.squeeze(1).transpose(1, 2))
        return self.linear(sequence).transpose(1, 2)


class AuComNet(FeatureNet):
    """The codec between features f (B, H, L) (natural log-mel energies, `thinwire.kaldi`) and symbols (B, rows, L / 4),
    and the prior on its normalised latent.

    `rows` = M H_s / 2 (versions 1 and 2: M H / 4). The weights hold everything but the normalisation tables, which
    `normalisation.attach` takes from `tables.safetensors`.
    """

    encoder: Analysis
    decoder: Synthesis

    def __init__(self, settings: Settings, row: AucomRow) -> None:
        channels, mels_per_unit = VARIANTS[row.variant]
        hidden = settings.n_mels // mels_per_unit
        rows = channels * 2 * hidden // STRIDE
        super().__init__(settings.n_mels, settings.chunk_frames, rows, settings.chunk_frames // STRIDE)
        self.channels = channels
        sizes = (settings.n_mels, hidden, settings.channels, channels)
        self.encoder, self.decoder = Analysis(*sizes), Synthesis(*sizes)
        self.prior = FactorisedPrior(rows, settings.prior_filters, init_scale=1.0)  # of unit variance

    def encode_latent(self, f: Tensor) -> Tensor:
        """r (B, M, rows / M, L / 4) of features f (B, H, L), L a multiple of 4."""
        return self.encoder(self.standardise(f))

    def decode_latent(self, r_hat: Tensor) -> Tensor:
        """Features f_hat (B, H, L) of a latent (B, M, rows / M, L / 4)."""
        return self.decoder(r_hat) * self.feature_std + self.feature_mean[:, None]

    def as_rows(self, r: Tensor) -> Tensor:
        """(B, M, rows / M, T) to (B, rows, T) (section 4.3.1)."""
        return r.flatten(1, 2)

    def as_image(self, r: Tensor) -> Tensor:
        """(B, rows, T) to (B, M, rows / M, T)."""
        return r.unflatten(1, (self.channels, -1))

    def analyse(self, x: Tensor) -> Tensor:
        return self.as_rows(self.encoder(x))

    def synthesise(self, r: Tensor) -> Tensor:
        return self.decoder(self.as_image(r))

    def normalise(self, r: Tensor) -> Tensor:
        """r~ (B, rows, 125) of the latent of whole chunks, by the tables; raises CheckpointError without tables."""
        return self.normalisation.tables.normalise(self.as_rows(r))
