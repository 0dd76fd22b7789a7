"""LibriSpeech's layout: `speaker/chapter/speaker-chapter-utterance.flac`, transcripts, and alignments beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thinwire import audio as audio_io
from thinwire.artifacts import split_of, write_json
from thinwire.corpora.simulate.talkers import Talker, Utterance, load_talkers
from thinwire.corpora.simulate.timing import Turn
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

_TRIES = 4


def write_librispeech(settings: Simulate, seed: int, out: Path) -> None:
    """Write `utterances` for each talker, `*.trans.txt` where asked for and known, `SPEAKERS.TXT`, and alignments."""
    rows = [";ID  |SEX| SUBSET           |MINUTES| NAME"]
    (out / "alignments").mkdir(parents=True)
    talkers = load_talkers(settings.talkers, 1)
    for talker in track(talkers, "simulate librispeech"):
        chapter = f"{100_000 + int(talker.id)}"
        folder = out / talker.id / chapter
        folder.mkdir(parents=True)
        lines, seconds = [], 0.0
        for number, said in enumerate(_distinct(talker, settings.librispeech.utterances, seed)):
            name = f"{talker.id}-{chapter}-{number:04d}"
            audio_io.write(folder / f"{name}.flac", said.audio)
            write_json(out / "alignments" / f"{name}.json", alignment([Turn(0, 0.0, said)]))
            seconds += said.seconds
            if said.words:
                lines.append(f"{name} {said.text.upper()}\n")
        if settings.librispeech.transcripts and lines:
            (folder / f"{talker.id}-{chapter}.trans.txt").write_text("".join(lines), "utf-8")
        subset = f"simulated-{split_of('talker', talker.id)}"
        rows.append(f"{talker.id:<5}| {talker.sex} | {subset:<16} | {seconds / 60:5.2f} | {talker.description}")
    (out / "SPEAKERS.TXT").write_text("\n".join(rows) + "\n", "utf-8")


def _distinct(talker: Talker, count: int, seed: int) -> list[Utterance]:
    """`count` different utterances, or fewer from a talker who has fewer."""
    rng = named_rng(seed, "librispeech", talker.id)
    found: dict[bytes, Utterance] = {}
    for _ in range(_TRIES * count):
        said = talker.say(rng)
        found.setdefault(said.audio.tobytes(), said)
        if len(found) == count:
            break
    return list(found.values())


def alignment(turns: list[Turn]) -> dict[str, list[dict[str, Any]]]:
    """Words and phones in seconds from the beginning of the file; phones only where they are exact."""

    def rows(kind: str) -> list[dict[str, Any]]:
        return [
            {"label": item.label, "start": round(turn.start + item.start, 4), "end": round(turn.start + item.end, 4)}
            for turn in turns
            for item in getattr(turn.utterance, kind)
        ]

    return {"words": rows("words"), "phones": rows("phones")}
