"""PSNR and MS-SSIM of images: closed forms, an independent MS-SSIM, sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio

from thinwire.errors import ParamError
from thinwire.metrics.images import BETAS, SIGMA, TAPS, betas_of, ms_ssim, psnr


def pictures(n: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth noise in -.5 .. .5."""
    noise = np.random.default_rng(seed).standard_normal((n, 3, height, width))
    for axis in (2, 3):
        noise = correlate1d(noise, np.hanning(9) / np.hanning(9).sum(), axis=axis, mode="wrap")
    return np.clip(noise, -0.5, 0.5).astype(np.float32)


def test_psnr_of_each_image() -> None:
    x = pictures(2, 16, 32)
    off = x + np.array([0.1, 0.01], np.float32)[:, None, None, None]
    assert np.allclose(psnr(x, off), [20.0, 40.0], atol=1e-3)
    assert psnr(x, x).tolist() == [math.inf, math.inf]
    noisy = x + pictures(2, 16, 32, seed=1)
    expected = [peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in zip(x, noisy, strict=True)]
    assert np.allclose(psnr(x, noisy), expected, atol=1e-3)


def own_ms_ssim(x: np.ndarray, y: np.ndarray, betas: tuple[float, ...]) -> float:
    """Of one image (C, H, W) in 0..1, Wang et al. 2003; windows of 11 taps reach over the borders by reflection, and
    contrast is averaged over windows inside the image alone.
    """
    taps = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    assert (len(taps), 1.5) == (TAPS, SIGMA)  # what captions say
    taps /= taps.sum()

    def blur(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, taps, axis=1, mode="mirror"), taps, axis=2, mode="mirror")

    c1, c2, value = 0.01**2, 0.03**2, 1.0
    for scale, beta in enumerate(betas):
        mu, nu = blur(x), blur(y)
        contrast = (2 * (blur(x * y) - mu * nu) + c2) / (blur(x * x) - mu**2 + blur(y * y) - nu**2 + c2)
        if scale == len(betas) - 1:
            return float(value * ((2 * mu * nu + c1) / (mu**2 + nu**2 + c1) * contrast).mean() ** beta)
        value *= contrast[:, 5:-5, 5:-5].mean() ** beta
        x, y = (side.reshape(3, side.shape[1] // 2, 2, side.shape[2] // 2, 2).mean(axis=(2, 4)) for side in (x, y))
    raise AssertionError


@pytest.mark.parametrize(("height", "width", "scales"), [(128, 256, 5), (64, 128, 4), (32, 64, 3), (16, 16, 2)])
def test_ms_ssim_against_its_definition(height: int, width: int, scales: int) -> None:
    betas = betas_of(height, width)
    assert len(betas) == scales and sum(betas) == pytest.approx(1.0, abs=1e-3)
    x = pictures(2, height, width)
    x_hat = np.clip(x + 0.3 * pictures(2, height, width, seed=1), -0.5, 0.5)
    expected = [own_ms_ssim(a + 0.5, b + 0.5, betas) for a, b in zip(x.astype(float), x_hat.astype(float), strict=True)]
    assert np.allclose(ms_ssim(x, x_hat), expected, atol=2e-4)
    assert min(expected) > 0.1 and max(expected) < 0.99


def test_ms_ssim_is_one_for_equal_images_and_falls_with_noise() -> None:
    x, noise = pictures(1, 64, 128), pictures(1, 64, 128, seed=1)
    assert ms_ssim(x, x) == pytest.approx(1.0, abs=1e-5)
    values = [float(ms_ssim(x, x + amount * noise)[0]) for amount in (0.05, 0.2, 0.8)]
    assert values == sorted(values, reverse=True)


def test_published_size_has_the_usual_exponents() -> None:
    assert betas_of(128, 256) == betas_of(1000, 2000) == BETAS
    assert len(betas_of(127, 256)) == 4 and len(betas_of(8, 8)) == 1


def test_images_that_cannot_be_compared_are_refused() -> None:
    x = pictures(1, 16, 16)
    with pytest.raises(ParamError, match="7 rows"):
        ms_ssim(x[:, :, :7], x[:, :, :7])
    with pytest.raises(ParamError, match="equal shape"):
        psnr(x, x[:, :, 1:])
