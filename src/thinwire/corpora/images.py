"""Image files as arrays: read, cut to a shape, resized; and pairs of images in a segment folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from thinwire.corpora.files import BadInput
from thinwire.corpora.pairs import PairStore
from thinwire.errors import PipelineError

SUFFIXES = (".png", ".jpg", ".jpeg")


class ImageStore(PairStore):
    """Pairs of images: `x` and `y` uint8 (n, 3, H, W). Raises PipelineError for a folder of anything else."""

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        if self.x.dtype != np.uint8 or self.x.ndim != 4 or self.x.shape[1] != 3 or self.x.shape != self.y.shape:
            raise PipelineError(
                f"{folder}: x {self.x.dtype} {self.x.shape} and y {self.y.shape} are no pairs of colour images; name "
                "the folder of stereo or halves"
            )


def load_image(path: Path) -> Image.Image:
    """An image in RGB, decoded whole. Raises BadInput (`bad_image`) when it is missing, no image, or truncated."""
    if not path.is_file():
        raise BadInput("bad_image", f"{path}: no such file; complete the corpus")
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, EOFError, SyntaxError, ValueError) as error:
        reason = str(error).replace(f"'{path}'", "it")
        raise BadInput("bad_image", f"{path}: not a readable image ({reason}); replace or remove it") from error


def fit_image(image: Image.Image, height: int, width: int) -> np.ndarray:
    """uint8 (3, height, width): the largest centred part of that aspect ratio, resized with an antialiasing filter."""
    scale = min(image.width / width, image.height / height)
    cut_w, cut_h = width * scale, height * scale
    left, top = (image.width - cut_w) / 2, (image.height - cut_h) / 2
    box = (left, top, left + cut_w, top + cut_h)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.ascontiguousarray(np.asarray(image, np.uint8).transpose(2, 0, 1))


def images_in(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name, without hidden ones."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())
