"""KITTI's stereo layout from photographs: each is a scene, its frames are pairs rendered with random depth planes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from thinwire.corpora.simulate.photographs import TESTING, TRAINING, Photograph, photographs
from thinwire.params.corpora import Simulate
from thinwire.params.stereo import StereoSimulation
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

CAMERAS = ("image_2", "image_3")
GAIN = 0.03
NOISE = 0.006


@dataclass(frozen=True)
class Plane:
    """A thing at one depth: pixels (H, W', 4), colour and opacity, and the disparity (H,) of each row in pixels."""

    pixels: np.ndarray
    disparity: np.ndarray


def write_stereo(settings: Simulate, seed: int, out: Path) -> None:
    """Write `frames` pairs of each photograph, `training/image_2/000000_00.png` and so on."""
    size = settings.stereo
    for part, chosen in (("training", TRAINING), ("testing", TESTING)):
        for camera in CAMERAS:
            (out / part / camera).mkdir(parents=True)
        for scene, photograph in enumerate(track(photographs(chosen), f"simulate stereo {part}")):
            for frame in range(size.frames):
                views = render(photograph, size, named_rng(seed, "stereo", part, scene, frame))
                for camera, view in zip(CAMERAS, views, strict=True):
                    path = out / part / camera / f"{scene:06d}_{frame:02d}.png"
                    Image.fromarray(view).save(path, compress_level=1)


def render(photograph: Photograph, size: StereoSimulation, draws: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Left and right view, uint8 (height, width, 3): what stands at column u in the left view stands at u - disparity
    in the right one, and nearer planes hide farther ones in both.

    Each plane shows its own window of the photograph, so what one view uncovers is more of the photograph. The two
    cameras differ in gain and noise.
    """
    planes = _planes(photograph, size, draws)
    return _view(planes, 0.5, size.width, draws), _view(planes, -0.5, size.width, draws)


def _planes(photograph: Photograph, size: StereoSimulation, draws: np.random.Generator) -> list[Plane]:
    """Far to near: a background that comes nearer towards the bottom, as a road does, then ellipses and boxes."""
    margin = int(np.ceil(size.disparity[1] * size.width)) + 2
    shape = size.height, size.width + 2 * margin
    low, high = (limit * size.width for limit in size.disparity)
    depths = np.sort(draws.uniform(low, high, draws.integers(size.planes[0], size.planes[1], endpoint=True)))
    middle = (low + (depths[0] if len(depths) else high)) / 2
    slope = np.linspace(low, draws.uniform(low, middle), size.height)
    outlines = [np.ones(shape, np.float32), *(_outline(shape, margin, draws) for _ in depths)]
    disparities = [slope, *(np.full(size.height, depth) for depth in depths)]
    return [
        Plane(np.concatenate([photograph.window(draws, *shape), outline[..., None]], axis=-1), disparity)
        for outline, disparity in zip(outlines, disparities, strict=True)
    ]


def _outline(shape: tuple[int, int], margin: int, draws: np.random.Generator) -> np.ndarray:
    """(H, W') 1 inside an ellipse or a box with soft edges of a pixel, 0 outside."""
    height, width = shape[0], shape[1] - 2 * margin
    centre = draws.uniform(0.2, 0.9) * height, margin + draws.uniform(0.0, 1.0) * width
    radius = draws.uniform(0.1, 0.35) * height, draws.uniform(0.05, 0.2) * width
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distances = (rows - centre[0]) / radius[0], (columns - centre[1]) / radius[1]
    if draws.random() < 0.5:
        inside = 1.0 - np.hypot(*distances)
    else:
        inside = 1.0 - np.maximum(np.abs(distances[0]), np.abs(distances[1]))
    return np.clip(0.5 + inside * min(radius), 0.0, 1.0).astype(np.float32)


def _view(planes: list[Plane], side: float, width: int, draws: np.random.Generator) -> np.ndarray:
    """One camera: a point at column t of a plane is seen at t + side * disparity."""
    height, wide = planes[0].pixels.shape[:2]
    columns = (wide - width) // 2 + np.arange(width)
    rows = np.arange(height)[:, None]
    view = np.zeros((height, width, 3), np.float32)
    for plane in planes:
        place = columns - side * plane.disparity[:, None]
        whole = np.floor(place).astype(int)
        part = (place - whole)[..., None].astype(np.float32)
        seen = (1 - part) * plane.pixels[rows, whole] + part * plane.pixels[rows, whole + 1]
        view += seen[..., 3:] * (seen[..., :3] - view)
    view = view * draws.uniform(1 - GAIN, 1 + GAIN) + NOISE * draws.standard_normal(view.shape, np.float32)
    return np.clip(np.rint(255.0 * view), 0, 255).astype(np.uint8)
