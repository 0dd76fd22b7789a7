"""The codec's model: sizes, the loop's two passes, steps against the whole, losses, power."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.systems.tfcodec.decoder import Decoder
from thinwire.systems.tfcodec.encoder import Encoder, map_bins
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.predictor import (
    AdaptivePredictor,
    ConvPredictor,
    Extractor,
    Predictor,
    Synthesizer,
    fold_steps,
    unfold_steps,
)

PAPER = TfShape(channels=(16, 32, 32, 64, 64), tcm_hidden=512, latent=288, predictor_hidden=53)
TINY = TfShape(channels=(2, 3, 3, 4, 4), tcm_hidden=6, tcm_dilations=[1, 2], latent=12, predictor_hidden=4)
LOOPS = [("none", "distance_gumbel"), ("conv", "distance_gumbel"), ("conv", "gumbel"), ("adaptive", "distance_gumbel")]


@pytest.fixture
def audio(make_noise: Callable[[int, int], np.ndarray]) -> Tensor:
    """(2, 8000): half a second each."""
    return torch.from_numpy(np.stack([make_noise(8000, 1), make_noise(8000, 2)]))


def size(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def test_parameters_of_the_papers_size() -> None:
    encoder, decoder = Encoder(PAPER, 640), Decoder(PAPER, 640)
    loop = [ConvPredictor(PAPER), Extractor(PAPER.latent), Synthesizer(PAPER.latent)]
    assert size(encoder) == 2_111_405
    assert size(decoder) == 3_436_385
    assert size(*loop[1:]) == 333_506
    assert round(size(*loop) / 1e6, 2) == 0.82
    assert round(size(encoder, decoder, *loop) / 1e6, 2) == 6.37


@pytest.mark.parametrize("shape", [TINY, TfShape()])
def test_shapes(shape: TfShape) -> None:
    assert map_bins(shape, 640) == [321, 321, 161, 41, 11, 5]
    latent = Encoder(shape, 640)(torch.randn(2, 2, 321, 8))
    assert latent.shape == (2, shape.latent, 8)
    assert Decoder(shape, 640)(latent).shape == (2, 2, 321, 8)


def test_a_spectrum_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="161 bins"):
        Encoder(TINY, 640)(torch.randn(1, 2, 161, 8))


@pytest.mark.parametrize("predictor,quantiser", LOOPS)
def test_parallel_and_autoregressive_pass_agree(
    predictor: str, quantiser: str, audio: Tensor, make_lively: Callable[..., TfCodec]
) -> None:
    model = make_lively(predictor, quantiser)
    x_R = model.encode_latent(audio)
    context = model.context(x_R)
    loop = model.loop(x_R, context=context)
    assert torch.allclose(loop.x_hat_R, context, atol=1e-5)
    indices = model.encode(audio)
    assert indices.unique().numel() > 3
    assert torch.equal(loop.quantised.indices, indices)
    assert torch.allclose(model.synthesise_latent(indices), context, atol=1e-5)


@pytest.mark.parametrize("predictor", ["conv", "adaptive"])
def test_a_step_depends_on_past_steps_only(predictor: str, audio: Tensor, make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively(predictor)
    context = model.context(model.encode_latent(audio))
    changed = context.clone()
    changed[:, :, 20:24] += 1.0
    before, after = (unfold_steps(model.predictor(fold_steps(c))) for c in (context, changed))
    touched = (before - after).abs().amax((0, 1)).view(-1, 4).amax(1) > 1e-7
    assert touched.nonzero().flatten().tolist() == list(range(6, 13))  # seven steps: 280 ms


@pytest.mark.parametrize("kind", [ConvPredictor, AdaptivePredictor])
def test_predictor_steps_equal_the_whole(kind: type[Predictor]) -> None:
    torch.manual_seed(0)
    predictor, context = kind(TINY), torch.randn(2, 11, 48)
    state, last, out = predictor.initial_state(2), torch.zeros(2, 1, 48), []
    for step in range(11):
        predicted, state = predictor.step(last, state)
        out.append(predicted)
        last = context[:, step : step + 1]
    assert torch.allclose(torch.cat(out, 1), predictor(context), atol=1e-6)


def test_adaptive_predictor_by_the_papers_equations() -> None:
    context = torch.randn(1, 12, 48, generator=torch.Generator().manual_seed(0))
    past, N, t = context[0], TINY.predictor_steps, 10
    keys = torch.stack([past[t - i] for i in range(2, N + 1)])
    values = torch.stack([past[t - i] for i in range(1, N)])
    weights = (keys @ past[t - 1] / math.sqrt(48)).softmax(0)
    assert torch.allclose(AdaptivePredictor(TINY)(context)[0, t], weights @ values, atol=1e-6)


@pytest.mark.parametrize("predictor,quantiser", LOOPS)
def test_step_functions_equal_the_offline_codec(
    predictor: str, quantiser: str, audio: Tensor, make_lively: Callable[..., TfCodec]
) -> None:
    from thinwire.signal.causal_stft import as_complex, as_pairs, causal_istft, causal_stft

    model = make_lively(predictor, quantiser)
    spectrum = as_pairs(causal_stft(audio, 640, 160))
    state, found = model.encoder_state(2), []
    for frames in spectrum.split(4, 3):
        indices, state = model.encoder_step(frames, state)
        found.append(indices)
    indices = torch.cat(found, 2)
    assert torch.equal(indices, model.encode(audio))

    lost = torch.rand(2, indices.shape[2], 2, generator=torch.Generator().manual_seed(0)) < 0.3
    state, heard = model.decoder_state(2), []
    for step in range(indices.shape[2]):
        frames, state = model.decoder_step(indices[..., step : step + 1], lost[:, step : step + 1], state)
        heard.append(frames)
    output = causal_istft(as_complex(torch.cat(heard, 3)), 640, 160, 8000)
    offline = model.decode(indices, 8000, lost)
    assert torch.allclose(output, offline, atol=1e-5 * float(offline.abs().max()))
    assert not torch.allclose(output, model.decode(indices, 8000))


@pytest.mark.parametrize("groups", [2, 3])
def test_a_lost_packet_silences_its_groups(groups: int, make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively(groups=groups)
    x_hat_N = 1.0 + torch.rand(1, 12, 12)
    lost = torch.tensor([[[True, False], [False, True], [True, True]]])
    here = model.mask(x_hat_N, lost) != 0
    first = {2: 6, 3: 8}[groups]  # the odd group travels in the first packet
    expected = torch.ones(1, 12, 12, dtype=torch.bool)
    expected[:, :first, :4] = expected[:, first:, 4:8] = expected[:, :, 8:] = False
    assert torch.equal(here, expected)


def test_losses_change_the_decoder_only_from_there_on(audio: Tensor, make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively("conv")
    indices = model.encode(audio)
    lost = torch.zeros(2, indices.shape[2], 2, dtype=torch.bool)
    lost[:, 6] = True
    clean, hurt = model.synthesise_latent(indices), model.synthesise_latent(indices, lost)
    assert torch.equal(clean[:, :, :24], hurt[:, :, :24]) and not torch.equal(clean[:, :, 28:], hurt[:, :, 28:])
    parallel = model.synthesise(model.mask(model.quantiser.decode(indices), lost), hurt)
    assert torch.allclose(parallel.x_hat_R, hurt, atol=1e-5)


@pytest.mark.parametrize("predictor", ["none", "conv", "adaptive"])
def test_training_reaches_every_parameter(predictor: str, audio: Tensor) -> None:
    torch.manual_seed(0)
    row = TfRow(after="-", steps=1, kbps=1.0, groups=3, codewords=16, predictor=predictor)  # type: ignore[arg-type]
    model = TfCodec(Settings(shape=TINY), row)
    # the fifth pass, because the predictor sees zeros until statistics have moved
    for _ in range(5):
        model.zero_grad()
        loop = model.loop(model.encode_latent(audio), 1.0, torch.Generator().manual_seed(0))
        model.decode_latent(loop.x_hat_R, 8000).square().mean().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_context_leaves_no_trace(audio: Tensor, make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively("conv").train().requires_grad_(True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x_R = torch.randn(2, 12, 16, requires_grad=True)
    assert not model.context(x_R).requires_grad
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_noise_comes_from_the_generator_alone(audio: Tensor, make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively("conv").train()
    x_R = model.eval().encode_latent(audio)
    state = torch.get_rng_state()
    first, again, other = (model.loop(x_R, 2.0, torch.Generator().manual_seed(s)).quantised.indices for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_power_is_clamped_where_it_is_used_and_finds_back(make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively().requires_grad_(True)
    with torch.no_grad():
        model.power.fill_(0.1)
    assert torch.isclose(model.exponent, torch.tensor(0.2))
    (gradient,) = torch.autograd.grad(model.exponent, [model.power])
    assert gradient == 1.0
    assert "power" not in dict(make_lively(power="fixed").named_parameters())
    assert math.isclose(float(make_lively(power="fixed").exponent), 0.3, rel_tol=1e-6)


def test_audio_comes_back_at_its_length(make_lively: Callable[..., TfCodec]) -> None:
    model = make_lively("conv")
    for samples in (1, 159, 640, 641, 5000):
        indices = model.encode(torch.zeros(1, samples))
        assert indices.shape == (1, 3, -(-(samples + 480) // 640))
        assert model.decode(indices, samples).shape == (1, samples)
