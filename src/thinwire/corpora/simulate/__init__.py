"""Small corpora in the on-disk layout of the originals, for when there is no original."""

from __future__ import annotations

from pathlib import Path

from thinwire.errors import ParamError
from thinwire.params.corpora import Simulate

CORPORA = ("chime6", "dns", "librispeech", "ljspeech")


def simulate(corpus: str, settings: Simulate, seed: int, out: Path) -> None:
    """Write a corpus into the empty folder `out`; the same settings and seed give the same bytes.

    Raises ParamError for an unknown corpus or settings that leave a split empty, CorpusError for a bad source folder.
    """
    if corpus == "chime6":
        from thinwire.corpora.simulate.chime6 import write_chime6

        write_chime6(settings, seed, out)
    elif corpus == "dns":
        from thinwire.corpora.simulate.dns import write_dns

        write_dns(settings, seed, out)
    elif corpus == "librispeech":
        from thinwire.corpora.simulate.librispeech import write_librispeech

        write_librispeech(settings, seed, out)
    elif corpus == "ljspeech":
        from thinwire.corpora.simulate.ljspeech import write_ljspeech

        write_ljspeech(settings, seed, out)
    else:
        raise ParamError(f"{corpus}: no such corpus; choose from {', '.join(CORPORA)}")
