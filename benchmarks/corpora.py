"""Simulation and extraction of one CHiME-6 session in a temporary folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measurement import Measurement, Scale, Timing, peak_mb, repeat
from thinwire.corpora.chime6_segment import extract
from thinwire.corpora.simulate.chime6 import write_chime6
from thinwire.params import Params


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


def _rate(name: str, what: str, timing: Timing, scale: Scale, target: float) -> Measurement:
    note = f"a session of {scale.session_s:g} s"
    value, on_clock = scale.session_s / timing.cpu_s, scale.session_s / timing.wall_s
    return Measurement(name, what, value, "x real time", target, "higher", scale.sessions, peak_mb(), note, on_clock)
