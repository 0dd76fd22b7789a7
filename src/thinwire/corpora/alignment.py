"""Aligned phones and words from the optional sidecars that simulated corpora have and real ones lack."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any

from thinwire.artifacts import read_json
from thinwire.corpora.files import BadInput
from thinwire.errors import PipelineError

Row = tuple[float, float, str]


class Alignment:
    """The alignment of one recording, times in seconds on its own time line.

    Of a session: a list of {"speaker", "start", "end", "phone"}. Of a file with one talker: {"phones": [...], "words":
    [...]} of {"label", "start", "end"}. No file means that nothing is known. Raises BadInput naming file and entry.
    """

    def __init__(self, path: Path) -> None:
        self._phones: dict[str, list[Row]] = {}
        self._words: list[Row] | None = None
        if not path.is_file():
            return
        try:
            content = read_json(path)
        except PipelineError as error:
            raise BadInput("bad_alignment", str(error)) from error
        if isinstance(content, dict):
            self._phones[""] = [row for _, row in _rows(path, content.get("phones", []), "label")]
            self._words = [row for _, row in _rows(path, content.get("words", []), "label")]
        else:
            for item, row in _rows(path, content, "phone"):
                self._phones.setdefault(str(item.get("speaker", "")), []).append(row)
        for rows in self._phones.values():
            rows.sort()

    def phones(self, start_s: float, end_s: float, speaker: str = "") -> list[dict[str, Any]]:
        """The phones that touch a stretch: {"start", "end", "phone"}, seconds from its beginning, cut to it."""
        rows = self._phones.get(speaker, [])
        first = bisect_left(rows, start_s, key=lambda row: row[1])
        last = bisect_right(rows, end_s, key=lambda row: row[0])
        return [
            {"start": round(max(a, start_s) - start_s, 6), "end": round(min(b, end_s) - start_s, 6), "phone": phone}
            for a, b, phone in rows[first:last]
            if b > start_s and a < end_s
        ]

    def words(self, start_s: float, end_s: float, otherwise: str = "") -> str:
        """The words that lie wholly inside a stretch, or `otherwise` where words are not aligned."""
        if self._words is None:
            return otherwise
        return " ".join(word for a, b, word in self._words if a >= start_s and b <= end_s)


def _rows(path: Path, items: Any, label: str) -> list[tuple[dict[str, Any], Row]]:
    """Checked rows (start, end, label) with the objects they come from."""
    if not isinstance(items, list):
        raise BadInput("bad_alignment", f"{path}: expected a list of aligned {label}s, found {type(items).__name__}")
    rows = []
    for index, item in enumerate(items):
        try:
            rows.append((item, (float(item["start"]), float(item["end"]), str(item[label]))))
        except (TypeError, KeyError, ValueError) as error:
            what = f"needs start, end and {label} ({type(error).__name__}: {error})"
            raise BadInput("bad_alignment", f"{path}: entry {index}: {what}; correct or remove the file") from error
    return rows
