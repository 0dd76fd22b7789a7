"""Procedural sounds of everyday things, named as the classes of ESC-50 that they stand for.

Each maker takes `v`, from which the thing is drawn (its pitch, pace, size), `rng`, from which a take of it is drawn,
and the number of samples at 16 kHz. Four kinds are those of the noise generators. Ranges overlap between kinds on
purpose: an engine may idle as slowly as a helicopter's blades turn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.noise import GENERATORS

Generator = np.random.Generator
Maker = Callable[[Generator, Generator, int], np.ndarray]
NYQUIST = SAMPLE_RATE / 2


def _seconds(n: int) -> np.ndarray:
    return np.arange(n) / SAMPLE_RATE


def _band(rng: Generator, n: int, low: float, high: float, order: int = 2) -> np.ndarray:
    """Gaussian noise between two frequencies in Hz, RMS 1."""
    edges = [max(low, 10.0), min(high, 0.99 * NYQUIST)]
    noise = sosfilt(butter(order, edges, "bandpass", fs=SAMPLE_RATE, output="sos"), rng.standard_normal(n))
    return noise / (noise.std() + 1e-9)


def _wander(rng: Generator, n: int, rate_hz: float, low: float, high: float) -> np.ndarray:
    """A control signal between two values, with about `rate_hz` new targets a second."""
    targets = rng.uniform(low, high, int(n / SAMPLE_RATE * rate_hz) + 3)
    return np.interp(_seconds(n) * rate_hz + rng.uniform(0.0, 1.0), np.arange(len(targets)), targets)


def _voiced(pitch_hz: np.ndarray, harmonics: int, slope: float) -> np.ndarray:
    """Harmonics of a moving pitch that fall as number to the power -slope; none above 8 kHz."""
    phase = 2.0 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
    out = np.zeros(len(pitch_hz))
    for k in range(1, harmonics + 1):
        out += np.where(k * pitch_hz < NYQUIST, float(k) ** -slope * np.sin(k * phase), 0.0)
    return out


def _resonance(sound: np.ndarray, centre_hz: float, radius: float) -> np.ndarray:
    """Through one pole pair at a radius of the z plane."""
    return lfilter([1.0], [1.0, -2.0 * radius * np.cos(2 * np.pi * centre_hz / SAMPLE_RATE), radius**2], sound)


def _put(out: np.ndarray, start_s: float, sound: np.ndarray) -> None:
    first = int(start_s * SAMPLE_RATE)
    piece = sound[: max(0, len(out) - first)]
    out[first : first + len(piece)] += piece


def _steady(rng: Generator, n: int, period_s: float, jitter: float) -> np.ndarray:
    """Times in seconds of events about a period apart, the first within one period."""
    gaps = period_s * (1.0 + jitter * rng.uniform(-1.0, 1.0, int(n / SAMPLE_RATE / period_s / (1 - jitter)) + 2))
    times = rng.uniform(0.0, period_s) + np.cumsum(gaps) - gaps[0]
    return times[times < n / SAMPLE_RATE]


def _dog(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Barks in groups: a pitch that rises and falls under two resonances, with breath."""
    pitch, length, gap = v.uniform(280, 700), v.uniform(0.10, 0.25), v.uniform(0.25, 0.9)
    formants = v.uniform(600, 1100), v.uniform(1400, 2400)
    out, time = np.zeros(n), rng.uniform(0.0, 1.0)
    while time < n / SAMPLE_RATE:
        m = int(length * rng.uniform(0.8, 1.2) * SAMPLE_RATE)
        arc = np.sin(np.pi * np.arange(m) / m)
        source = _voiced(pitch * rng.uniform(0.9, 1.1) * (0.75 + 0.45 * arc), 12, 0.7) + 0.4 * rng.standard_normal(m)
        bark = sum(_resonance(source, f, 0.95) for f in formants)
        _put(out, time, rng.uniform(0.5, 1.0) * bark * arc**0.5)
        time += gap * rng.uniform(0.8, 1.3) + (rng.uniform(0.5, 2.0) if rng.random() < 0.25 else 0.0)
    return out


def _sea_waves(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Noise that swells and breaks, its treble with it."""
    period, skew = v.uniform(3.0, 8.0), v.uniform(1.5, 4.0)
    swell = (0.5 + 0.5 * np.sin(2 * np.pi * (_seconds(n) / period + rng.uniform(0, 1)))) ** skew
    low, high = _band(rng, n, 60, v.uniform(500, 1200), 1), _band(rng, n, v.uniform(800, 1500), 7000, 1)
    return (0.25 + swell) * low + v.uniform(0.4, 1.2) * swell**1.5 * high


def _crackling_fire(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Snaps of very unequal strength over a soft roar."""
    rate, roar = v.uniform(6, 30), v.uniform(0.05, 0.4)
    out = roar * _band(rng, n, 50, v.uniform(300, 900), 1) * _wander(rng, n, 3.0, 0.5, 1.0)
    for time in rng.uniform(0.0, n / SAMPLE_RATE, max(3, int(rng.poisson(rate * n / SAMPLE_RATE)))):
        m = int(rng.uniform(0.003, 0.02) * SAMPLE_RATE)
        snap = _band(rng, m, rng.uniform(800, 3000), 7500, 1) * np.exp(-5.0 * np.arange(m) / m)
        _put(out, time, min(rng.pareto(1.5) + 0.2, 8.0) * snap)
    return out


def _crickets(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """One to three insects, each a tone in short pulses, the pulses in chirps."""
    out = 0.05 * _band(rng, n, 200, 6000, 1)
    for _ in range(int(v.integers(1, 4))):
        tone, pulse, chirp = v.uniform(2600, 5600), v.uniform(18, 45), v.uniform(1.0, 3.0)
        time, share, shift = _seconds(n), v.uniform(0.3, 0.95), rng.uniform(0, 1)
        beat = np.clip(np.sin(2 * np.pi * pulse * time), 0.0, None) * ((chirp * time + shift) % 1.0 < share)
        out += v.uniform(0.3, 1.0) * beat * np.sin(2 * np.pi * tone * time + rng.uniform(0, 6.28))
    return out


def _wind(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Gusts of low noise, and a whistle that follows them where the wind meets an edge."""
    gust = _wander(rng, n, v.uniform(0.5, 2.0), 0.1, 1.0)
    pitch = v.uniform(300, 900) * (0.7 + 0.6 * gust)
    rough = np.cumsum(rng.standard_normal(n)) * 0.02
    whistle = np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE + rough)
    return gust * _band(rng, n, 30, v.uniform(250, 900), 1) + v.uniform(0.0, 0.5) * gust**2 * whistle


def _footsteps(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Heel, then sole: a thud with a scrape after it."""
    out, thud, scrape = np.zeros(n), v.uniform(70, 220), v.uniform(800, 3500)
    roll, share = v.uniform(0.03, 0.12), v.uniform(0.1, 0.8)
    for time in _steady(rng, n, v.uniform(0.35, 0.75), 0.08):
        m = int(0.16 * SAMPLE_RATE)
        decay = np.exp(-_seconds(m) / v.uniform(0.015, 0.03))
        heel = np.sin(2 * np.pi * thud * _seconds(m)) * decay + 0.3 * _band(rng, m, 100, 1500, 1) * decay
        sole = share * _band(rng, m, scrape, 2.5 * scrape, 1) * np.exp(-_seconds(m) / 0.03)
        strength = rng.uniform(0.6, 1.0)
        _put(out, time, strength * heel)
        _put(out, time + roll, strength * sole)
    return out


def _door_wood_knock(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Groups of two to six knocks on a panel with a few damped modes."""
    out, time, gap = np.zeros(n), rng.uniform(0.0, 0.8), v.uniform(0.12, 0.35)
    modes, decay = v.uniform(90, 260) * np.array([1.0, 1.7, 2.6, 4.1]), v.uniform(0.015, 0.05)
    while time < n / SAMPLE_RATE:
        for _ in range(int(rng.integers(2, 7))):
            t = _seconds(int(0.25 * SAMPLE_RATE))
            parts = [a * np.sin(2 * np.pi * f * t) * np.exp(-t / d) for f, a, d in
                     zip(modes, rng.uniform(0.3, 1.0, 4), decay / np.sqrt(np.arange(1, 5)), strict=True)]  # fmt: skip
            click = rng.standard_normal(len(t)) * np.exp(-t / 0.002)
            _put(out, time, rng.uniform(0.6, 1.0) * (np.sum(parts, axis=0) + click))
            time += gap * rng.uniform(0.85, 1.15)
        time += rng.uniform(0.6, 2.5)
    return out


def _clock_alarm(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Beeps in groups, square as a piezo's or bright as a bell's, with a pause."""
    tone, beep, group = v.uniform(700, 3200), v.uniform(0.05, 0.25), int(v.integers(1, 5))
    duty, pause = v.uniform(0.4, 0.8), v.uniform(0.0, 0.8)
    time = (_seconds(n) + rng.uniform(0, 1)) % (group * beep / duty + pause)
    on = (time < group * beep / duty) & (time % (beep / duty) < beep)
    return _voiced(np.full(n, tone * (1 + v.uniform(0, 0.02))), 9, v.uniform(0.8, 2.0)) * on


def _helicopter(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Blade slap over turbine and wash."""
    blade, sharp = v.uniform(9, 24), v.uniform(2.0, 8.0)
    pace = blade * (1.0 + 0.02 * _wander(rng, n, 1.0, -1.0, 1.0))
    slap = (0.5 + 0.5 * np.sin(2 * np.pi * np.cumsum(pace) / SAMPLE_RATE)) ** sharp
    body = _band(rng, n, 40, v.uniform(300, 1200), 1)
    whine = np.sin(2 * np.pi * v.uniform(400, 2500) * _seconds(n))
    near = _wander(rng, n, 0.3, 0.4, 1.0)
    return near * (body * (0.15 + slap) + 0.3 * _band(rng, n, 500, 5000, 1) * slap + v.uniform(0.0, 0.15) * whine)


def _chainsaw(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """A two-stroke motor that revs up under the hand, rough from stroke to stroke."""
    pitch = v.uniform(60, 130) * _wander(rng, n, v.uniform(0.4, 1.5), 0.7, 1.6)
    motor = _voiced(pitch, 40, v.uniform(0.3, 0.8))
    rough = 1.0 + v.uniform(0.1, 0.5) * _band(rng, n, 15, 120, 1)
    return motor / motor.std() * rough + v.uniform(0.2, 0.8) * _band(rng, n, 1000, 7000, 1)


def _siren(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Wail, yelp or two tones."""
    low, period = v.uniform(400, 800), v.choice([v.uniform(0.25, 0.6), v.uniform(1.5, 5.0)])
    phase = (_seconds(n) / period + rng.uniform(0, 1)) % 1.0
    style = int(v.integers(3))
    course = [np.abs(2 * phase - 1), 0.5 - 0.5 * np.cos(2 * np.pi * phase), (phase < 0.5).astype(float)][style]
    high = low * (v.uniform(1.2, 1.5) if style == 2 else v.uniform(1.6, 2.6))
    street = v.uniform(0.05, 0.4) * _band(rng, n, 40, 800, 1)
    return _voiced(low + (high - low) * course, 10, v.uniform(0.8, 1.8)) + street


def _church_bells(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Two to four bells with the partials of hum, prime, tierce, quint and nominal, rung in turn."""
    partials = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0])
    base, decay = v.uniform(220, 700), v.uniform(0.8, 2.5)
    bells = base * 2.0 ** (-np.sort(v.choice(8, int(v.integers(2, 5)), replace=False)) / 12)
    weights, out = v.uniform(0.2, 1.0, 8), np.zeros(n)
    t = _seconds(n)
    for index, time in enumerate(_steady(rng, n, v.uniform(0.4, 1.4), 0.08)):
        pitch = bells[index % len(bells)]
        ring = sum(w * np.sin(2 * np.pi * pitch * p * t) * np.exp(-t * p**0.7 / decay)
                   for w, p in zip(weights, partials, strict=True))  # fmt: skip
        _put(out, time, rng.uniform(0.7, 1.0) * ring)
    return out


def _engine(v: Generator, rng: Generator, n: int) -> np.ndarray:
    """Firing strokes through the resonances of an exhaust."""
    rate = v.uniform(18, 70) * _wander(rng, n, 0.7, 0.9, 1.25)
    strokes = np.diff(np.floor(np.cumsum(rate) / SAMPLE_RATE), prepend=0.0) * rng.uniform(0.7, 1.3, n)
    out = v.uniform(0.005, 0.02) * rng.standard_normal(n)
    for centre in v.uniform((60, 200, 600), (150, 500, 1500)):
        out = out + _resonance(strokes, centre, 0.98)
    return out


SOUNDS: dict[str, Maker] = {
    "rain": GENERATORS["rain"], "dog": _dog, "clock_tick": GENERATORS["clock"], "helicopter": _helicopter,
    "chainsaw": _chainsaw, "sea_waves": _sea_waves, "crackling_fire": _crackling_fire, "siren": _siren,
    "footsteps": _footsteps, "door_wood_knock": _door_wood_knock, "keyboard_typing": GENERATORS["typing"],
    "church_bells": _church_bells, "vacuum_cleaner": GENERATORS["vacuum"], "wind": _wind, "crickets": _crickets,
    "clock_alarm": _clock_alarm, "engine": _engine,
}  # fmt: skip
