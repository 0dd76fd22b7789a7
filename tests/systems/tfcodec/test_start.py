"""Where training begins: fine structure passes the mirrored start; fitted codebooks change codes only."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from thinwire.errors import ParamError
from thinwire.nn.group_quantiser import DistanceGumbelQuantiser, GumbelQuantiser
from thinwire.params.tfcodec import Settings, TfQuantiser, TfRow, TfShape
from thinwire.systems.tfcodec import start
from thinwire.systems.tfcodec.decoder import Decoder
from thinwire.systems.tfcodec.encoder import Encoder
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.system import TfCodecSystem
from thinwire.training.adapters.tfcodec import refit
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

SHAPE = Settings().shape


def pair(shape: TfShape = SHAPE) -> tuple[Encoder, Decoder]:
    torch.manual_seed(0)
    return Encoder(shape, 640), Decoder(shape, 640)


def noise(frames: int = 40) -> Tensor:
    """White spectra (B, 2, F, T): all of it fine structure."""
    return torch.randn(2, 2, 321, frames, generator=torch.Generator().manual_seed(1))


def agreement(encoder: Encoder, decoder: Decoder) -> float:
    """Correlation of spectra with what the decoder makes of them."""
    with torch.no_grad():
        return float(torch.corrcoef(torch.stack([noise().flatten(), decoder(encoder(noise())).flatten()]))[0, 1])


def test_fine_structure_passes_from_the_first_step_on() -> None:
    encoder, decoder = pair()
    assert abs(agreement(encoder, decoder)) < 0.02
    start.mirror(encoder, decoder)
    # 96 numbers for 642: no linear map onto so few keeps more of white noise than a correlation of 0.39
    assert 0.1 < agreement(encoder, decoder) < (96 / 642) ** 0.5


def test_mirrored_training_leaves_the_saddle() -> None:
    """Sixty steps of squared error learn something from the mirrored start and nothing from a random one."""

    def explained(mirrored: bool) -> float:
        encoder, decoder = pair(TfShape(channels=(4, 8, 8, 16, 16), tcm_hidden=16, tcm_dilations=[1], latent=40))
        if mirrored:
            start.mirror(encoder, decoder)
        # of low rank, so that 40 numbers can hold it
        generator = torch.Generator().manual_seed(2)
        basis = torch.randn(20, 2 * 321, generator=generator) / 20**0.5
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
        error = torch.zeros(())
        for _ in range(60):
            X = (torch.randn(4, 20, 20, generator=generator) @ basis).transpose(1, 2).unflatten(1, (2, 321))
            error = (decoder(encoder(X)) - X).square().mean() / X.square().mean()
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
        return 1.0 - float(error.detach())

    random, mirrored = explained(False), explained(True)
    assert random < 0.02 and mirrored > 0.1


def correlated(channels: int = 12, frames: int = 4000) -> Tensor:
    """Latents (4, C, T): channels of falling strength, mixed by an orthogonal matrix."""
    generator = torch.Generator().manual_seed(3)
    mixing = torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q
    strength = 2.0 ** -torch.arange(channels)
    return mixing @ (strength[:, None] * torch.randn(4, channels, frames, generator=generator))


def test_axes_are_principal_and_shared_out_evenly() -> None:
    x = correlated()
    rotation = start.share_out(x, 3)
    assert torch.allclose(rotation @ rotation.T, torch.eye(12), atol=1e-5)
    covariance = torch.cov((rotation @ x).transpose(1, 2).flatten(0, 1).T)
    scale = covariance.diagonal().sqrt()
    assert float((covariance / (scale * scale[:, None]) - torch.eye(12)).abs().max()) < 1e-2
    loads = covariance.diagonal().log().unflatten(0, (3, 4)).sum(1)
    unturned = torch.sort(covariance.diagonal(), descending=True).values.log().unflatten(0, (3, 4)).sum(1)
    assert float(loads.max() - loads.min()) < 0.2 * float(unturned.max() - unturned.min())


def test_fitted_codebooks_lose_less_on_shared_out_axes() -> None:
    def loss(x: Tensor) -> float:
        quantiser = DistanceGumbelQuantiser(12, 4, 3, 32, TfQuantiser())
        start.fit_codebooks(quantiser, x, seed=0)
        with torch.no_grad():
            z_hat = quantiser(x).z_hat
        return float((z_hat - x).square().sum() / x.square().sum())

    x = correlated()
    assert loss(start.share_out(x, 3) @ x) < 0.9 * loss(x)


def test_both_quantisers_start_from_equal_codes() -> None:
    x, made = correlated(), [kind(12, 4, 3, 32, TfQuantiser()) for kind in (DistanceGumbelQuantiser, GumbelQuantiser)]
    for quantiser in made:
        start.fit_codebooks(quantiser, x, seed=0)
    codes = [quantiser.encode(x) for quantiser in made]
    assert float((codes[0] == codes[1]).float().mean()) > 0.999 and int(codes[0].unique().numel()) == 32


def test_too_few_clips_for_the_codewords_are_refused() -> None:
    with pytest.raises(ValueError, match="20 vectors for 32 codewords"):
        start.fit_codebooks(DistanceGumbelQuantiser(12, 4, 3, 32, TfQuantiser()), correlated(frames=20), seed=0)


def tiny(**row: Any) -> tuple[TfCodecSystem, Splits]:
    torch.manual_seed(0)
    shape = TfShape(channels=(2, 2, 4, 4, 4), tcm_hidden=8, tcm_dilations=[1, 2], latent=8, predictor_hidden=4)
    made = TfRow(**({"after": "data", "steps": 1, "kbps": 0.3, "groups": 2, "codewords": 16} | row))
    system = TfCodecSystem(Settings(shape=shape, crop_s=0.4), made)
    clean = TensorData({"clean": 0.1 * torch.randn(8, system.samples, generator=torch.Generator().manual_seed(4))})
    return system, Splits(clean, clean, {}, {}, 0.4)


def test_refit_changes_codes_but_not_what_is_heard_without_them() -> None:
    system, splits = tiny()
    clean = splits.train.tensors["clean"]
    model = system.model.eval()
    with torch.no_grad():
        before, lost = model.decode_latent(model.encode_latent(clean), clean.shape[1]), _lost(model, clean)
    refit(system, splits, "codebooks")
    model.eval()
    with torch.no_grad():
        after = model.decode_latent(model.encode_latent(clean), clean.shape[1])
    assert torch.allclose(before, after, atol=1e-5)
    assert _lost(model, clean) < 0.8 * lost


def test_a_loop_begins_as_if_it_were_not_there() -> None:
    without, splits = tiny()
    refit(without, splits, "codebooks")
    clean = splits.train.tensors["clean"]
    codes = without.model.eval().encode(clean)
    for predictor in ("conv", "adaptive"):
        system, _ = tiny(predictor=predictor)
        system.model.load_state_dict(system.model.state_dict() | without.model.state_dict())
        assert not torch.equal(system.model.eval().encode(clean), codes)
        refit(system, splits, "loop")
        model = system.model.eval()
        assert torch.equal(model.encode(clean), codes)
        assert torch.allclose(model.synthesise_latent(codes), without.model.synthesise_latent(codes), atol=1e-5)
    with pytest.raises(ParamError, match="no part `loop`"):
        refit(without, splits, "loop")


@torch.no_grad()
def _lost(model: TfCodec, clean: Tensor) -> float:
    """Share of the latent's energy that its codes lose."""
    x_R = model.encode_latent(clean)
    return float((model.quantiser(x_R).z_hat - x_R).square().sum() / x_R.square().sum())
