"""ESC-50's layout: `audio/<fold>-<clip>-<take>-<class>.wav`, 5 s at 44.1 kHz, and `meta/esc50.csv`."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from thinwire import audio as audio_io
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.noise import GENERATORS
from thinwire.corpora.simulate.sounds import SOUNDS, Maker
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

WAV_RATE = 44_100
CLIP_S = 5.0
FOLDS = 5
FIRST_CLIP = 100_001
TAKES = "AB"
LEVEL_DB = (-38.0, -20.0)
PEAK = 0.99
TILT = 0.5
AMBIENCES = ("pink", "brown", "aircon", "babble", "traffic")
PADDED = 0.25
CATEGORIES = (
    "dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow", "rain", "sea_waves",
    "crackling_fire", "crickets", "chirping_birds", "water_drops", "wind", "pouring_water", "toilet_flush",
    "thunderstorm", "crying_baby", "sneezing", "clapping", "breathing", "coughing", "footsteps", "laughing",
    "brushing_teeth", "snoring", "drinking_sipping", "door_wood_knock", "mouse_click", "keyboard_typing",
    "door_wood_creaks", "can_opening", "washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick",
    "glass_breaking", "helicopter", "chainsaw", "siren", "car_horn", "engine", "train", "church_bells", "airplane",
    "fireworks", "hand_saw",
)  # fmt: skip
ESC10 = {
    "dog", "rooster", "rain", "sea_waves", "crackling_fire", "crying_baby", "sneezing", "clock_tick", "helicopter",
    "chainsaw",
}  # fmt: skip
HEADER = ("filename", "fold", "target", "category", "esc10", "src_file", "take")


def write_esc50(settings: Simulate, seed: int, out: Path) -> None:
    """Write `per_fold` clips of each of `kinds` classes into each of five folds, and the table of them.

    Two takes, A and B, are of the same thing and stand in the same fold, as clips of one recording do in the original.
    """
    size = settings.esc50
    (out / "audio").mkdir(parents=True)
    (out / "meta").mkdir()
    rows = []
    recording = FIRST_CLIP
    for category, maker in track(list(islice(SOUNDS.items(), size.kinds)), "simulate esc50"):
        target = CATEGORIES.index(category)
        for fold in range(1, FOLDS + 1):
            for number in range(size.per_fold):
                take = TAKES[number % len(TAKES)]
                name = f"{fold}-{recording}-{take}-{target}.wav"
                thing = named_rng(seed, "esc50", recording)
                samples = _clip(maker, size.snr_db, thing, named_rng(seed, "esc50", recording, take))
                audio_io.write(out / "audio" / name, audio_io.resample(samples, SAMPLE_RATE, WAV_RATE), WAV_RATE)
                rows.append((name, fold, target, category, category in ESC10, recording, take))
                recording += take == TAKES[-1] or number == size.per_fold - 1
    with (out / "meta" / "esc50.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows(sorted(rows))


def _clip(
    maker: Maker, snr_db: tuple[float, float], thing: np.random.Generator, take: np.random.Generator
) -> np.ndarray:
    """(80000,) a sound in its ambience through a microphone of some tilt; a quarter end early in digital silence."""
    n = round(CLIP_S * SAMPLE_RATE)
    tilt, padded, snr = thing.uniform(-TILT, TILT), thing.random() < PADDED, thing.uniform(*snr_db)
    sound = audio_io.set_level(maker(thing, take, n), 0.0)
    ambience = GENERATORS[str(thing.choice(AMBIENCES))]
    noise = audio_io.set_level(ambience(thing, take, n), -snr)
    clip = audio_io.set_level(lfilter([1.0, tilt], [1.0], sound + noise), take.uniform(*LEVEL_DB))
    clip *= PEAK / max(PEAK, float(np.abs(clip).max()))
    if padded:
        clip[int(take.uniform(0.4, 0.9) * n) :] = 0.0
    return clip
