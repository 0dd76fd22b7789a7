"""Simulation and extraction of one CHiME-6 session in a temporary folder."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import soundfile as sf

from benchmarks.measurement import Measurement, Scale, Timing, peak_mb, repeat
from thinwire.corpora.chime6 import parse_time
from thinwire.corpora.chime6_segment import extract
from thinwire.corpora.simulate.chime6 import clock, write_chime6
from thinwire.params import Params
from thinwire.segments import SegmentStore

LONG_S = 9000.0
"""Seconds of a real session, 2.5 hours."""
HEADER = 44
"""Bytes of a WAV file before its samples."""


def one_session(params: Params, session_s: float) -> Params:
    """The same settings with a single training session of `session_s` seconds from embedded sources."""
    simulate = params.simulate
    size = simulate.chime6.model_copy(update={"sessions": {"train": 1}, "session_s": session_s})
    return params.model_copy(update={"simulate": simulate.model_copy(update={"chime6": size})})


def simulate(params: Params, scale: Scale) -> list[Measurement]:
    """Seconds of a session (four talkers, all arrays and worn microphones) made in a second of one core."""
    settings = one_session(params, scale.session_s).simulate
    with tempfile.TemporaryDirectory() as folder:
        timing = repeat(lambda i: write_chime6(settings, params.seed + i, Path(folder) / str(i)), scale.sessions)
    what = "seconds of a CHiME-6 session simulated per CPU second"
    return [_rate("simulate", what, timing, scale, target=20.0)]


def extraction(params: Params, scale: Scale) -> list[Measurement]:
    """Seconds of that session cut into segments in a second of one core."""
    settings = one_session(params, scale.session_s)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        write_chime6(settings.simulate, params.seed, corpus)

        def cut(index: int) -> None:
            extract(corpus, Path(folder) / f"segments-{index}", settings.corpora.chime6, params.seed)

        timing = repeat(cut, scale.sessions, warm_up=1)
    what = "seconds of a CHiME-6 session extracted per CPU second"
    return [_rate("extract", what, timing, scale, target=200.0)]


def extraction_memory(params: Params, scale: Scale) -> list[Measurement]:
    """Memory for cutting a session of 2.5 hours, of which the first minutes and the last are spoken."""
    settings = one_session(params, scale.session_s)
    with tempfile.TemporaryDirectory() as folder:
        corpus, segments = Path(folder) / "corpus", Path(folder) / "segments"
        write_chime6(settings.simulate, params.seed, corpus)
        make_long(corpus, scale.session_s)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as own:  # of its memory alone
            peak = own.submit(_peak_of_extraction, corpus, segments, settings).result()
        count = len(SegmentStore(segments).table)
    what = "memory for cutting a CHiME-6 session of 2.5 hours into segments"
    note = f"{count} segments, from the first and the last {scale.session_s:g} s"
    return [Measurement("extract_memory", what, peak, "MB", 2000.0, "lower", 1, peak, note)]


def _peak_of_extraction(corpus: Path, out: Path, settings: Params) -> float:
    extract(corpus, out, settings.corpora.chime6, settings.seed)
    return peak_mb()


def make_long(corpus: Path, session_s: float) -> None:
    """Make sessions of `session_s` seconds LONG_S seconds long: what they hold stands at both ends."""
    for path in corpus.rglob("*.wav"):
        lengthen(path, LONG_S)
    for path in (corpus / "transcriptions").rglob("*.json"):
        say_again(path, LONG_S - session_s)


def lengthen(path: Path, seconds: float) -> None:
    """Make a 16-bit WAV file `seconds` long: its samples, nothing (a hole, which takes no disk), its samples again."""
    samples, rate = sf.read(path, dtype="int16", always_2d=True)
    width = 2 * samples.shape[1]
    size = int(seconds * rate) * width
    header = bytearray(path.read_bytes()[:HEADER])
    if header[36:40] != b"data":
        raise ValueError(f"{path.name}: its samples do not begin at byte {HEADER}")
    header[4:8], header[40:44] = (size + HEADER - 8).to_bytes(4, "little"), size.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(header)
        file.write(samples.tobytes())
        file.seek(HEADER + size - samples.nbytes)
        file.write(samples.tobytes())


def say_again(path: Path, after_s: float) -> None:
    """Repeat every utterance of a transcription `after_s` seconds later."""
    entries = json.loads(path.read_text("utf-8"))
    times = ("start_time", "end_time")
    later = [entry | {key: clock(parse_time(entry[key]) + after_s) for key in times} for entry in entries]
    path.write_text(json.dumps(entries + later), "utf-8")


def _rate(name: str, what: str, timing: Timing, scale: Scale, target: float) -> Measurement:
    note = f"a session of {scale.session_s:g} s"
    value, on_clock = scale.session_s / timing.cpu_s, scale.session_s / timing.wall_s
    return Measurement(name, what, value, "x real time", target, "higher", scale.sessions, peak_mb(), note, on_clock)
