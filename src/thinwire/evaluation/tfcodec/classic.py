"""Codecs in use on the same test clips, at the rates that the paper compares with (Fig. 6a, 6b)."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pandas as pd

from thinwire.artifacts import atomic_path, write_json
from thinwire.evaluation.parallel import over_items
from thinwire.evaluation.places import RESULTS
from thinwire.evaluation.sounds import save_audio
from thinwire.evaluation.tfcodec.common import Clips, load_clips
from thinwire.evaluation.tfcodec.quality import quality
from thinwire.params import Params
from thinwire.params.tfcodec_evaluation import ClassicCodec, Evaluation
from thinwire.progress import track
from thinwire.seeding import seed_everything
from thinwire.systems.classic import CODECS, available, encode_decode

RUN, CORPUS = "classic", "dns"


def _code(name: str, kbps: float, audio: np.ndarray) -> tuple[np.ndarray, float]:
    coded = encode_decode(name, kbps, audio)
    return coded.audio, coded.kbps


def usable(codecs: list[ClassicCodec]) -> tuple[list[ClassicCodec], dict[str, str]]:
    """The codecs that can be used here, and why the others cannot, by label."""
    reasons = {}
    for codec in codecs:
        if codec.name not in CODECS:
            reasons[codec.label] = "no such codec"
        elif codec.name not in available():
            reasons[codec.label] = "the installed FFmpeg libraries lack it"
        elif not CODECS[codec.name].supports(codec.kbps):
            reasons[codec.label] = f"it has no rate of {codec.kbps:g} kbps"
    return [codec for codec in codecs if codec.label not in reasons], reasons


def measure_classic(clips: Clips, settings: Evaluation, params: Params, folder: Path) -> pd.DataFrame:
    """Write items.parquet, audio.npz and classic.json of every codec and clip below `folder`; returns the items.

    The codecs get the clips at the loudness of the listening measures: they were made for levels like that one.
    """
    reference = Clips(clips.table, clips.reference, np.ones(len(clips), np.float32))
    everything = settings.model_copy(update={"visqol_items": len(clips), "plcmos_items": len(clips)})
    heard = clips.subset(settings.listen_items)
    codecs, reasons = usable(settings.classic)
    sounds = {f"{clips.ids[i]}/clean": reference.audio[i] for i in heard}
    tables = []
    for codec in track(codecs, "classic codecs"):
        calls = [(codec.name, codec.kbps, audio) for audio in reference.audio]
        coded = over_items(_code, calls, params.jobs, params.scheduler)
        decoded = np.stack([audio for audio, _ in coded])
        table = clips.columns().assign(
            run=RUN, codec=codec.label, name=codec.name, kbps_target=codec.kbps, kbps=[kbps for _, kbps in coded]
        )
        tables.append(pd.concat([table, quality(reference, decoded, everything, params)], axis=1))
        sounds |= {f"{clips.ids[i]}/{codec.label}": decoded[i] for i in heard}
    items = pd.concat(tables, ignore_index=True)
    items.to_parquet(folder / "items.parquet", index=False)
    save_audio(folder / "audio.npz", sounds)
    columns = ["kbps", "pesq", "stoi", "visqol", "plcmos", "lsd", "lsd_4_8k"]
    means = items.groupby("codec")[columns].mean().round(4)
    titles = {codec.label: CODECS[codec.name].title for codec in codecs}
    facts = {"means": means.to_dict("index"), "unavailable": reasons, "titles": titles, "test_items": len(clips)}
    write_json(folder / "classic.json", facts | {"av": importlib.metadata.version("av")})
    return items


def evaluate_classic(params: Params) -> None:
    """Measure codecs in use on the test clips and write results/classic."""
    seed_everything(params.seed)
    settings = params.evaluation.tfcodec
    clips = load_clips(settings, CORPUS)
    with atomic_path(RESULTS / RUN, directory=True) as folder:
        measure_classic(clips.take(clips.subset(settings.classic_items)), settings, params, folder)
