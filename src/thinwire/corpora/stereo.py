"""KITTI stereo layout: `training/image_2/<scene>_<frame>.png` (left) with the same name in `image_3` (right), and the
same under `testing`.

Both KITTI 2015 (and its multi-view extension, more frames a scene) and 2012 (`colored_0`, `colored_1`) are read. The
frames of a scene show the same street, so a scene stands in one split: `testing` is eval, and scene numbers of
`training` that are -1 modulo `dev_every` are dev.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.corpora.files import BadFiles, BadInput, require_segments
from thinwire.corpora.images import fit_image, images_in, load_image
from thinwire.corpora.pairs import PairWriter
from thinwire.errors import CorpusError
from thinwire.params.stereo import StereoExtraction
from thinwire.progress import track

CAMERAS = (("image_2", "image_3"), ("colored_0", "colored_1"))
PARTS = ("training", "testing")
NAME = re.compile(r"([0-9]{6})_([0-9]{2,3})")


@dataclass(frozen=True)
class StereoPair:
    """The two files of a pair: `part` is training or testing, `scene` its number there."""

    left: Path
    right: Path
    part: str
    scene: int

    @property
    def session(self) -> str:
        """The scene, unique over both parts."""
        return f"{self.part}_{self.scene:06d}"

    def split(self, dev_every: int) -> str:
        """The split of the scene, by its part and number alone."""
        if self.part == "testing":
            return "eval"
        return "dev" if self.scene % dev_every == dev_every - 1 else "train"


def find_pairs(root: Path) -> list[StereoPair]:
    """The pairs of a root, sorted; one whose right image is missing is listed too, reading it will tell.

    Raises CorpusError when the folder is missing or holds no pair.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; set corpora.stereo.root, or run: thinwire simulate stereo")
    pairs = []
    for part in PARTS:
        for left, right in CAMERAS:
            if not (root / part / left).is_dir():
                continue
            for path in images_in(root / part / left):
                if match := NAME.fullmatch(path.stem):
                    pairs.append(StereoPair(path, root / part / right / path.name, part, int(match[1])))
            break
    if not pairs:
        raise CorpusError(f"{root}: no training/image_2/000000_10.png or the like in it; complete the corpus")
    return pairs


def extract(root: Path, out: Path, settings: StereoExtraction, seed: int) -> None:
    """Write the segment folder `out` of a KITTI-layout `root`: x the left image, y the right one, both cut to the
    centre and resized to `height` x `width`.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without pairs, and for bad files by
    `on_bad_file`.
    """
    del seed
    pairs = find_pairs(root)
    with PairWriter(out, "stereo", ["left", "right"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        for pair in track(pairs, "extract stereo"):
            with bad.guard():
                left, right = load_image(pair.left), load_image(pair.right)
                if left.size != right.size:
                    sizes = " and ".join(f"{image.height} x {image.width}" for image in (left, right))
                    raise BadInput("unequal_pair", f"{pair.left}: {sizes} pixels in a pair; replace or remove it")
                writer.put(
                    *(fit_image(image, settings.height, settings.width) for image in (left, right)),
                    segment_id=f"{pair.part}_{pair.left.stem}",
                    split=pair.split(settings.dev_every),
                    session=pair.session,
                )
    require_segments(out, "stereo", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading images; raises CorpusError when it
    is no corpus.
    """
    pairs = find_pairs(root)
    whole = [pair for pair in pairs if pair.right.is_file()]
    found: dict[str, Any] = {"pairs": len(whole), "scenes": len({pair.session for pair in whole})}
    found |= {f"pairs in {part}": sum(pair.part == part for pair in whole) for part in PARTS}
    missing = [f"no pair stands in {part}; complete the corpus" for part in PARTS if not found[f"pairs in {part}"]]
    if len(whole) < len(pairs):
        lone = next(pair for pair in pairs if not pair.right.is_file())
        missing.append(f"{len(pairs) - len(whole)} left images have no right one (first {lone.left.name})")
    return found, missing
