"""The systems that AUCOM is compared with: interpolation, sensing with unrolled ISTA, DeepCOD-like."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from thinwire.errors import CheckpointError
from thinwire.params.aucom_deepcod import Settings as DeepcodSettings
from thinwire.params.aucom_sensing import Settings as SensingSettings
from thinwire.systems.aucom.compared_system import ComparedSystem
from thinwire.systems.aucom.deepcod import DeepcodNet, PlaneAttention
from thinwire.systems.aucom.feature_codec import FeatureCodec, FeatureNet
from thinwire.systems.aucom.interpolation import Interpolation, resampling_matrix
from thinwire.systems.aucom.normalisation import measure_tables
from thinwire.systems.aucom.sensing import (
    SensingNet,
    as_blocks,
    as_plane,
    gradient_step,
    soft_threshold,
)

MELS, FRAMES = 16, 40
SMALL = {"spectrum": {"n_mels": MELS}, "chunk_s": FRAMES / 100, "crop_s": 0.2}


def features(items: int, seed: int = 0) -> Tensor:
    """(items, 16, 40) smooth planes far from zero mean, as log energies are."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randn(items, 1, 5, 9, generator=draw)
    smooth = F.interpolate(coarse, (MELS, FRAMES), mode="bicubic", align_corners=True)[:, 0]
    return 3.0 * smooth - 8.0 + 0.1 * torch.randn(items, MELS, FRAMES, generator=draw)


def sensing(measurements: list[int] | None = None, **changes: int) -> SensingNet:
    torch.manual_seed(0)
    counts = measurements or [4, 8, 16]
    return SensingNet(SensingSettings(**SMALL, measurements=counts, **({"stages": 2, "width": 4} | changes)))


def deepcod() -> DeepcodNet:
    torch.manual_seed(0)
    return DeepcodNet(DeepcodSettings(**SMALL, width=8, blocks=1))


def interpolation() -> Interpolation:
    return Interpolation(MELS, FRAMES, (4, 4))


def prepared(net: FeatureNet) -> FeatureNet:
    """With statistics and tables of material of its own."""
    f = features(64, seed=1)
    net.eval().requires_grad_(False).fit_statistics(f)
    tables = measure_tables([net.latent(f)])
    net.normalisation.attach(tables.mu, tables.sigma)
    return net


def error(codec: FeatureCodec, f: Tensor, tau: float) -> float:
    return float((codec.features(codec.symbols(f, tau), tau) - f).square().mean())


@pytest.mark.parametrize("make", [sensing, deepcod, interpolation])
def test_symbols_are_integers_in_rows_and_features_keep_their_shape(make):
    net = prepared(make())
    symbols = net.symbols(features(3), 1.0)
    assert symbols.dtype == torch.int32 and symbols.shape == (3, net.rows, FRAMES // 4)
    assert net.features(symbols, 1.0).shape == (3, MELS, FRAMES)
    values = net.symbols(features(64, seed=1), 1.0).float()
    assert 0.7 < values.var() < 1.5  # unit variance and rounding's 1/12, whatever the transform


@pytest.mark.parametrize("make", [sensing, deepcod, interpolation])
def test_without_tables_nothing_is_coded(make):
    with pytest.raises(CheckpointError, match="tables"):
        make().symbols(features(1))


def test_sizes_of_symbols_agree_with_aucomnet_v2():
    whole = Interpolation(80, 500, (4, 4))
    assert (whole.rows, whole.analyse(torch.zeros(1, 80, 500)).shape[2]) == (20, 125)
    assert SensingSettings().measurements[0] == 20
    assert DeepcodNet(DeepcodSettings()).rows == 60


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("factors", [(1, 1), (2, 4), (4, 2), (8, 8)])
def test_interpolation_is_torchs_in_two_dimensions(mode, factors):
    net, x = Interpolation(MELS, FRAMES, factors, mode), features(2)
    small = (MELS // factors[0], FRAMES // factors[1])
    r = F.interpolate(x[:, None], small, mode=mode, align_corners=False, antialias=True)
    torch.testing.assert_close(net.analyse(x), r[:, 0], atol=1e-4, rtol=1e-4)
    back = F.interpolate(r, (MELS, FRAMES), mode=mode, align_corners=False)
    torch.testing.assert_close(net.synthesise(r[:, 0]), back[:, 0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resampling_keeps_constants_and_linear_ramps(mode):
    down, up = resampling_matrix(40, 10, mode), resampling_matrix(10, 40, mode)
    torch.testing.assert_close(down.sum(1), torch.ones(10))
    torch.testing.assert_close(up.sum(1), torch.ones(40))
    if mode == "bilinear":  # torch's cubic kernel (a = -0.75) does not keep ramps
        ramp = torch.arange(40.0)
        torch.testing.assert_close((up @ down @ ramp)[14:26], ramp[14:26], atol=1e-3, rtol=0.0)


def test_interpolation_of_one_is_lossless_up_to_its_step():
    net = prepared(Interpolation(MELS, FRAMES, (1, 1)))
    f = features(2)
    lost = (net.features(net.symbols(f, 0.5), 0.5) - f) / net.feature_std
    steps = lost.abs() / net.normalisation.tables.sigma
    assert steps.max() <= 0.25 + 1e-3


def test_factors_must_divide_the_chunk():
    with pytest.raises(ValueError, match="do not divide"):
        Interpolation(80, 500, (4, 8))


def test_coarser_interpolation_loses_more():
    f = features(4)
    errors = [error(prepared(Interpolation(MELS, FRAMES, (k, k))), f, 0.1) for k in (1, 2, 4, 8)]
    assert errors == sorted(errors) and errors[0] < 0.1 * errors[-1]


@given(st.floats(-5, 5), st.floats(0, 3))
def test_the_soft_threshold_minimises_its_objective(x, theta):
    grid = torch.linspace(-6, 6, 4801, dtype=torch.float64)
    best = grid[torch.argmin(0.5 * (grid - x).square() + theta * grid.abs())]
    found = soft_threshold(torch.tensor(x, dtype=torch.float64), torch.tensor(theta, dtype=torch.float64))
    assert abs(float(found - best)) <= 0.0026


def test_blocks_hold_forty_milliseconds_of_all_mels():
    x = torch.arange(2.0 * MELS * FRAMES).reshape(2, MELS, FRAMES)
    blocks = as_blocks(x)
    assert blocks.shape == (2, 4 * MELS, FRAMES // 4)
    assert set(blocks[1, :, 3].tolist()) == set(x[1, :, 12:16].flatten().tolist())
    assert torch.equal(as_plane(blocks), x)


def test_the_gradient_step_is_the_gradient():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, MELS, FRAMES, generator=draw, dtype=torch.float64, requires_grad=True)
    phi = torch.randn(5, 4 * MELS, generator=draw, dtype=torch.float64)
    y = torch.randn(2, 5, FRAMES // 4, generator=draw, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(0.5 * (phi @ as_blocks(x) - y).square().sum(), x)
    torch.testing.assert_close(gradient_step(x, y, phi, torch.tensor(0.3)), x - 0.3 * gradient)


def test_ista_with_identity_transforms_solves_the_lasso():
    """Stages iterate gradient step and threshold; run to convergence they are scikit-learn's lasso."""
    from sklearn.linear_model import Lasso

    draw = np.random.default_rng(0)
    phi = draw.standard_normal((6, 4 * 4)) / 4.0
    truth = np.zeros(16)
    truth[[2, 9]] = (1.5, -2.0)
    y = phi @ truth
    theta = 0.02
    lasso = Lasso(alpha=theta / 6, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(phi, y).coef_
    rho = 1.0 / np.linalg.norm(phi, 2) ** 2
    x = torch.zeros(1, 4, 4, dtype=torch.float64)
    tensors = torch.from_numpy(y)[None, :, None], torch.from_numpy(phi), torch.tensor(rho, dtype=torch.float64)
    for _ in range(5_000):
        x = soft_threshold(gradient_step(x, *tensors), torch.tensor(theta * rho, dtype=torch.float64))
    np.testing.assert_allclose(as_blocks(x)[0, :, 0].numpy(), lasso, atol=1e-5)


def test_an_untrained_sensing_network_projects_and_all_measurements_are_exact():
    net, x = sensing([4, 4 * MELS]).requires_grad_(False), features(2)
    torch.testing.assert_close(net.synthesise(net.analyse(x)), x, atol=1e-4, rtol=1e-4)
    few = net.synthesise(net.analyse(x)[:, :4])
    torch.testing.assert_close(net.synthesise(net.analyse(few)[:, :4]), few, atol=1e-4, rtol=1e-4)
    assert (few - x).square().mean() > 0.1


def test_fewer_measurements_are_the_first_rows_of_more():
    net, f = prepared(sensing()), features(2)
    codec = net.at(8)
    assert codec.rows == 8 and torch.equal(codec.symbols(f), net.symbols(f)[:, :8])
    assert codec.features(codec.symbols(f)).shape == f.shape
    with pytest.raises(ValueError, match="1 to 16"):
        net.at(17)


def test_attention_sees_every_place_and_begins_as_the_identity():
    torch.manual_seed(0)
    layer, x = PlaneAttention(4, 2), torch.randn(1, 4, 3, 5, requires_grad=True)
    assert torch.equal(layer(x), x)
    torch.nn.init.ones_(layer.gamma)
    (gradient,) = torch.autograd.grad(layer(x)[0, :, 0, 0].sum(), x)
    assert (gradient.abs().sum(1) > 0).all()


def test_the_deepcod_encoder_has_the_papers_size():
    """Table 3: 5.1e-2 thousand parameters."""
    assert sum(p.numel() for p in DeepcodNet(DeepcodSettings()).encoder.parameters()) == 51


@pytest.mark.parametrize("make", [sensing, deepcod])
def test_training_lowers_the_distortion_of_coded_features(make):
    f = features(64, seed=2)
    net = make()
    net.fit_statistics(f)
    settings = SensingSettings(**SMALL, measurements=[4, 8, 16])
    system = ComparedSystem(net, settings, settings.measurements if isinstance(net, SensingNet) else [net.rows])

    def coded() -> float:
        net.eval()
        with torch.no_grad():
            tables = measure_tables([net.latent(f)])
        net.normalisation.attach(tables.mu, tables.sigma)
        return error(net.at(4) if isinstance(net, SensingNet) else net, features(8), 1.0)

    before = coded()
    optimiser = torch.optim.Adam(system.parameters(), 1e-2)
    for step in range(80):
        losses = system.train()({"clean": f[(step % 4) * 16 :][:16]}, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        system.total(losses).backward()
        optimiser.step()
    assert coded() < 0.7 * before


def test_losses_are_a_function_of_the_generator_alone():
    system = ComparedSystem(sensing(), SensingSettings(**SMALL, measurements=[4, 8, 16]), [4, 8, 16]).eval()
    values = [
        float(system({"clean": features(4)}, torch.Generator().manual_seed(seed)).named["distortion"].detach())
        for seed in (5, 5, 6)
    ]
    assert values[0] == values[1] != values[2]
