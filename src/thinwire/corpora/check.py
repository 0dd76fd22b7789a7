"""What `thinwire corpora check` tells: for each corpus whether a root is set, what stands there, what is missing,
where to get it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thinwire.corpora.registry import CORPORA, Corpus, simulated_root
from thinwire.errors import CorpusError
from thinwire.params.parts import Corpora

SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """A corpus as found: `root` set by the user or None, `source` the folder that is read, `problem` why it cannot
    be. `key` is the parameter that names the folder: `test_root` where only the test set is read from it.
    """

    corpus: Corpus
    root: str | None
    source: Path
    found: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    problem: str = ""
    key: str = "root"

    @property
    def usable(self) -> bool:
        """Whether extraction would find a corpus; one that is still to be simulated counts as usable."""
        return not self.problem or (self.root is None and not self.source.exists())

    def lines(self) -> list[str]:
        """The finding as text, one line a fact."""
        text = [f"{self.corpus.name}: {self.corpus.title}{'' if self.key == 'root' else ', test set'}"]
        text.append(f"  {self.key:8s} {self.root or 'not set; the simulated corpus is read'} ({self.source})")
        if self.problem:
            waiting = self.usable
            text.append("  found    nothing yet: `dvc repro` simulates it" if waiting else f"  problem  {self.problem}")
        else:
            text.append("  found    " + ", ".join(f"{count} {name}" for name, count in self.found.items()))
            shown, rest = self.missing[:SHOWN], len(self.missing) - SHOWN
            text += [f"  missing  {line}" for line in shown] or ["  missing  nothing"]
            text += [f"  missing  ... and {rest} more"] if rest > 0 else []
        text += [
            f"  get it   {self.corpus.where}",
            f"  licence  {self.corpus.licence}",
            f"  layout   {self.corpus.layout}",
        ]
        return text


def real_roots(settings: Corpora) -> dict[str, str]:
    """The folders that are set, by parameter: `chime6.root`, `voicebank.test_root`."""
    keys = [(name, key) for name in settings.names() for key in ("root", "test_root")]
    found = {f"{name}.{key}": getattr(getattr(settings, name), key, None) for name, key in keys}
    return {key: root for key, root in found.items() if root}


def check_corpora(settings: Corpora) -> list[Finding]:
    """Look at every corpus of the registry, without reading audio; never raises for a corpus that is missing or
    incomplete.
    """
    findings, roots = [], real_roots(settings)
    for name, corpus in CORPORA.items():
        findings.append(_look(corpus, roots.get(f"{name}.root"), "root"))
        if test_root := roots.get(f"{name}.test_root"):
            findings.append(_look(corpus, test_root, "test_root"))
    return findings


def _look(corpus: Corpus, root: str | None, key: str) -> Finding:
    source = Path(root) if root else simulated_root(corpus.name)
    try:
        found, missing = corpus.survey(source)
        if key == "test_root":  # splits to learn from are not looked for there
            missing = [line for line in missing if not any(f"falls into {split}" in line for split in ("train", "dev"))]
        return Finding(corpus, root, source, found, missing, key=key)
    except (CorpusError, OSError) as error:
        return Finding(corpus, root, source, problem=str(error), key=key)
