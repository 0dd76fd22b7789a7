"""CelebA-HQ's layout from photographs: numbered square crops, CelebA's two lists saying which belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from thinwire.corpora.files import SPLITS
from thinwire.corpora.halves import IDENTITY, PARTITION
from thinwire.corpora.simulate.photographs import TESTING, TRAINING, photographs
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

DEV_EVERY = 6
GAMMA, FLOOR, CEILING, TINT = 0.7, (0.0, 0.3), (0.7, 1.0), 0.25
"""Of `_relit`: bounds of |log gamma|, of where black and white come to lie, and of |log gain| of a colour."""


def _varied(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop (H, W, 3) mirrored or not, its colours in a drawn order: a dozen photographs alone have too few palettes
    to tell what a bottom half says about the top of another.
    """
    return pixels[:, :: int(rng.choice([-1, 1]))][..., rng.permutation(3)]


def _relit(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop in another light: drawn gamma, contrast and tint. Without it a codec with side information learns the
    light of the few training photographs by heart, and gets worse on others from some hundred steps on.
    """
    dark, bright = rng.uniform(*FLOOR), rng.uniform(*CEILING)
    toned = dark + (bright - dark) * np.clip(pixels, 0.0, 1.0) ** np.exp(rng.uniform(-GAMMA, GAMMA))
    return np.asarray(toned * np.exp(rng.uniform(-TINT, TINT, 3)))


def write_halves(settings: Simulate, seed: int, out: Path) -> None:
    """Write `crops` images of each photograph, which stands for a person, and the lists of parts and persons; those of
    training in a light of their own each.
    """
    size = settings.halves
    parts, persons = [], []
    chosen = [*photographs(TRAINING), *photographs(TESTING)]
    for person, photograph in enumerate(track(chosen, "simulate halves")):
        held_out = "dev" if person % DEV_EVERY == DEV_EVERY - 1 else "train"
        part = SPLITS.index("eval" if person >= len(TRAINING) else held_out)
        for crop in range(size.crops):
            rng = named_rng(seed, "halves", person, crop)
            pixels = _varied(photograph.window(rng, size.size, size.size), rng)
            if SPLITS[part] == "train":
                pixels = _relit(pixels, rng)
            name = f"{person * size.crops + crop}.png"
            Image.fromarray(np.clip(np.rint(255.0 * pixels), 0, 255).astype(np.uint8)).save(out / name)
            parts.append(f"{name} {part}\n")
            persons.append(f"{name} {person + 1}\n")
    (out / PARTITION).write_text("".join(parts), "utf-8")
    (out / IDENTITY).write_text("".join(persons), "utf-8")
