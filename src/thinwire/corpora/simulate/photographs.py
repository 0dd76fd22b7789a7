"""Photographs that ship inside the scikit-image and scikit-learn wheels, and windows of them.

Only files that lie in the wheels are opened; nothing is ever fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from thinwire.errors import CorpusError

_FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}
TRAINING = (
    ("skimage", "astronaut.png"),
    ("skimage", "coffee.png"),
    ("skimage", "hubble_deep_field.jpg"),
    ("skimage", "retina.jpg"),
    ("skimage", "ihc.png"),
    ("skimage", "rocket.jpg"),
    ("skimage", "brick.png"),
    ("skimage", "grass.png"),
    ("skimage", "gravel.png"),
    ("skimage", "moon.png"),
    ("skimage", "coins.png"),
    ("sklearn", "china.jpg"),
    ("skimage", "cell.png"),
)
"""In the order of their scene numbers; every sixth is held out for development by `dev_every`."""
TESTING = (
    ("skimage", "chelsea.png"),
    ("skimage", "motorcycle_left.png"),
    ("sklearn", "flower.jpg"),
    ("skimage", "camera.png"),
)


@dataclass(frozen=True)
class Photograph:
    """A photograph of a wheel."""

    package: str
    name: str

    @property
    def path(self) -> Path:
        """Where it lies. Raises CorpusError when the package or the file in it is missing."""
        spec = find_spec(self.package)
        places = spec.submodule_search_locations if spec else None
        path = Path((places or ["."])[0]) / _FOLDERS[self.package] / self.name
        if not places or not path.is_file():
            wheel = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[self.package]
            raise CorpusError(f"{wheel} has no file {self.name}; install it again, or set the corpus' root")
        return path

    @cached_property
    def image(self) -> Image.Image:
        """The whole, in RGB."""
        with Image.open(self.path) as image:
            return image.convert("RGB")

    def window(self, draws: np.random.Generator, height: int, width: int) -> np.ndarray:
        """float32 (height, width, 3) in 0..1: a random part of random size, as large as the photograph allows at most
        and half of that at least, mirrored every second time.
        """
        largest = min(self.image.height / height, self.image.width / width)
        scale = largest * draws.uniform(0.5, 1.0)
        cut_w, cut_h = width * scale, height * scale
        left, top = draws.uniform(0, self.image.width - cut_w), draws.uniform(0, self.image.height - cut_h)
        box = (left, top, left + cut_w, top + cut_h)
        resized = self.image.resize((width, height), Image.Resampling.LANCZOS, box, reducing_gap=2.0)
        pixels = np.asarray(resized, np.float32) / 255.0
        return pixels[:, ::-1] if draws.random() < 0.5 else pixels


def photographs(part: tuple[tuple[str, str], ...]) -> list[Photograph]:
    """The photographs of a part, in order."""
    return [Photograph(package, name) for package, name in part]
