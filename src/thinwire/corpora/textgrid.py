"""Praat's TextGrid files, long and short text format, as forced aligners write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from thinwire.corpora.alignment import Row
from thinwire.corpora.files import BadInput

# Free-standing strings, numbers and flags; Praat takes everything else for comment, so one reader serves both formats.
_TOKEN = re.compile(r'"([^"]*(?:""[^"]*)*)"|(?<!\S)([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)|(<exists>|<absent>)')
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}


@dataclass(frozen=True)
class Tier:
    """An interval tier: its name and rows (start, end, label) in seconds."""

    name: str
    rows: list[Row]


def read_textgrid(path: Path) -> list[Tier]:
    """The interval tiers of a file; point tiers are left out. Raises BadInput (`bad_alignment`) naming the file."""
    content = path.read_bytes()
    try:
        text = content.decode(_BOMS.get(content[:2], "utf-8"))
    except UnicodeDecodeError as error:
        raise _bad(path, f"not UTF-8 or UTF-16 text ({error.reason})") from error
    tokens = _Tokens(path, text)
    if tokens.string() != "ooTextFile" or tokens.string() != "TextGrid":
        raise _bad(path, "not a TextGrid in text format")
    tokens.number(), tokens.number()
    if tokens.flag() == "<absent>":
        return []
    tiers = []
    for _ in range(int(tokens.number())):
        kind, name = tokens.string(), tokens.string()
        tokens.number(), tokens.number()
        count = int(tokens.number())
        if kind == "IntervalTier":
            tiers.append(Tier(name, [(tokens.number(), tokens.number(), tokens.string()) for _ in range(count)]))
        elif kind == "TextTier":
            for _ in range(count):
                tokens.number(), tokens.string()
        else:
            raise _bad(path, f"a tier of unknown class {kind!r:.40}")
    return tiers


def find_tier(path: Path, tiers: list[Tier], what: str) -> Tier:
    """The first tier whose name ends in `what` or its singular (`phones`, `LJ - phones`); raises BadInput."""
    for tier in tiers:
        if tier.name.strip().lower().endswith((what, what.removesuffix("s"))):
            return tier
    names = ", ".join(repr(tier.name) for tier in tiers) or "none"
    raise _bad(path, f"no interval tier named `{what}` (found {names:.200})")


def _bad(path: Path, what: str) -> BadInput:
    return BadInput("bad_alignment", f"{path}: {what}; correct or remove the file")


class _Tokens:
    """The tokens of a file, taken one after another by the kind that must come."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._found: Iterator[re.Match[str]] = _TOKEN.finditer(text)

    def string(self) -> str:
        return self._next(1, "a text in quotes").replace('""', '"')

    def number(self) -> float:
        value = float(self._next(2, "a number"))
        if not math.isfinite(value):
            raise _bad(self._path, "a number beyond all bounds")
        return value

    def flag(self) -> str:
        return self._next(3, "<exists>")

    def _next(self, kind: int, name: str) -> str:
        match = next(self._found, None)
        if match is None:
            raise _bad(self._path, f"ends where {name} is expected")
        if match.lastindex != kind:
            raise _bad(self._path, f"{match.group(0)!r:.40} at character {match.start()} where {name} is expected")
        return match.group(kind)
