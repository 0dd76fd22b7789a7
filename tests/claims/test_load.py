"""The project's claims are whole, and a broken file is one line that names file and claim."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from thinwire.claims import Verdict, floor_systems, load_claims, load_paper, read_verdicts, write_verdicts
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


def test_tfcodec_is_whole(root: Path) -> None:
    paper = load_paper("tfcodec", root)
    claims = load_claims("tfcodec", root)
    assert len(claims) == 56 and all(name.startswith("tfc.") for name in claims)
    assert {claim.paper for claim in claims.values()} == {"tfcodec"}
    assert claims["tfc.table5_6k_adv"].paper_value == {"pesq": 3.547, "stoi": 0.953, "visqol": 3.841}
    assert {claim.notebook for claim in claims.values()} == set(paper.notebooks)


def test_every_decided_claim_about_tfcodec_models_has_a_floor(root: Path) -> None:
    paper = load_paper("tfcodec", root)
    for claim in paper.claims:
        if claim.systems:
            assert claim.floor is not None, claim.id
            assert set(floor_systems(claim, paper.floors[claim.floor])) == set(claim.systems)
            assert "inconclusive" in claim.possible()


def test_aucom_is_whole(root: Path) -> None:
    paper = load_paper("aucom", root)
    claims = load_claims("aucom", root)
    assert len(claims) == 94 and {claim.paper for claim in claims.values()} == {"aucom"}
    assert claims["aucom.table2_speechcommands_v3"].paper_value == {
        "huffman_kbps": 0.57, "huffman_accuracy": 93.42, "arithmetic_kbps": 0.92, "range_kbps": 0.83, "rans_kbps": 0.69,
        "others_accuracy": 93.71,
    }  # fmt: skip
    assert {claim.notebook for claim in claims.values()} == set(paper.notebooks)
    assert all(claim.floor for claim in claims.values() if claim.systems)


@pytest.mark.parametrize("name", ["ndpca", "tfcodec", "aucom"])
def test_rules_name_runs_that_params_has(name: str, root: Path) -> None:
    runs = set(load_params(root / "params.yaml").runs.rows())
    paper = load_paper(name, root)
    systems = {system for floor in paper.floors.values() for system in floor.systems}
    systems |= {system for claim in paper.claims for system in claim.systems}
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
        (
            {"rule": {"type": "ordering", "pairs": [{"name": "n", "better": "a"}]}},
            "claim p.one: rule.ordering.pairs.0: `better` and `worse` come together",
        ),
        (
            {"rule": {"type": "number", "quantity": "gain", "tolerance": 1.0, "above": "a"}, "paper_value": 1.0},
            "claim p.one: rule.number: quantity `gain` needs",
        ),
        (
            {"rule": {"type": "number", "quantity": "value", "tolerance": {"a": 1.0}}, "paper_value": {"b": 1.0}},
            "claim p.one: a rule of type `number` needs",
        ),
    ],
)
def test_errors_name_file_and_claim(tmp_path: Path, change: dict, text: str) -> None:
    with pytest.raises(PipelineError, match=text) as caught:
        load_paper("p", written(tmp_path, **change))
    assert "\n" not in str(caught.value) and "p.yaml" in str(caught.value)


def test_ids_may_begin_otherwise_than_the_paper_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, id="x.one") / "papers" / "p.yaml"
    path.write_text(path.read_text() + "prefix: x\n")
    assert load_claims("p", tmp_path)["x.one"].paper == "p"


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
