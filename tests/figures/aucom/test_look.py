"""A look inside: tables and codewords against the coders themselves, and pictures drawn from modules."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from scipy.stats import entropy

from thinwire.coding.coders import encode_rows
from thinwire.errors import PipelineError
from thinwire.figures.aucom import architecture, codewords, diagrams, look
from thinwire.figures.paths import Page
from thinwire.params.aucom import AucomRow
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.counting import encoder_complexity
from thinwire.systems.aucom.tables import RowTables, count_symbols, count_tensors
from thinwire.systems.aucom_enhancer.discriminator import MetricDiscriminator
from thinwire.systems.aucom_enhancer.model import AuComSenNet

ROWS, TAUS = 6, [1.0, 4.0]


def made(frames: int = 1000, seed: int = 1) -> look.Look:
    """A clip of two chunks of which the last may be short, and tables of a row of zeros and five Gaussian ones."""
    rng = np.random.default_rng(seed)
    chunks = -(-frames // 500)
    latent = rng.standard_normal((ROWS, 125 * chunks)) * 2.0
    mu, sigma = rng.normal(size=(ROWS, 125)), rng.uniform(0.5, 2.0, (ROWS, 125))
    training = rng.standard_normal((40, ROWS, 125))
    training[:, 0] = 0.0
    counts = {tau: count_symbols([np.round(training / tau).astype(np.int32)]) for tau in TAUS}
    normalised = (latent - np.tile(mu, chunks)) / np.tile(sigma, chunks)
    features = rng.normal(size=(8, frames))
    data = {"a/features": features, "a/latent": latent}
    for tau in TAUS:
        data |= {f"a/tau{tau:g}": features + 0.5, f"a/symbols{tau:g}": np.round(normalised / tau).astype(np.int32)}
    return look.Look("aucom_v1", ["a"], TAUS, data, mu, sigma, count_tensors(counts))


@pytest.mark.parametrize("frames", [1000, 503, 120])
def test_symbols_are_the_normalised_latent_rounded(frames: int) -> None:
    inside = made(frames)
    columns = -(-frames // 4)
    normalised = inside.normalised(0)
    assert normalised.shape == inside.latent(0).shape == (ROWS, columns)
    for tau in TAUS:
        held = inside.tables(tau).clamp(np.round(normalised / tau).astype(np.int32))
        np.testing.assert_array_equal(inside.symbols(0, tau), held.symbols)
    table = look.item_table(inside).set_index("tau")
    assert table.loc[1.0, "clamped"] == held_count(inside, 1.0)
    assert table["error_db"].to_numpy() == pytest.approx(0.5 * 10 / np.log(10))


def held_count(inside: look.Look, tau: float) -> int:
    """How many symbols lie outside their row's extremes."""
    sent = inside.of(0, f"symbols{tau:g}")[:, : inside.columns(0)]
    return inside.tables(tau).clamp(sent).moved


@pytest.mark.parametrize("tau", TAUS)
def test_rate_of_a_clip_is_that_of_its_bytes(tau: float) -> None:
    inside = made()
    symbols, tables = inside.symbols(0, tau), inside.tables(tau)
    size = len(encode_rows(symbols, tables.tables, "huffman"))
    assert abs(look.kbps(inside, 0, tau) * 10_000.0 - 8 * size) <= 40.0
    assert not codewords.huffman_bits(tables, symbols)[0].any()


def test_code_tables_say_their_entropy() -> None:
    tables = made().tables(1.0)
    table = codewords.row_table(tables, 1.0)
    values, chances = codewords.probabilities(tables)
    np.testing.assert_allclose(table["entropy_bits"], entropy(chances, base=2, axis=1), atol=1e-9)
    np.testing.assert_allclose(chances.sum(1), 1.0)
    assert (table.loc[0, ["least", "greatest", "huffman_bits"]] == 0.0).all()
    rest = table.iloc[1:]
    assert ((rest["huffman_bits"] >= rest["entropy_bits"]) & (rest["huffman_bits"] <= rest["entropy_bits"] + 1)).all()
    assert (values[0], values[-1]) == (table["least"].min(), table["greatest"].max())


def test_bits_add_up_over_rows_whatever_their_tables() -> None:
    counts = np.zeros((2, 255), np.int64)
    counts[0, 127], counts[1, 126:129] = 5, (1, 2, 1)
    tables = RowTables.from_counts(counts)
    bits = codewords.huffman_bits(tables, np.array([[0, 0, 0], [0, 1, -1]]))
    assert bits.tolist() == [[0, 0, 0], [1, 2, 2]]


def test_a_look_needs_the_tables_of_its_own_model(
    open_aucom: Callable[[str], Page], root: Path, workspace: Path
) -> None:
    write = runpy.run_path(str(root / "tests/notebooks/fake_aucom_edge.py"))["write_tables"]
    write(workspace / "models" / "aucom_v1", 40, [1.0, 2.0, 3.0, 5.0, 8.0, 10.0])
    page = open_aucom("look_inside")
    assert look.load_look(page, "aucom_v1").taus == [1.0, 2.0, 3.0, 5.0, 8.0, 10.0]
    for clip in look.sounds(page, "aucom_v1").values():
        assert list(clip) == ["clean", "features, not coded", "tau 1", "tau 3", "tau 8"]
    tables = workspace / "models" / "aucom_v2" / "tables.safetensors"
    tables.parent.mkdir(parents=True)
    save_file({"mu": np.zeros((3, 125), np.float32), "sigma": np.ones((3, 125), np.float32)}, tables)
    with pytest.raises(PipelineError, match="3 rows"):
        look.load_look(page, "aucom_v2")
    tables.unlink()


@pytest.fixture(scope="module")
def nets(root: Path) -> tuple[AuComNet, AuComSenNet, MetricDiscriminator]:
    """Small untrained modules of every kind."""
    from thinwire.params import load_params

    params = load_params(root / "params.yaml").systems
    enhancer = params.aucom_enhancer
    net = AuComNet(params.aucom_codec, AucomRow(after="", steps=1)).eval()
    return net, AuComSenNet(enhancer).eval(), MetricDiscriminator(enhancer.discriminator, enhancer.spectrum).eval()


def test_path_adds_up_to_the_modules(nets: tuple) -> None:
    net, enhancer, critic = nets
    path = architecture.path_of(net, 1234)
    found = architecture.Architecture(path, architecture.branches_of(enhancer, critic), {})
    totals = architecture.path_table(found)
    totals = totals[totals["step"] == "total without enhancer"].set_index("side")["parameters"]
    assert totals["edge"] == encoder_complexity(net).parameters
    assert totals["server"] == sum(value.numel() for value in net.decoder.parameters())
    assert [step.name for step in path if step.attention] == ["enhancer, if noisy"]
    assert [step.shape for step in path if "coder" in step.name] == ["bytes", f"{net.rows} x {net.columns}"]
    branches = {name: sum(step.parameters for step in steps) for name, steps in found.branches.items()}
    assert branches["mask decoder"] == sum(value.numel() for value in enhancer.mask_decoder.parameters())
    assert branches["phase decoder"] == sum(value.numel() for value in enhancer.phase_decoder.parameters())
    assert branches["metric discriminator"] == sum(value.numel() for value in critic.parameters())


def test_pictures_are_checked_against_the_modules(nets: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    net, enhancer, critic = nets
    path = architecture.path_of(net, 0)
    assert all(architecture.checks_of(net, enhancer, critic, path).values())
    monkeypatch.setattr(net.encoder.gdn, "inverse", True)
    monkeypatch.setattr(critic, "score", lambda pairs, _: torch.zeros(1))
    found = architecture.checks_of(net, enhancer, critic, [step for step in path if step.name != "RMS gate"])
    assert found == {"codec": False, "enhancer": True, "discriminator": False, "system": False}


def test_shapes_are_held_against_the_printed_ones(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("look_inside")
    verdicts = {verdict.id: verdict for verdict in diagrams.judge(page, architecture.describe(page, "aucom_v1"))}
    assert verdicts["aucom.fbank_shape"].measured == {"H_small": 80.0, "H_large": 128.0, "frames_per_s": 100.0}
    assert verdicts["aucom.latent_shape"].measured == {"rows_divisor": 8.0, "frames_divisor": 4.0}
    assert "v3: 1 x 10 x 125" in verdicts["aucom.latent_shape"].reason
    assert verdicts["aucom.fig1_3_4_10"].verdict == "reproduced"
    assert set(verdicts) == {claim.id for claim in page.claims.values() if claim.notebook == "look_inside"}
