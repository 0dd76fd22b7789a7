"""CelebA-HQ layout: a folder of `<number>.jpg` or `.png`, square; the top half of each is x, the bottom half y.

Beside them may stand CelebA's own lists, lines of a file name and a number: `list_eval_partition.txt` (0 train, 1 dev,
2 eval) and `identity_CelebA.txt` (who it is). Without a partition an image's number alone says its split: of ten
consecutive numbers the ninth is dev and the tenth eval. A person that the lists put into two splits is a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.corpora.files import SPLITS, BadFiles, BadInput, require_segments
from thinwire.corpora.images import fit_image, images_in, load_image
from thinwire.corpora.pairs import PairWriter
from thinwire.errors import CorpusError
from thinwire.params.halves import HalvesExtraction
from thinwire.progress import track

PARTITION = "list_eval_partition.txt"
IDENTITY = "identity_CelebA.txt"
_OF_TEN = {8: "dev", 9: "eval"}


@dataclass(frozen=True)
class Face:
    """One image, its split, and whom it shows: the identity's number, or the image's own name where none is listed."""

    path: Path
    split: str
    person: str


def find_faces(root: Path) -> list[Face]:
    """The numbered images of a root, sorted by name.

    Raises CorpusError when the folder is missing, holds no numbered image, a list has a bad line, a partition leaves
    an image out, or a person stands in two splits.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; set corpora.halves.root, or run: thinwire simulate halves")
    paths = [path for path in images_in(root) if path.stem.isdecimal()]
    if not paths:
        raise CorpusError(f"{root}: no <number>.jpg or <number>.png in it; complete the corpus")
    parts, persons = _listed(root / PARTITION), _listed(root / IDENTITY)
    if parts and (bad := next((path.name for path in paths if parts.get(path.name, -1) not in range(3)), None)):
        raise CorpusError(f"{root / PARTITION}: {bad} has no part 0, 1 or 2; complete the list or remove it")
    faces = [
        Face(
            path,
            SPLITS[parts[path.name]] if parts else _OF_TEN.get(int(path.stem) % 10, "train"),
            f"person{persons[path.name]}" if path.name in persons else path.stem,
        )
        for path in paths
    ]
    splits: dict[str, str] = {}
    for face in faces:
        if splits.setdefault(face.person, face.split) != face.split:
            raise CorpusError(
                f"{root}: {face.person} stands in {splits[face.person]} and {face.split}: test items would be seen in "
                f"training; correct {PARTITION}"
            )
    return faces


def _listed(path: Path) -> dict[str, int]:
    """The lines `<name> <number>` of a list; empty where there is none."""
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        if not (match := re.fullmatch(r"(\S+)\s+(\d+)", line.strip())):
            raise CorpusError(f"{path}: line {number}: {line!r:.60} is no file name and number; correct it")
        found[match[1]] = int(match[2])
    return found


def extract(root: Path, out: Path, settings: HalvesExtraction, seed: int) -> None:
    """Write the segment folder `out` of a CelebA-HQ-layout `root`: each image resized to `size` x `size` and cut
    across.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without images or with bad lists, and
    for bad files by `on_bad_file`.
    """
    del seed
    faces = find_faces(root)
    with PairWriter(out, "halves", ["top", "bottom"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        for face in track(faces, "extract halves"):
            with bad.guard():
                image = load_image(face.path)
                if image.width != image.height:
                    size = f"{image.height} x {image.width} pixels"
                    raise BadInput("not_square", f"{face.path}: {size}, a square is needed; replace or remove it")
                whole = fit_image(image, settings.size, settings.size)
                top, bottom = whole[:, : settings.size // 2], whole[:, settings.size // 2 :]
                writer.put(top, bottom, segment_id=face.path.stem, split=face.split, session=face.person)
    require_segments(out, "halves", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading images; raises CorpusError when it
    is no corpus.
    """
    faces = find_faces(root)
    splits = Counter(face.split for face in faces)
    found: dict[str, Any] = {"images": len(faces), "persons or images": len({face.person for face in faces})}
    found |= {f"images in {split}": splits[split] for split in SPLITS}
    return found, [f"no image falls into {split}; complete the corpus" for split in SPLITS if not splits[split]]
