"""Tiny corpora in the originals' layouts, with known delays, levels and SNRs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from thinwire import audio

RATE = audio.SAMPLE_RATE
SOURCES = ["U01.CH1", "U02.CH1", "U05.CH1", "U06.CH1"]  # the default of `corpora.chime6.sources`


def voice(generator: np.random.Generator, seconds: float) -> np.ndarray:
    """Noise with a speech-like spectrum, RMS 0.05."""
    return audio.set_level(lfilter([1.0], [1.0, -0.9], generator.standard_normal(round(seconds * RATE))), -26.0)


def entry(
    speaker: str, start: Any, end: Any, words: str = "some words", session: str = "S02", **more: Any
) -> dict[str, Any]:
    """One object of a CHiME transcription; numbers become the CHiME-7 form."""
    times = {"start_time": start, "end_time": end}
    times = {key: f"{value:.3f}" if isinstance(value, int | float) else value for key, value in times.items()}
    return {"session_id": session, "speaker": speaker, "words": words, **times, **more}


@dataclass
class Chime6Folder:
    """Writes a session: white noise on every array channel, each entry as a voice at a delay (samples) and SNR (dB)."""

    root: Path
    delay: int = 150
    snr_db: tuple[float, ...] = (20.0, 10.0, 5.0, 0.0)
    seconds: float = 20.0
    speakers: tuple[str, ...] = ("P05", "P06")
    written: dict[str, Path] = field(default_factory=dict)

    def write(self, entries: list[dict[str, Any]], session: str = "S02", split: str = "dev") -> Path:
        """Write audio and transcription; returns the transcription's path."""
        generator = np.random.default_rng(7)
        frames = round(self.seconds * RATE)
        arrays = np.stack([audio.set_level(generator.standard_normal(frames), -26.0 - snr) for snr in self.snr_db])
        worn = {name: 1e-3 * generator.standard_normal((2, frames)) for name in self.speakers}
        for item in entries:
            try:
                start, end = (round(float(item[key]) * RATE) for key in ("start_time", "end_time"))
            except ValueError:
                continue
            if end <= start or end > frames or item["speaker"] not in worn:
                continue
            speech = voice(generator, (end - start) / RATE)
            worn[item["speaker"]][:, start:end] += [0.5 * speech, 2.0 * speech]
            stop = min(frames, end + self.delay)
            arrays[:, start + self.delay : stop] += speech[: stop - start - self.delay]
        folder = self.root / "audio" / split
        folder.mkdir(parents=True, exist_ok=True)
        for name, samples in zip(SOURCES, arrays, strict=True):
            audio.write(folder / f"{session}_{name}.wav", samples)
        for name, samples in worn.items():
            audio.write(folder / f"{session}_{name}.wav", samples)
        return self.transcribe(entries, session, split)

    def transcribe(self, entries: Any, session: str = "S02", split: str = "dev") -> Path:
        """Write only the transcription; text is written as it is."""
        path = self.root / "transcriptions" / split / f"{session}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(entries if isinstance(entries, str) else json.dumps(entries), "utf-8")
        return path
