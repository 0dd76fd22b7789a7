"""Small corpora in the on-disk layout of the originals, for when there is no original."""

from __future__ import annotations

import importlib
from pathlib import Path

from thinwire.errors import ParamError
from thinwire.params.corpora import Simulate

CORPORA = (
    "chime6", "dns", "librispeech", "ljspeech", "speech_commands", "esc50", "iemocap", "ravdess", "voicebank",
    "stereo", "halves", "bits", "mnist",
)  # fmt: skip


def simulate(corpus: str, settings: Simulate, seed: int, out: Path) -> None:
    """Write a corpus into the empty folder `out`, by `write_<corpus>` of the module of its name; the same settings and
    seed give the same bytes.

    Raises ParamError for an unknown corpus or settings that leave a split empty, CorpusError for a bad source folder.
    """
    if corpus not in CORPORA:
        raise ParamError(f"{corpus}: no such corpus; choose from {', '.join(CORPORA)}")
    module = importlib.import_module(f"thinwire.corpora.simulate.{corpus}")
    getattr(module, f"write_{corpus}")(settings, seed, out)
