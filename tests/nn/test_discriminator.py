from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from thinwire.errors import ParamError
from thinwire.nn.discriminator import (
    ConvStack,
    StftDiscriminator,
    logit_gap,
)


def weights(stack: nn.Module) -> int:
    """Weights and biases of the convolutions, without the gains that weight norm adds."""
    convs = [m for m in stack.modules() if isinstance(m, nn.Conv2d)]
    return sum(conv.weight.numel() + conv.bias.numel() for conv in convs)


def trained(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_weight_counts_are_the_cited_models():
    model = StftDiscriminator()
    assert [weights(stack) for stack in model.stacks] == [94_337] * 3
    assert weights(model) == 283_011
    assert weights(StftDiscriminator([(n, n // 4) for n in (2048, 1024, 512, 256, 128)])) == 471_685
    assert trained(model) == 283_011 + 3 * 129  # a gain for each filter from the second layer on


def test_layer_shapes():
    model = StftDiscriminator()
    judged = model(torch.randn(2, 1, 16000))
    for (n_fft, hop), logits, features in zip(
        [(1024, 256), (2048, 512), (512, 128)], judged.logits, judged.features, strict=True
    ):
        frames, bins = (16000 - n_fft) // hop + 1, n_fft // 2 + 1
        halved = [bins]
        for _ in range(3):
            halved.append((halved[-1] + 1) // 2)
        assert [tuple(f.shape) for f in features] == [(2, 32, frames, b) for b in [*halved, halved[-1]]]
        assert tuple(logits.shape) == (2, 1, frames, halved[-1])


def test_kernels_strides_and_dilations():
    stack = ConvStack(2)
    convs = [m for m in stack.modules() if isinstance(m, nn.Conv2d)]
    assert [c.kernel_size for c in convs] == [(3, 9)] * 4 + [(3, 3)] * 2
    assert [c.stride for c in convs] == [(1, 1)] + [(1, 2)] * 3 + [(1, 1)] * 2
    assert [c.dilation for c in convs] == [(1, 1), (1, 1), (2, 1), (4, 1), (1, 1), (1, 1)]
    normed = [hasattr(c, "parametrizations") for c in convs]
    assert normed == [False] + [True] * 5


def test_stft_is_normalised_by_the_windows_energy():
    # white noise of deviation 1 has |X|^2 of mean 1 in every bin
    x = torch.randn(4, 1, 16000, generator=torch.Generator().manual_seed(0))
    for view in StftDiscriminator().views(x):
        assert float(view.square().sum(1).mean()) == pytest.approx(1.0, rel=0.05)


def test_short_or_misshapen_input_is_refused():
    for shape in [(1, 1, 2047), (1, 2, 16000), (1, 16000)]:
        with pytest.raises(ParamError, match="waveform"):
            StftDiscriminator(filters=2)(torch.zeros(shape))
    with pytest.raises(ParamError, match="scale"):
        StftDiscriminator(scales=())


def maps(*values: float) -> tuple[Tensor, ...]:
    return tuple(torch.full((2, 1, 3, 4 + i), v) for i, v in enumerate(values))


def test_losses_of_known_logits():
    hinge = StftDiscriminator.discriminator_loss(maps(2.0, 0.0), maps(-2.0, 0.5))
    assert float(hinge) == pytest.approx((0.0 + 1.0 + 1.5) / 2)
    gap = logit_gap(maps(2.0, 0.0), maps(-1.0, 0.5))
    assert gap.shape == (2,) and gap.tolist() == pytest.approx([1.75, 1.75])


def test_silence_gives_finite_gradients():
    model, shape = StftDiscriminator(filters=4), (2, 1, 4096)
    real, fake = torch.zeros(shape), torch.zeros(shape, requires_grad=True)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.bias)
    a, b = model(real), model(fake)
    loss = model.discriminator_loss(a.logits, b.logits) + logit_gap(a.logits, b.logits).mean()
    loss.backward()
    grads = [fake.grad, *(p.grad for p in model.parameters())]
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in grads)


def test_it_learns_to_tell_noise_from_a_tone():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = StftDiscriminator([(256, 64)], filters=8)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    tone = torch.sin(torch.arange(2048) * 0.3).expand(4, 1, -1)
    losses = []
    for _ in range(30):
        noise = 0.7 * torch.randn(4, 1, 2048, generator=generator)
        loss = model.discriminator_loss(model(tone).logits, model(noise).logits)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 1.5 and losses[-1] < 0.5
