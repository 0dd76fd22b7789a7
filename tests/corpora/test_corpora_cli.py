"""`thinwire extract` and `thinwire corpora check`."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
from corpus_factory import Chime6Folder, entry

from thinwire.cli import corpora, extract
from thinwire.corpora.check import check_corpora
from thinwire.corpora.registry import CORPORA, corpus_of
from thinwire.errors import ParamError, ThinwireError
from thinwire.params.chime6 import Chime6Extraction
from thinwire.params.parts import Corpora
from thinwire.params.voicebank import VoicebankExtraction
from thinwire.segments import SegmentStore


def call(module, monkeypatch: pytest.MonkeyPatch, settings: Corpora, *words: str) -> int:
    monkeypatch.setattr("thinwire.params.load_params", lambda: SimpleNamespace(corpora=settings, seed=1))
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers(dest="command"))
    return module.run(parser.parse_args(words))


def test_extract_reads_the_simulated_corpus_or_the_root(
    chime6: Chime6Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chime6.write([entry("P05", 1, 4)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/sim").mkdir(parents=True)
    (tmp_path / "data/sim/chime6").symlink_to(chime6.root)
    assert call(extract, monkeypatch, Corpora(), "extract", "chime6") == 0
    assert "data/segments/chime6: 3 segments (dev 3); skipped: none" in capsys.readouterr().out
    assert len(SegmentStore(tmp_path / "data/segments/chime6").table) == 3
    settings = Corpora(chime6=Chime6Extraction(root=str(chime6.root)))
    assert call(extract, monkeypatch, settings, "extract", "chime6", "--out", "other") == 0
    assert len(SegmentStore(tmp_path / "other").table) == 3
    assert call(extract, monkeypatch, Corpora(), "extract", "chime6", "--root", str(chime6.root), "--out", "third") == 0


def test_a_failed_extraction_leaves_the_old_output(
    chime6: Chime6Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chime6.write([entry("P05", 1, 4)])
    monkeypatch.chdir(tmp_path)
    words = ("extract", "chime6", "--root", str(chime6.root), "--out", "out")
    call(extract, monkeypatch, Corpora(), *words)
    chime6.transcribe("not json")
    with pytest.raises(ThinwireError, match="S02.json: not JSON"):
        call(extract, monkeypatch, Corpora(), *words)
    assert len(SegmentStore(tmp_path / "out").table) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chime6", "out"]


def test_unknown_corpus() -> None:
    with pytest.raises(ParamError, match="'chime7': no such corpus; there are chime6, dns, librispeech"):
        corpus_of("chime7")


def test_check_tells_what_is_there_and_where_to_get_the_rest(
    chime6: Chime6Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(corpora, monkeypatch, Corpora(), "corpora", "check") == 0
    assert capsys.readouterr().out.count("nothing yet: `dvc repro` simulates it") == len(CORPORA)
    settings = Corpora(chime6=Chime6Extraction(root=str(chime6.root)))
    assert call(corpora, monkeypatch, settings, "corpora", "check") == 1
    assert f"problem  {chime6.root}: no such folder" in capsys.readouterr().out
    chime6.write([entry("P05", 1, 4)])
    assert call(corpora, monkeypatch, settings, "corpora", "check") == 0
    text = capsys.readouterr().out
    for line in ("1 sessions dev", "missing  no train session", "openslr.org/150", "CC BY-SA 4.0"):
        assert line in text
    assert all(finding.usable for finding in check_corpora(settings))


def test_check_looks_at_a_test_set_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Corpora(voicebank=VoicebankExtraction(test_root=str(tmp_path / "pairs")))
    assert call(corpora, monkeypatch, settings, "corpora", "check") == 1
    text = capsys.readouterr().out
    assert f"  test_root {tmp_path / 'pairs'} (" in text and f"problem  {tmp_path / 'pairs'}" in text
    for kind in ("clean", "noisy"):
        (tmp_path / f"pairs/{kind}_testset_wav").mkdir(parents=True)
        sf.write(tmp_path / f"pairs/{kind}_testset_wav/p232_001.wav", np.full(16_000, 0.1), 16_000)
    assert call(corpora, monkeypatch, settings, "corpora", "check") == 0
    text = capsys.readouterr().out.partition("pairs of clean and noisy speech, test set\n")[2]
    assert "1 pairs eval" in text and "falls into" not in text
