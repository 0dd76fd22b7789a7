"""The project's claims are whole, and a broken file is one line that names file and claim."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from thinwire.claims import Verdict, load_claims, load_paper, read_verdicts, write_verdicts
from thinwire.errors import PipelineError
from thinwire.params import load_params

CLAIM = {
    "id": "p.one", "where": "Fig 1", "statement": "so", "kind": "ordering", "value_note": "none", "unit": "dB",
    "measure": "it", "rule": {"type": "exact", "holds_when": "so"}, "notebook": "n",
}  # fmt: skip
NOTEBOOKS = {"n": {"title": "N", "shows": "Fig 1", "stage": "notebook@n"}}
TREE = {"paper": "p", "title": "T", "source": "S", "notebooks": NOTEBOOKS}


def written(folder: Path, **change: object) -> Path:
    (folder / "papers").mkdir(exist_ok=True)
    (folder / "papers" / "p.yaml").write_text(yaml.safe_dump(TREE | {"claims": [CLAIM | change]}))
    return folder


def test_ndpca_is_whole(root: Path) -> None:
    paper = load_paper("ndpca", root)
    claims = load_claims("ndpca", root)
    assert len(claims) == 38
    printed = {name: claim.paper_value for name, claim in claims.items() if claim.paper_value is not None}
    assert printed["ndpca.fig3c.e4d1_gain"] == 52.2 and len(printed) == 12
    assert {claim.notebook for claim in claims.values()} == set(paper.notebooks)
    assert all(claim.measure.strip() for claim in claims.values())


def test_ndpca_names_runs_that_params_has(root: Path) -> None:
    runs = set(load_params(root / "params.yaml").runs)
    paper = load_paper("ndpca", root)
    systems = {system for floor in paper.floors.values() for system in floor.systems}
    for claim in paper.claims:
        rule = claim.rule
        if rule.type == "ordering":
            systems |= {str(name) for pair in rule.pairs for name in (pair.better, pair.worse) if name}
        if rule.type == "number":
            systems |= {rule.above, rule.below}
    assert {system.split("/")[0] for system in systems} <= runs


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rule": {"type": "exact", "hold_when": "so"}}, r"p.yaml: claim p.one: rule.exact.holds_when"),
        ({"rule": {"type": "guess"}}, r"claim p.one: rule"),
        ({"unti": "dB"}, r"claim p.one: unti: no such key"),
        ({"value_note": None}, r"claim p.one: `paper_value` is null"),
        ({"notebook": "m"}, r"claim p.one: notebook 'm'"),
        ({"floor": "f"}, r"claim p.one: floor 'f'"),
        ({"id": "q.one"}, r"claim q.one: the id must begin with `p.`"),
    ],
)
def test_errors_name_file_and_claim(tmp_path: Path, change: dict, text: str) -> None:
    with pytest.raises(PipelineError, match=text) as caught:
        load_paper("p", written(tmp_path, **change))
    assert "\n" not in str(caught.value) and "p.yaml" in str(caught.value)


def test_other_broken_files(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="q.yaml: not there"):
        load_paper("q", tmp_path)
    path = written(tmp_path) / "papers" / "p.yaml"
    path.write_text("claims: [")
    with pytest.raises(PipelineError, match="not YAML: .*line 1"):
        load_paper("p", tmp_path)
    path.write_text("- a list")
    with pytest.raises(PipelineError, match="no mapping"):
        load_paper("p", tmp_path)
    path.write_text(yaml.safe_dump(TREE | {"claims": [CLAIM, CLAIM]}))
    with pytest.raises(PipelineError, match="p.one: stands there twice"):
        load_paper("p", tmp_path)


def test_verdicts_round_trip(tmp_path: Path) -> None:
    rest = ("p", "Fig", "so", None, "dB", {"a": 1.0}, None, None, "reproduced", "why", ("reports/x.png",))
    rows = [Verdict(f"p.{name}", *rest) for name in ("two", "one")]
    path = tmp_path / "verdicts.json"
    write_verdicts(path, rows)
    assert list(read_verdicts(path)) == ["p.one", "p.two"]
    assert read_verdicts(path)["p.two"] == rows[0]
    with pytest.raises(PipelineError, match="p.one is judged twice"):
        write_verdicts(path, [rows[1], rows[1]])
    path.write_text('[{"id": "p.one"}]')
    with pytest.raises(PipelineError, match="verdicts.json: entry 1"):
        read_verdicts(path)
