"""VoiceBank+DEMAND's layout: clean and noisy files of the same names, logs of noise and SNR, texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thinwire import audio as audio_io
from thinwire.artifacts import split_of, write_json
from thinwire.corpora.simulate.librispeech import alignment
from thinwire.corpora.simulate.noise import NoiseSource, load_noises
from thinwire.corpora.simulate.pools import SPLITS, Deck
from thinwire.corpora.simulate.talkers import Talker, Utterance, load_talkers, of_split
from thinwire.corpora.simulate.timing import Turn
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

SNR_DB = {"train": (0.0, 5.0, 10.0, 15.0), "test": (2.5, 7.5, 12.5, 17.5)}
SETS = {"train": "train", "dev": "train", "eval": "test"}
PEAK = 0.99
NOISE_DRAWS = 20


def write_voicebank(settings: Simulate, seed: int, out: Path) -> None:
    """Write `utterances` pairs of each talker, at the original's four SNRs of the set in turn, with 16 kHz files.

    Talkers and noises of the evaluation split make the test set, the others the training set, in which a development
    talker is heard in development noise only. SNRs count mean power over the whole file. Texts are written where they
    are known.
    """
    for which in SNR_DB:
        for folder in (f"clean_{which}set_wav", f"noisy_{which}set_wav", f"{which}set_txt"):
            (out / folder).mkdir(parents=True)
    (out / "alignments").mkdir()
    talkers, noises = load_talkers(settings.talkers, 1), load_noises(settings.noise)
    logs: dict[str, list[str]] = {which: [] for which in SNR_DB}
    for split in SPLITS:
        rng = named_rng(seed, "voicebank", split)
        deck = Deck([noise for noise in noises if split_of("noise", noise.id) == split], rng)
        for talker in track(of_split(talkers, split), f"simulate voicebank {split}"):
            logs[SETS[split]] += _write_talker(out, SETS[split], talker, settings.voicebank.utterances, deck, rng)
    for which, lines in logs.items():
        (out / f"log_{which}set.txt").write_text("".join(sorted(lines)), "utf-8")


def _write_talker(
    out: Path, which: str, talker: Talker, count: int, deck: Deck[NoiseSource], rng: np.random.Generator
) -> list[str]:
    lines = []
    first = int(rng.integers(len(SNR_DB[which])))
    for number in range(count):
        said, (noise,) = talker.say(rng), deck.deal(1)
        snr_db = SNR_DB[which][(first + number) % len(SNR_DB[which])]
        name = f"p{talker.id}_{number + 1:03d}"
        clean, noisy = mix(said.audio, noise, snr_db, rng)
        audio_io.write(out / f"clean_{which}set_wav" / f"{name}.wav", clean)
        audio_io.write(out / f"noisy_{which}set_wav" / f"{name}.wav", noisy)
        _write_words(out, which, name, said)
        lines.append(f"{name} {noise.id} {snr_db:g}\n")
    return lines


def _write_words(out: Path, which: str, name: str, said: Utterance) -> None:
    write_json(out / "alignments" / f"{name}.json", alignment([Turn(0, 0.0, said)]))
    if said.words:
        (out / f"{which}set_txt" / f"{name}.txt").write_text(said.text + "\n", "utf-8")


def mix(
    speech: np.ndarray, noise: NoiseSource, snr_db: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Clean and noisy (samples,) at an SNR; both are scaled down together where the mixture would clip.

    A silent stretch of a recording of noise is drawn again; raises CorpusError after NOISE_DRAWS of them.
    """
    for _ in range(NOISE_DRAWS):
        sound = noise.make(len(speech), rng)
        if audio_io.level_db(sound) > audio_io.SILENCE_DB:
            break
    else:
        raise CorpusError(f"noise {noise.id}: {NOISE_DRAWS} stretches in a row are silent; remove the recording")
    noisy = speech + audio_io.set_level(sound, audio_io.level_db(speech) - snr_db)
    scale = PEAK / max(PEAK, float(np.abs(noisy).max()), float(np.abs(speech).max()))
    return speech * scale, noisy * scale
