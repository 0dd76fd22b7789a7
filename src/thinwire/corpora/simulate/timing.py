"""Who speaks when: a generated conversation, or a window of a real CHiME-6 session."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from thinwire.artifacts import read_json
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.talkers import Interval, Talker, Utterance, cut
from thinwire.errors import CorpusError
from thinwire.params.corpora import Timing

MAX_TURN_S = 6.0
_LEAD_S = 0.3
_MIN_SLOT_S = 0.2
_WINDOW_TRIES = 20
_TALK = 0.45  # windows with less speech are passed over: breaks, and people out of the room


@dataclass(frozen=True)
class Turn:
    """What talker number `talker` of the session says from `start` seconds on."""

    talker: int
    start: float
    utterance: Utterance

    @property
    def end(self) -> float:
        return self.start + self.utterance.seconds


@dataclass(frozen=True)
class Shares:
    """Parts of the time (10 ms grid) in which nobody, one talker, or more than one speaks."""

    silence: float
    single: float
    overlap: float


class Stream:
    """A talker's speech as one stream from which turns of wanted lengths are taken, broken between words."""

    def __init__(self, talker: Talker, rng: np.random.Generator) -> None:
        self._talker, self._rng = talker, rng
        self._rest: Utterance | None = None

    def sentence(self, limit: float = MAX_TURN_S) -> Utterance:
        """The next sentence, or as much of it as `limit` seconds hold."""
        whole = self._next()
        if whole.seconds <= limit:
            return whole
        return self._take(whole, limit, 0.0) or whole

    def fill(self, seconds: float, slack: float) -> Utterance | None:
        """Speech of about `seconds` (at most `slack` more), or None when not even a word fits."""
        pieces: list[Utterance] = []
        left = seconds
        while left > (_MIN_SLOT_S if pieces else 0.0):
            piece = self._take(self._next(), left, slack)
            if piece is None:
                break
            pieces.append(piece)
            left -= piece.seconds
        return _join(pieces) if pieces else None

    def _next(self) -> Utterance:
        rest, self._rest = self._rest, None
        return rest or self._talker.say(self._rng)

    def _take(self, whole: Utterance, seconds: float, slack: float) -> Utterance | None:
        if whole.seconds <= seconds + slack:
            return whole
        point = seconds
        if whole.phones:
            points = [word.end for word in whole.words if word.end <= seconds + slack]
            if not points:
                self._rest = whole
                return None
            point = min(points, key=lambda end: abs(end - seconds))
        if whole.seconds - point > _MIN_SLOT_S:
            self._rest = cut(whole, point, whole.seconds)
        return cut(whole, 0.0, point)


def _join(pieces: list[Utterance]) -> Utterance:
    words: list[Interval] = []
    phones: list[Interval] = []
    offset = 0.0
    for piece in pieces:
        words += [Interval(item.label, item.start + offset, item.end + offset) for item in piece.words]
        phones += [Interval(item.label, item.start + offset, item.end + offset) for item in piece.phones]
        offset += piece.seconds
    return Utterance(np.concatenate([piece.audio for piece in pieces]), tuple(words), tuple(phones))


def converse(streams: list[Stream], settings: Timing, session_s: float, rng: np.random.Generator) -> list[Turn]:
    """A conversation whose shares of silence and overlap are steered towards `settings`; never more than two at once.

    Each turn either waits or breaks in, whichever share lags behind more being the likelier.
    """
    turns: list[Turn] = []
    floor, end, free_since = -1, _LEAD_S, 0.0
    silence, overlap = _LEAD_S, 0.0
    activity = rng.uniform(0.5, 1.0, len(streams))
    while session_s - end > _MIN_SLOT_S:
        chances = activity * (np.arange(len(streams)) != floor)
        talker = int(rng.choice(len(streams), p=chances / chances.sum()))
        said = streams[talker].sentence()
        lag_silence = max(settings.silence * (end + said.seconds) - silence, 0.0)
        lag_overlap = max(settings.overlap * (end + said.seconds) - overlap, 0.0)
        room = max(end - free_since - 0.1, 0.0)
        if turns and rng.random() * (lag_silence + lag_overlap) < lag_overlap:
            start = end - min(
                rng.exponential(0.8 + 4.0 * settings.overlap), room, 0.95 * said.seconds, lag_overlap + 0.8
            )
        else:
            start = end + min(
                rng.gamma(2.0, 0.2 + 1.4 * settings.silence / (1.0 - settings.silence)), lag_silence + 0.2
            )
        left = session_s - start
        if said.seconds > left:
            if left < 2 * _MIN_SLOT_S:
                break
            said = cut(said, 0.0, max((w.end for w in said.words if w.end <= left), default=left))
        turn = Turn(talker, start, said)
        turns.append(turn)
        silence += max(start - end, 0.0)
        overlap += max(min(end, turn.end) - start, 0.0)
        free_since = max(min(end, turn.end), start)
        if turn.end > end:
            floor, end = talker, turn.end
    return turns


def shares(turns: list[Turn], session_s: float) -> Shares:
    """Measure the shares on a 10 ms grid."""
    grid = np.zeros(math.ceil(session_s * 100), dtype=int)
    for turn in turns:
        grid[round(turn.start * 100) : round(turn.end * 100)] += 1
    return Shares(float(np.mean(grid == 0)), float(np.mean(grid == 1)), float(np.mean(grid > 1)))


def _seconds(value: object) -> float:
    """Seconds from CHiME-7/8 (`"40.600"`) or CHiME-6 (`"0:00:40.60"`) text."""
    total = 0.0
    for part in str(value).split(":"):
        total = total * 60 + float(part)
    return total


@lru_cache(maxsize=32)
def _segments(path: Path) -> tuple[tuple[str, float, float], ...]:
    """(speaker, start, end) of the entries of one file that end after they start."""
    entries = read_json(path)
    found = []
    try:
        for entry in entries:
            start, end = _seconds(entry["start_time"]), _seconds(entry["end_time"])
            if end > start:
                found.append((str(entry["speaker"]), start, end))
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path}: entry {len(found)} is no CHiME-6 segment ({error!r}); remove the file") from error
    return tuple(sorted(found, key=lambda item: item[1]))


def timing_files(source: str, split: str) -> list[Path]:
    """The segment files of a folder for one split: those in a folder of that name where there is one, else all.

    Raises CorpusError when there are none.
    """
    files = sorted(Path(source).rglob("S*.json"))
    if not files:
        raise CorpusError(
            f"params.yaml: simulate.timing.source: {source}: no S*.json found; write `generator` or a folder"
        )
    return [path for path in files if path.parent.name == split] or files


def replay(streams: list[Stream], files: list[Path], session_s: float, rng: np.random.Generator) -> list[Turn]:
    """Turns at the times of a randomly placed window of a randomly chosen real session.

    The session's four most talkative participants become the four talkers. A segment in which no whole word of the
    talker's next sentence fits stays silent.
    """
    window: list[tuple[str, float, float]] = []
    for _ in range(_WINDOW_TRIES):
        segments = _segments(files[int(rng.integers(len(files)))])
        begin = rng.uniform(0.0, max(max((end for _, _, end in segments), default=0.0) - session_s, 0.0))
        window = [(who, a - begin, b - begin) for who, a, b in segments if a >= begin and b <= begin + session_s]
        if sum(b - a for _, a, b in window) > _TALK * session_s:
            break
    talking: dict[str, float] = {}
    for who, a, b in window:
        talking[who] = talking.get(who, 0.0) + b - a
    order = sorted(sorted(talking, key=lambda who: -talking[who])[: len(streams)])
    turns: list[Turn] = []
    for index, (who, a, b) in enumerate(window):
        if who not in order or b - a < _MIN_SLOT_S:
            continue
        following = next((start for other, start, _ in window[index + 1 :] if other == who), session_s)
        begin = max([a, *(turn.end for turn in turns[-20:] if turn.talker == order.index(who))])
        limit = max(min(following, session_s) - begin - 1.0 / SAMPLE_RATE, 0.0)
        wanted = min(b - begin, limit)
        if wanted < _MIN_SLOT_S / 2:
            continue
        said = streams[order.index(who)].fill(wanted, min(0.15, limit - wanted))
        if said is not None:
            turns.append(Turn(order.index(who), begin, said))
    return turns
