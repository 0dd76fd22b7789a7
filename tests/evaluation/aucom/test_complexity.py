"""Table 3: what the stage counts, and how."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_workspace import REPOSITORY, inside

from thinwire.artifacts import read_json
from thinwire.cli import main
from thinwire.errors import ParamError, PipelineError
from thinwire.evaluation.aucom.complexity import neural_entries, paper_settings
from thinwire.evaluation.aucom.interpolations import interpolations
from thinwire.params.aucom_codec import Settings
from thinwire.systems.aucom.neural_codecs import NEURAL_CODECS


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """complexity.json of codecs with 16 mels."""
    folder = tmp_path_factory.mktemp("complexity")
    tree = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    for system in ("aucom_codec", "aucom_deepcod", "aucom_sensing"):
        tree["systems"][system] = {"spectrum": {"n_mels": 16}}
    tree["systems"]["aucom_sensing"]["measurements"] = [4, 8]
    tree["evaluation"]["aucom"] = {"interpolation_factors": [[4, 4]]}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    (folder / "presets").mkdir()
    shutil.copy(REPOSITORY / "presets" / "paper.yaml", folder / "presets")
    with inside(folder):
        assert main(["complexity", "aucom"]) == 0
    return read_json(folder / "results" / "aucom_complexity" / "complexity.json")


def test_aucom_at_the_papers_size_is_as_printed(counted: dict[str, Any]) -> None:
    size = counted["sizes"]["paper"]
    line = size["systems"]["aucom_v1"]
    assert size["n_mels"] == 80 and line["params"] == 65_282 and line["params_without_lstm"] == 26_242
    assert round(line["macs_without_lstm"] / 1e9, 2) == 2.54
    assert round(line["flops_counted_as_paper"] / 1e9, 2) == 2.56
    assert line["macs_per_minute"] - line["macs_without_lstm"] == 6000 * 2 * 4 * 40 * (80 + 40)
    assert size["systems"]["aucom_deepcod"]["params"] == 51
    assert counted["sizes"]["paper_128"]["systems"]["aucom_v1"]["params"] == 26_242 + 99_328


def test_every_size_has_every_system(counted: dict[str, Any]) -> None:
    assert counted["sizes"]["here"]["n_mels"] == 16
    for size in counted["sizes"].values():
        assert set(size["systems"]) == {"aucom_v1", "aucom_v2", "aucom_v3", "aucom_deepcod", "aucom_sensing",
                                        "bilinear_4x4", "bicubic_4x4"}  # fmt: skip
        assert size["systems"]["bilinear_4x4"]["params"] == 0
    assert counted["sizes"]["here"]["systems"]["aucom_sensing"]["params"] == 8 * 16 * 4


@pytest.mark.parametrize("size", ["here", "paper", "paper_128"])
def test_the_ways_of_counting_belong_together(counted: dict[str, Any], size: str) -> None:
    systems = counted["sizes"][size]["systems"]
    for label, line in systems.items():
        adds = line["flops_without_lstm"] - 2 * line["macs_without_lstm"]
        assert line["flops_counted_as_paper"] == line["macs_without_lstm"] + adds
        recurrent = label in ("aucom_v1", "aucom_v2", "aucom_v3")
        assert (line["macs_per_minute"] > line["macs_without_lstm"]) == recurrent
        assert (line["params"] > line["params_without_lstm"]) == recurrent
    for way, times in counted["ratios"][size].items():
        for label, value in times.items():
            line = systems.get(label) or counted["neural"][label]["at_paper_rate"]
            assert value * systems["aucom_v1"][way] == pytest.approx(line[way])


def test_waveform_codecs_are_counted_at_both_rates(counted: dict[str, Any]) -> None:
    assert set(counted["neural"]) == set(NEURAL_CODECS) and counted["unavailable"] == {}
    for one in counted["neural"].values():
        rates = one["sample_rate"] / 16_000
        own, paper = (one[way]["macs_per_minute"] for way in ("at_own_rate", "at_paper_rate"))
        assert own == pytest.approx(rates * paper, rel=0.01)


def test_what_cannot_be_imported_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dac", "dac.model"):
        monkeypatch.setitem(sys.modules, module, None)
    found, reasons = neural_entries(("dac_16k",))
    assert found == {} and "descript-audio-codec" in reasons["dac_16k"]


def test_a_preset_without_the_systems_is_named(tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text("systems: {aucom_codec: {}}\n")
    with pytest.raises(PipelineError, match="paper.yaml: systems: aucom_codec"):
        paper_settings(80, path)


def test_factors_must_divide_the_features() -> None:
    with pytest.raises(ParamError, match=r"interpolation_factors: \(3, 4\) do not divide 80 mels"):
        interpolations(Settings(), [(4, 4), (3, 4)])


def test_the_paper_must_be_named() -> None:
    with pytest.raises(SystemExit):
        main(["complexity"])
