from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from thinwire.errors import ParamError
from thinwire.nn.complex_discriminator import (
    ComplexDiscriminator,
    feature_distance,
    lsgan_discriminator,
    lsgan_generator,
)


def test_layer_shapes() -> None:
    judged = ComplexDiscriminator()(torch.randn(2, 1, 48_000, generator=torch.Generator().manual_seed(0)))
    frames, bins, shapes = (48_000 - 320) // 160 + 1, 161, []
    for channels in (8, 8, 16, 16):
        frames, bins = (frames + 1) // 2, bins // 2
        shapes.append((2, channels, frames, bins))
    assert [tuple(f.shape) for f in judged.features[0]] == shapes
    assert len(judged.logits) == 1 and tuple(judged.logits[0].shape) == (2, 1, 2)  # 19 frames in tens


def test_kernels_strides_and_norms() -> None:
    model = ComplexDiscriminator()
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.kernel_size, c.stride) for c in convs] == [((3, 2), (2, 2))] * 4  # time, frequency
    norms = [m for m in model.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == 4 and all(n.affine for n in norms)
    assert model.fold.in_channels == 16 * 10 and model.fold.out_channels == 1


def test_spectrum_is_compressed_and_keeps_its_phase() -> None:
    model = ComplexDiscriminator(power=0.3)
    x = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(0))
    ours = model.spectrum(x)
    X = torch.stft(x[:, 0], 320, 160, window=torch.hann_window(320), center=False, return_complex=True).transpose(1, 2)
    expected = torch.polar(X.abs() ** 0.3, X.angle())
    assert torch.allclose(torch.complex(ours[:, 0], ours[:, 1]), expected, atol=1e-4)


def test_short_or_misshapen_input_is_refused() -> None:
    model = ComplexDiscriminator()
    for shape in [(1, 1, model.shortest - 1), (1, 2, 16_000), (1, 16_000)]:
        with pytest.raises(ParamError, match="waveform"):
            model(torch.zeros(shape))
    assert model(torch.randn(1, 1, model.shortest)).logits[0].shape == (1, 1, 1)


def logits(value: float, frames: int = 3) -> tuple[Tensor, ...]:
    return (torch.full((2, 1, frames), value),)


def test_least_squares_losses_of_known_logits() -> None:
    assert float(lsgan_discriminator(logits(1.0), logits(0.0))) == 0.0
    assert float(lsgan_discriminator(logits(0.5), logits(-2.0))) == pytest.approx(0.25 + 4.0)
    assert float(lsgan_generator(logits(-1.0))) == pytest.approx(4.0)
    mixed = (torch.tensor([[[1.0, 3.0]]]),)
    assert float(lsgan_generator(mixed)) == pytest.approx(2.0)
    assert float(ComplexDiscriminator().discriminator_loss(logits(0.0), mixed)) == pytest.approx(1.0 + 5.0)


def test_feature_distance_is_the_mean_over_layers_and_trains_only_the_fake_side() -> None:
    real = [torch.full((1, 2, 3, 4), 1.0, requires_grad=True), torch.zeros(1, 3, 2, 2)]
    fake = [torch.full((1, 2, 3, 4), -1.0, requires_grad=True), torch.full((1, 3, 2, 2), 0.5)]
    loss = feature_distance([real], [fake])
    assert float(loss.detach()) == pytest.approx((2.0 + 0.5) / 2)
    loss.backward()
    assert real[0].grad is None and fake[0].grad is not None


def test_silence_gives_finite_gradients() -> None:
    model = ComplexDiscriminator()
    real, fake = torch.zeros(2, 1, 8000), torch.zeros(2, 1, 8000, requires_grad=True)
    a, b = model(real), model(fake)
    loss = model.discriminator_loss(a.logits, b.logits) + lsgan_generator(b.logits)
    (loss + feature_distance(a.features, b.features)).backward()
    grads = [fake.grad, *(p.grad for p in model.parameters())]
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in grads)


def test_it_learns_to_tell_noise_from_a_tone() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = ComplexDiscriminator((4, 4, 8, 8))
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    tone = torch.sin(torch.arange(4000) * 0.3).expand(4, 1, -1)
    losses = []
    for _ in range(40):
        noise = 0.7 * torch.randn(4, 1, 4000, generator=generator)
        both = model(torch.cat([tone, noise])).logits[0]
        loss = model.discriminator_loss([both[:4]], [both[4:]])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 0.7 and losses[-1] < 0.2
