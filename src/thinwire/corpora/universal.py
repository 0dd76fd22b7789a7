"""Chunks of several corpora in one segment folder, for a codec that is to carry them all.

Of each corpus and split the segments follow one another as on an edge device that does not stop between them, and are
cut anew. The chunks are clean: the one source equals the reference.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.files import SPLITS
from thinwire.errors import CorpusError
from thinwire.params.universal import Universal
from thinwire.progress import track
from thinwire.segments import Segments, SegmentStore, SegmentWriter


def chunks_of(segments: Segments, samples: int) -> np.ndarray:
    """Chunks (n, samples) of a split as one stream: segments one after another, without the zeros that fill up short
    ones; so they may be shorter than a chunk.
    """
    stream = np.concatenate([clip[:length] for clip, length in zip(segments.clean, _lengths(segments), strict=True)])
    return stream[: len(stream) // samples * samples].reshape(-1, samples)


def _lengths(segments: Segments) -> list[int]:
    """Samples of each segment without the zeros at its end."""
    bounds = zip(segments.table["start_s"], segments.table["end_s"], strict=True)
    return [round((end - start) * SAMPLE_RATE) for start, end in bounds]


def join(folders: dict[str, Path], out: Path, settings: Universal) -> None:
    """Write the segment folder `out` of chunks from the segment folders of corpora; a corpus without segments in a
    split gives none to it. `report.json` counts chunks by corpus and split.

    Raises CorpusError where a split stays empty.
    """
    samples = round(settings.segment_s * SAMPLE_RATE)
    counts: dict[str, dict[str, int]] = {corpus: {} for corpus in folders}
    with SegmentWriter(out, "universal", ["mono"]) as writer:
        for corpus, folder in track(folders.items(), "join universal"):
            store = SegmentStore(folder)
            for split in SPLITS:
                if not (store.table["split"] == split).any():
                    continue
                segments = store.load(split)
                chunks = chunks_of(segments, samples)
                ends = np.cumsum(_lengths(segments))
                chosen = _spread(len(chunks), settings.chunks[split])
                for place in chosen:
                    first, last = np.searchsorted(ends, [place * samples, (place + 1) * samples - 1], "right")
                    held = segments.table.iloc[first : last + 1]
                    writer.add(
                        chunks[place][None],
                        chunks[place],
                        segment_id=f"{corpus}_{split}_{place:05d}",
                        split=split,
                        session=corpus,
                        speaker=";".join(sorted({str(name) for name in held["speaker"] if name})),
                        start_s=0.0,
                        end_s=settings.segment_s,
                    )
                counts[corpus][split] = len(chosen)
        writer.report["chunks"] = counts
    for split in SPLITS:
        if not sum(found.get(split, 0) for found in counts.values()):
            where = ", ".join(map(str, folders.values()))
            raise CorpusError(f"{where}: less than {settings.segment_s:g} s in split {split}; make a corpus larger")


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}) if count else []
