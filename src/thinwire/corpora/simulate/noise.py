"""Noise: generators of sixteen kinds, or a folder of recordings; an id names one variant or one file for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.fft
import scipy.signal

from thinwire import audio as audio_io
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.pools import balanced, by_split, require
from thinwire.errors import CorpusError
from thinwire.params.corpora import Noise
from thinwire.seeding import rng as named_rng

LEVEL_DB = -26.0
MAX_LOOP_S = 60.0
VARIANTS = 3
_CREST = 8.0
_FADE = 800  # samples, 50 ms, where a loop closes

Generator = np.random.Generator


class NoiseSource(Protocol):
    """Something that makes noise: an id that fixes the split, and a kind."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def make(self, samples: int, rng: Generator) -> np.ndarray:
        """(samples,) float32 at LEVEL_DB."""
        ...


def _shaped(rng: Generator, n: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Gaussian noise whose magnitude spectrum is gain(frequency in Hz)."""
    size = scipy.fft.next_fast_len(n, real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size, dtype=np.float32))
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    return scipy.fft.irfft(spectrum * gain(frequency).astype(np.float32), size)[:n]


def _slow(rng: Generator, n: int, rate_hz: float, low: float = 0.0) -> np.ndarray:
    """A random control signal between `low` and 1 that changes about `rate_hz` times a second."""
    points = rng.uniform(low, 1.0, int(n / SAMPLE_RATE * rate_hz) + 3)
    position = np.arange(n, dtype=np.float64) * (rate_hz / SAMPLE_RATE)
    return np.interp(position, np.arange(len(points)), points).astype(np.float32)


def _tones(n: int, frequencies: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    time = np.arange(n) / SAMPLE_RATE
    return np.sum([a * np.sin(2 * np.pi * f * time) for f, a in zip(frequencies, amplitudes, strict=True)], axis=0)


def _scatter(rng: Generator, n: int, rate_hz: float, event: Callable[[], np.ndarray]) -> np.ndarray:
    """Events at random times, about `rate_hz` a second and at least one."""
    out = np.zeros(n, dtype=np.float32)
    for start in np.sort(rng.integers(0, n, max(1, int(rng.poisson(rate_hz * n / SAMPLE_RATE))))):
        sound = event()[: n - start]
        out[start : start + len(sound)] += sound
    return out


def _ring(rng: Generator, seconds: float, frequencies: np.ndarray, decay_s: float) -> np.ndarray:
    """A struck object: decaying partials of random strength, with a short noisy attack."""
    n = int(seconds * SAMPLE_RATE)
    time = np.arange(n, dtype=np.float32) / SAMPLE_RATE
    partials = _tones(n, frequencies, rng.uniform(0.3, 1.0, len(frequencies))) * np.exp(-time / decay_s)
    attack = rng.standard_normal(n, dtype=np.float32) * np.exp(-time / 0.004)
    return (rng.uniform(0.2, 1.0) * (partials + attack)).astype(np.float32)


def _above(frequency: np.ndarray, corner: float) -> np.ndarray:
    return np.maximum(frequency, corner)


def _white(v: Generator, rng: Generator, n: int) -> np.ndarray:
    return rng.standard_normal(n, dtype=np.float32)


def _pink(v: Generator, rng: Generator, n: int) -> np.ndarray:
    slope = v.uniform(0.4, 0.6)
    return _shaped(rng, n, lambda f: _above(f, 30) ** -slope)


def _brown(v: Generator, rng: Generator, n: int) -> np.ndarray:
    slope = v.uniform(0.8, 1.1)
    return _shaped(rng, n, lambda f: _above(f, 30) ** -slope)


def _hum(v: Generator, rng: Generator, n: int) -> np.ndarray:
    base, count = v.choice([50.0, 60.0, 100.0, 120.0]) * v.uniform(0.998, 1.002), int(v.integers(8, 20))
    harmonics = np.arange(1, count + 1)
    tones = _tones(n, base * harmonics, harmonics ** -v.uniform(0.4, 1.0))
    hiss = _pink(v, rng, n)
    return tones / tones.std() + 0.15 * hiss / hiss.std()


def _fan(v: Generator, rng: Generator, n: int) -> np.ndarray:
    corner, blade, depth = v.uniform(200, 600), v.uniform(15, 40), v.uniform(0.1, 0.4)
    body = _shaped(rng, n, lambda f: 1 / (1 + (f / corner) ** 1.2))
    return body * (1 + depth * np.sin(2 * np.pi * blade * np.arange(n) / SAMPLE_RATE))


def _air_conditioner(v: Generator, rng: Generator, n: int) -> np.ndarray:
    corner, centre = v.uniform(150, 300), v.uniform(300, 900)
    body = _shaped(rng, n, lambda f: 1 / (1 + (f / corner) ** 2) + 0.15 * np.exp(-(((f - centre) / 120) ** 2)))
    return body / body.std() + 0.3 * _tones(n, v.uniform(45, 55) * np.arange(1, 5), 1 / np.arange(1.0, 5.0))


def _babble(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Six far voices: pitch pulses with speech's long-term spectrum, switched on and off at the rate of syllables."""
    out = np.zeros(n, dtype=np.float32)
    for pitch in v.uniform(90, 240, 6):
        phase = np.cumsum(pitch * (0.8 + 0.4 * _slow(rng, n, 3.0))) / SAMPLE_RATE
        pulses = np.diff(np.floor(phase), prepend=0.0).astype(np.float32)
        voice = pulses + 0.02 * rng.standard_normal(n, dtype=np.float32)
        out += voice * np.square(_slow(rng, n, 8.0)) * (_slow(rng, n, 0.7) > 0.3)
    formant = v.uniform(450, 650)
    spectrum = scipy.fft.rfft(out)
    f = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    shape = (f > 80) * (np.exp(-(((f - formant) / 250) ** 2)) + 0.3 * np.exp(-(((f - 1600) / 500) ** 2)) + 0.03)
    return scipy.fft.irfft(spectrum * shape.astype(np.float32), n)


def _traffic(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Passing cars: swells of rolling noise over a rumble."""
    rolling, rate = v.uniform(500, 900), v.uniform(0.15, 0.4)
    cars = _shaped(rng, n, lambda f: 1 / (1 + (f / rolling) ** 2)) * _slow(rng, n, rate, 0.05) ** 2
    rumble = _shaped(rng, n, lambda f: 1 / (1 + (f / 90) ** 2))
    return cars / cars.std() + 0.5 * rumble / rumble.std()


def _rain(v: Generator, rng: Generator, n: int) -> np.ndarray:
    corner, rate = v.uniform(1500, 3500), v.uniform(100, 300)
    drops = np.zeros(n, dtype=np.float32)
    hits = rng.integers(0, n, int(rate * n / SAMPLE_RATE) + 1)
    np.add.at(drops, hits, rng.standard_exponential(len(hits)).astype(np.float32))
    drops = scipy.signal.lfilter([1.0, -1.0], [1.0, -0.6, 0.4], drops)
    wash = _shaped(rng, n, lambda f: 1 / (1 + (corner / _above(f, 50)) ** 2))
    return wash / wash.std() + 1.5 * drops / drops.std()


def _typing(v: Generator, rng: Generator, n: int) -> np.ndarray:
    rate, base = v.uniform(4, 9), v.uniform(1200, 2200)

    def key() -> np.ndarray:
        return _ring(rng, 0.06, base * rng.uniform(0.8, 1.4, 3), 0.012)

    return _scatter(rng, n, rate, key) + 0.003 * rng.standard_normal(n, dtype=np.float32)


def _clatter(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Plates and cutlery."""
    rate, base = v.uniform(1.5, 4), v.uniform(1500, 2600)

    def plate() -> np.ndarray:
        return _ring(
            rng, 0.4, base * np.array([1.0, 1.47, 2.09, 2.56]) * rng.uniform(0.7, 1.2), rng.uniform(0.03, 0.12)
        )

    return _scatter(rng, n, rate, plate) + 0.003 * rng.standard_normal(n, dtype=np.float32)


def _music(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Notes of a pentatonic scale with harmonics."""
    scale = v.uniform(180, 300) * 2.0 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    length = v.uniform(0.2, 0.5)

    def note() -> np.ndarray:
        pitch = scale[int(rng.integers(len(scale)))]
        return _ring(rng, 4 * length, pitch * np.arange(1, 6), length)

    return _scatter(rng, n, 1.5 / length, note) + 0.003 * rng.standard_normal(n, dtype=np.float32)


def _beep(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """A street's reversing beeper over a distant rumble."""
    pitch, period, duty = v.uniform(900, 2000), v.uniform(0.6, 1.4), v.uniform(0.3, 0.5)
    time = np.arange(n) / SAMPLE_RATE + rng.uniform(0, period)
    rumble = _shaped(rng, n, lambda f: 1 / (1 + (f / 150) ** 2))
    return np.sin(2 * np.pi * pitch * time) * (time % period < duty * period) + 0.5 * rumble / rumble.std()


def _vacuum(v: Generator, rng: Generator, n: int) -> np.ndarray:
    motor = v.uniform(180, 320)
    wash = _shaped(rng, n, lambda f: (f > 100) / (1 + (f / 2500) ** 2))
    return wash / wash.std() + _tones(n, motor * np.arange(1, 9), 0.5 / np.arange(1.0, 9.0))


def _tap(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Running water: broad noise around a wandering resonance."""
    centre, width = v.uniform(1200, 2800), v.uniform(500, 1100)
    wash = _shaped(rng, n, lambda f: 0.1 + np.exp(-(((f - centre) / width) ** 2)))
    return wash * (0.5 + _slow(rng, n, 12.0))


def _clock(v: Generator, rng: Generator, n: int) -> np.ndarray:
    period, pitch = v.uniform(0.4, 0.6), v.uniform(2000, 3500)
    tick = _ring(rng, 0.05, pitch * np.array([1.0, 1.6]), 0.008)
    out = 0.003 * rng.standard_normal(n, dtype=np.float32)
    for start in np.arange(rng.uniform(0, period), n / SAMPLE_RATE, period):
        first = int(start * SAMPLE_RATE)
        piece = tick[: n - first]
        out[first : first + len(piece)] += piece
    return out


GENERATORS: dict[str, Callable[[Generator, Generator, int], np.ndarray]] = {
    "white": _white, "pink": _pink, "brown": _brown, "hum": _hum, "fan": _fan, "aircon": _air_conditioner,
    "babble": _babble, "traffic": _traffic, "rain": _rain, "typing": _typing, "clatter": _clatter, "music": _music,
    "beep": _beep, "vacuum": _vacuum, "tap": _tap, "clock": _clock,
}  # fmt: skip


@dataclass(frozen=True)
class GeneratedNoise:
    """A variant of a kind; what distinguishes variants is drawn from the id, what passes in time from the caller."""

    id: str
    kind: str

    def make(self, samples: int, rng: Generator) -> np.ndarray:
        length = min(samples, int(MAX_LOOP_S * SAMPLE_RATE))
        sound = GENERATORS[self.kind](named_rng(0, "noise", self.id), rng, length).astype(np.float32)
        return _loop(_tamed(sound), samples)


@dataclass(frozen=True)
class RecordedNoise:
    """A recording; it begins at a random place and repeats when it is short."""

    id: str
    kind: str
    path: Path

    def make(self, samples: int, rng: Generator) -> np.ndarray:
        sound = _load(self.path)
        if len(sound) >= samples:
            start = int(rng.integers(len(sound) - samples + 1))
            return sound[start : start + samples]
        begun = np.roll(_loop(sound, samples + len(sound)), -int(rng.integers(len(sound))))
        return begun[:samples]


@lru_cache(maxsize=32)
def _load(path: Path) -> np.ndarray:
    rate = audio_io.probe(path).sample_rate
    frames = int(MAX_LOOP_S * rate)
    data = audio_io.read(path, frames=min(frames, audio_io.probe(path).frames), sample_rate=None)[0]
    if not np.any(data):
        raise CorpusError(f"{path}: silent; remove the file")
    return _tamed(audio_io.resample(data, rate))


def _tamed(sound: np.ndarray) -> np.ndarray:
    """At LEVEL_DB, peaks softly limited: one click would otherwise overload a session whose SNR counts mean power."""
    ceiling = _CREST * float(sound.std())
    return audio_io.set_level(ceiling * np.tanh(sound / ceiling), LEVEL_DB)


def _loop(sound: np.ndarray, samples: int) -> np.ndarray:
    """Repeat to `samples` with 50 ms cross-fades."""
    if len(sound) >= samples:
        return sound[:samples]
    fade = min(_FADE, len(sound) // 4)
    ramp = np.sqrt(np.linspace(0.0, 1.0, fade, dtype=np.float32))
    body = sound[: len(sound) - fade].copy()
    body[:fade] = body[:fade] * ramp + sound[len(sound) - fade :] * ramp[::-1]
    return np.resize(body, samples)


def load_noises(settings: Noise) -> list[NoiseSource]:
    """The noises that `settings` names; CorpusError for a folder without audio, ParamError for an empty split."""
    noises: list[NoiseSource]
    if settings.source == "generators":
        noises = [GeneratedNoise(f"{kind}-{number}", kind) for number in range(1, VARIANTS + 1) for kind in GENERATORS]
    else:
        folder = Path(settings.source)
        files = sorted([*folder.rglob("*.flac"), *folder.rglob("*.wav")])
        if not files:
            where = f"params.yaml: simulate.noise.source: {folder}"
            raise CorpusError(f"{where}: no FLAC or WAV found; write `generators` or a folder")
        noises = [RecordedNoise("-".join(p.relative_to(folder).with_suffix("").parts), p.parent.name, p) for p in files]
    by_id = {noise.id: noise for noise in noises}
    require(by_split("noise", by_id), 1, "noises", "simulate.noise.source", "give a folder with more recordings")
    return [by_id[identity] for identity in balanced("noise", by_id, 2)]
