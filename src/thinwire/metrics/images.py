"""Quality of images in -.5 .. .5, as the wing's tensors have them: one value an image."""

from __future__ import annotations

import numpy as np
import torch

from thinwire.errors import ParamError
from thinwire.metrics import spectral

PEAK = 1.0
"""The span of pixel values, peak of PSNR and data range of MS-SSIM."""
SMALLEST = 7
"""Rows and columns of an image's smallest scale are more than this, as in the reference, whose window is 7 because its
images have 128 rows (facts 4.3). Here it is no window."""
SIGMA = 1.5
"""Standard deviation of the Gaussian window."""
TAPS = 2 * int(3.5 * SIGMA + 0.5) + 1
"""Rows and columns of that window, 11: torchmetrics takes them from `SIGMA` and reflects the borders. The reference
cuts its window to 7 taps. On photographs of 128 x 256, blurred, noisy or coarsely quantised, 11 gave .002 to .007 more
on average, and .012 more at most."""
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales (Wang, Simoncelli and Bovik 2003), finest first."""


def psnr(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """(n,) dB of images (n, C, H, W), peak 1, from the mean squared error over channels and pixels of each image;
    infinite where they are equal.
    """
    x, x_hat = _pair(x, x_hat)
    return spectral.psnr(x.reshape(len(x), 1, -1), x_hat.reshape(len(x), 1, -1), PEAK)


def betas_of(height: int, width: int) -> tuple[float, ...]:
    """Exponents for images of a size: as many scales, at most five, as leave more than `SMALLEST` rows and columns at
    the smallest, their exponents scaled to a sum of 1.

    Five (the usual ones, the published setting) from 128 rows, four from 64, three from 32. Values of different
    numbers of scales are not comparable. Raises ParamError below 8 rows or columns.
    """
    scales = min(len(BETAS), int(np.log2(max(1, min(height, width) // (SMALLEST + 1)))) + 1)
    if min(height, width) <= SMALLEST:
        raise ParamError(f"images of {height} x {width}: MS-SSIM needs more than {SMALLEST} rows and columns")
    total = sum(BETAS[:scales])
    return BETAS if scales == len(BETAS) else tuple(beta / total for beta in BETAS[:scales])


def ms_ssim(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """(n,) multi-scale structural similarity of images (n, C, H, W) by torchmetrics, with `SIGMA` and `betas_of` their
    size; 1 where they are equal. Raises ParamError for images too small.
    """
    # a second to import, and most of what is evaluated is no image
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    x, x_hat = _pair(x, x_hat)
    betas = betas_of(*x.shape[2:])
    clean, coded = (torch.from_numpy(np.clip(side + 0.5, 0.0, 1.0).astype(np.float32)) for side in (x, x_hat))
    with torch.inference_mode():  # `kernel_size` only bounds the images' size: a Gaussian's taps come from `sigma`
        value = multiscale_structural_similarity_index_measure(
            coded, clean, sigma=SIGMA, kernel_size=SMALLEST, reduction="none", data_range=PEAK, betas=betas
        )
    return np.atleast_1d(value.numpy()).astype(np.float64)


def _pair(x: np.ndarray, x_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, x_hat = np.asarray(x), np.asarray(x_hat)
    if x.ndim != 4 or x.shape != x_hat.shape:
        raise ParamError(f"x {x.shape} and x_hat {x_hat.shape}: expected images (n, C, H, W) of equal shape")
    return x, x_hat
