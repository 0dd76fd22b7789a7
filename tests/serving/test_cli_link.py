"""`thinwire serve` and `thinwire send` with an untrained codec: audio files in, answers out, bytes on the way."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from thinwire import audio, kaldi
from thinwire.artifacts import write_json
from thinwire.cli import export, send, serve
from thinwire.errors import BitstreamError, CheckpointError, ParamError
from thinwire.params import Params, load_params
from thinwire.seeding import rng
from thinwire.serving.protocol import ServingError
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.edge_folder import load_edge
from thinwire.systems.aucom_enhancer.model import AuComSenNet
from thinwire.tasks.classifier import Classifier
from thinwire.tasks.recogniser import Recogniser
from thinwire.training.adapters.aucom_codec import load_coder, tables_of
from thinwire.training.state import save_tensors, save_weights

ROW = {"system": "aucom_codec", "data": "universal", "after": "data/segments/universal", "steps": 1}
RUNS = {
    "aucom_v1": ROW,
    "aucom_v2": ROW | {"variant": "v2"},
    "aucom_enhancer": ROW | {"system": "aucom_enhancer", "data": "voicebank"},
    "aucom_asr": ROW | {"system": "aucom_recogniser", "data": "librispeech", "task": "speech"},
    "aucom_emotion": ROW | {"system": "aucom_classifier", "data": "iemocap", "task": "emotion"},
}


def arguments(command: Any, *words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args([str(word) for word in words])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained models in folders as the training stage leaves them, but for aucom_v1, which has none, and two
    recordings: quiet, and noisy at another sample rate.
    """
    folder = tmp_path_factory.mktemp("aucom")
    tree = yaml.safe_load((Path(__file__).resolve().parents[2] / "params.yaml").read_text("utf-8"))
    tree["runs"] = {"aucom": RUNS}
    tree["systems"] |= {"aucom_codec": {"channels": 8}, "aucom_enhancer": {"shape": {"channels": 4}}}
    tree["systems"] |= {"aucom_recogniser": {}, "aucom_classifier": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    params = load_params(folder / "params.yaml")
    torch.manual_seed(0)
    net = AuComNet(params.systems.aucom_codec, params.run("aucom_v2"))
    noise = rng(0, "noise").standard_normal((6, 80_000)).astype(np.float32)
    f = torch.from_numpy(kaldi.fbank(0.1 * noise, net.n_mels))
    net.fit_statistics(f)
    facts: dict[str, dict[str, int]] = {"aucom_emotion": {"label calm": 0, "label glad": 1}}
    models = {
        "aucom_v2": net,
        "aucom_enhancer": AuComSenNet(params.systems.aucom_enhancer),
        "aucom_asr": Recogniser(params.systems.aucom_recogniser),
        "aucom_emotion": Classifier(params.systems.aucom_classifier, ["calm", "glad"]),
    }
    for name, model in models.items():
        (folder / "models" / name).mkdir(parents=True)
        save_weights(folder / "models" / name / "model.safetensors", model)
        config = {"run": RUNS[name], "facts": facts.get(name, {"frames": 500}), "spectrum": {"n_mels": 80}}
        write_json(folder / "models" / name / "config.json", config)
    save_tensors(folder / "models/aucom_v2/tables.safetensors", tables_of(net, f, params.systems.aucom_codec.taus))
    audio.write(folder / "quiet.wav", 0.003 * noise[0, :70_000])
    audio.write(folder / "noisy.flac", 0.1 * noise[1:4].reshape(-1)[: 22_050 * 6], 22_050)
    return folder


@pytest.fixture
def params(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(workspace)
    return load_params()


def test_recordings_come_over_a_lossy_link_as_the_codec_codes_them(
    params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    async def stream() -> None:
        async with serve.server_of(params, arguments(serve, "serve", "aucom_v2", "--port", 0, "--tau", 2)) as server:
            words = ["send", "aucom_v2", "quiet.wav", "noisy.flac", "--tau", 2, "--coder", "rans"]
            words += ["--port", server.port, "--through", "uplink_20m", "--loss", 0.1]
            await send.send(params, arguments(send, *words))
            assert (server.counts.chunks, server.counts.failed) == (3, 0)

    asyncio.run(stream())
    *lines, last = capsys.readouterr().out.splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    assert [answer["frames"] for answer in answers] == [438, 500, 100]
    assert [answer["start_s"] for answer in answers] == [0, 0, 5] and "noisy.flac: 6.0 s in 2 chunks" in last
    coder = load_coder(params, "aucom_v2", 2.0, "rans")
    quiet = audio.read("quiet.wav")[0]
    decoded = coder.decode(coder.encode(quiet))
    # ONNX Runtime on the edge: as many bytes up to a tie of rounding, and the same features on the server.
    assert abs(answers[0]["bytes"] - len(coder.encode(quiet))) <= 2
    assert answers[0]["level"] == pytest.approx(float(decoded.mean()), abs=0.02)


def test_the_enhancer_works_where_the_gate_calls_it_noisy(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    async def stream() -> None:
        async with serve.server_of(params, arguments(serve, "serve", "aucom_v2", "--port", 0)) as server:
            words = ["send", "aucom_v2", "quiet.wav", "noisy.flac", "--enhancer", "aucom_enhancer"]
            await send.send(params, arguments(send, *words, "--port", server.port))

    asyncio.run(stream())
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("{")]
    assert said[0].endswith("quiet: not enhanced") and said[1].endswith("noisy: enhanced")
    denoiser = send.denoiser_of(params, "aucom_enhancer")
    assert denoiser is not None and not denoiser.noisy(np.ones(100, np.float32))
    x = rng(1).standard_normal(1000).astype(np.float32)
    assert denoiser.enhance(x).shape == x.shape and not np.allclose(denoiser.enhance(x), x)


def test_a_background_of_its_own_decides_for_the_gate(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    async def stream() -> None:
        async with serve.server_of(params, arguments(serve, "serve", "aucom_v2", "--port", 0)) as server:
            words = ["send", "aucom_v2", "noisy.flac", "--enhancer", "aucom_enhancer", "--background", "quiet.wav"]
            await send.send(params, arguments(send, *words, "--port", server.port))

    asyncio.run(stream())
    assert capsys.readouterr().out.splitlines()[-1].endswith("quiet: not enhanced")
    audio.write("click.wav", np.zeros(4_000, np.float32))
    words = ["send", "aucom_v2", "quiet.wav", "--background", "click.wav"]
    for more, said in (([], "name one by --enhancer"), (["--enhancer", "aucom_enhancer"], "shorter than 0.5 s")):
        with pytest.raises(ParamError, match=said):
            asyncio.run(send.send(params, arguments(send, *words, *more)))


def test_an_exported_folder_codes_as_the_run_and_without_torch(
    params: Params, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "edge"
    assert export.run(arguments(export, "export", "aucom_v2", "--out", folder)) == 0
    assert "aucom_v2 for tau = 1, 2, 3, 5, 8, 10" in capsys.readouterr().out
    x = audio.read("quiet.wav")[0]
    for tau in (1.0, 2.0):
        words = ["quiet.wav", "--tau", tau, "--coder", "range"]
        of_run, of_folder = (
            send.codec_of(params, arguments(send, "send", one, *words)) for one in ("aucom_v2", folder)
        )
        assert of_folder.encode(x) == of_run.encode(x)
        assert of_folder.bitstream.fingerprint == of_run.bitstream.fingerprint
    alone = (
        "import sys; from pathlib import Path; from thinwire import audio; from thinwire.cli import send\n"
        "from thinwire.params import load_params; import argparse; import thinwire.serving.client\n"
        f"codec = send.codec_of(load_params(), argparse.Namespace(run={str(folder)!r}, tau=2.0, coder='range'))\n"
        "data = codec.encode(audio.read('quiet.wav')[0]); print(data.hex(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == [of_run.encode(x).hex(), "False"]


def test_a_folder_that_is_not_whole_is_refused(params: Params, tmp_path: Path) -> None:
    folder = tmp_path / "edge"
    export.run(arguments(export, "export", "aucom_v2", "--out", folder))
    with pytest.raises(CheckpointError, match="tau = 1, 2, 3, 5, 8, 10, not for 4"):
        load_edge(folder, 4.0)
    with np.load(folder / "tables.npz") as file:
        kept = dict(file)
    np.savez(folder / "tables.npz", **kept | {"counts": kept["counts"][:, :3]})
    with pytest.raises(CheckpointError, match="code tables of 3 rows"):
        load_edge(folder, 2.0)
    (folder / "tables.npz").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"tables\.npz: no code tables"):
        load_edge(folder, 2.0)


@pytest.mark.parametrize(("task", "key"), [("aucom_asr", "text"), ("aucom_emotion", "label")])
def test_a_trained_network_answers(params: Params, capsys: pytest.CaptureFixture[str], task: str, key: str) -> None:
    async def stream() -> None:
        words = ["serve", "aucom_v2", "--port", 0, "--task", task]
        async with serve.server_of(params, arguments(serve, *words)) as server:
            await send.send(params, arguments(send, "send", "aucom_v2", "quiet.wav", "--port", server.port))

    asyncio.run(stream())
    answer = json.loads(capsys.readouterr().out.splitlines()[0])
    coder = load_coder(params, "aucom_v2", 1.0)
    wanted = serve.task_of(params, task)(coder.decode(coder.encode(audio.read("quiet.wav")[0])))
    assert "error" not in answer and answer[key] == wanted[key]


def test_live_audio_is_sent_as_it_passes(params: Params) -> None:
    audio.write("short.wav", np.zeros(4_000, np.float32))

    async def stream() -> float:
        async with serve.server_of(params, arguments(serve, "serve", "aucom_v2", "--port", 0)) as server:
            begin = asyncio.get_running_loop().time()
            await send.send(params, arguments(send, "send", "aucom_v2", "short.wav", "--live", "--port", server.port))
            return asyncio.get_running_loop().time() - begin

    assert asyncio.run(stream()) >= 0.25


def test_another_tau_is_another_model_and_a_long_container_is_no_chunk(params: Params) -> None:
    async def stream() -> None:
        async with serve.server_of(params, arguments(serve, "serve", "aucom_v2", "--port", 0, "--tau", 2)) as server:
            with pytest.raises(ServingError, match="not this server's"):
                await send.send(params, arguments(send, "send", "aucom_v2", "quiet.wav", "--port", server.port))

    asyncio.run(stream())
    coder = load_coder(params, "aucom_v2", 1.0)
    decode = serve.bounded(coder.decode, coder.bitstream.fingerprint, 500)
    x = np.zeros(160_000, np.float32)
    assert decode(coder.encode(x[:80_000])).shape == (80, 500)
    with pytest.raises(BitstreamError, match="a chunk has at most 80000"):
        decode(coder.encode(x))
    with pytest.raises(BitstreamError):
        decode(b"something else")


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["aucom_v1"], CheckpointError, "models/aucom_v1: aucom_v1 is not trained here.*train_aucom@aucom_v1"),
        (["aucom_v7"], ParamError, "aucom_v7 is no such run; runs of aucom_codec are aucom_v1, aucom_v2"),
        (["aucom_asr"], ParamError, "RUN: aucom_asr is no such run"),
        (["aucom_v2", "--tau", 4], CheckpointError, "tau = 1, 2, 3, 5, 8, 10, not for 4"),
    ],
)
def test_what_cannot_be_served_or_sent_is_said(params: Params, words: list, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        serve.server_of(params, arguments(serve, "serve", *words))
    with pytest.raises(error, match=said):
        send.codec_of(params, arguments(send, "send", *words[:1], "quiet.wav", *words[1:]))


def test_networks_of_another_kind_are_refused(params: Params) -> None:
    with pytest.raises(ParamError, match=r"--task: aucom_enhancer.*aucom_classifier are aucom_asr, aucom_emotion"):
        serve.task_of(params, "aucom_enhancer")
    with pytest.raises(ParamError, match=r"evaluation.aucom.weights.whisper: null; name Whisper's folder"):
        serve.task_of(params, "whisper")
    with pytest.raises(ParamError, match="--enhancer: aucom_v2 is no such run; runs of aucom_enhancer are"):
        send.denoiser_of(params, "aucom_v2")
    (Path("models/aucom_v2/tables.safetensors")).rename("moved")
    try:
        with pytest.raises(CheckpointError, match=r"aucom_v2/tables.safetensors"):
            send.codec_of(params, arguments(send, "send", "aucom_v2", "quiet.wav"))
    finally:
        Path("moved").rename("models/aucom_v2/tables.safetensors")


@pytest.mark.parametrize(("option", "value"), [("--port", "70000"), ("--port", "x"), ("--connections", "0")])
def test_numbers_that_make_no_server_are_refused(option: str, value: str) -> None:
    with pytest.raises(SystemExit):
        arguments(serve, "serve", "aucom_v2", option, value)


def test_losses_without_a_link_are_refused(params: Params) -> None:
    with pytest.raises(ParamError, match="--through"):
        asyncio.run(send.send(params, arguments(send, "send", "aucom_v2", "quiet.wav", "--loss", 0.1)))


def test_two_processes_talk_until_the_server_is_told_to_stop(params: Params) -> None:
    thinwire = [sys.executable, "-m", "thinwire.cli"]
    server = subprocess.Popen([*thinwire, "serve", "aucom_v2", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        place = server.stdout.readline().split()[2]
        words = ["send", "aucom_v2", "quiet.wav", "--port", place.rsplit(":", 1)[1]]
        sent = subprocess.run([*thinwire, *words], capture_output=True, text=True, timeout=600, check=True)
        server.send_signal(signal.SIGTERM)
        told, _ = server.communicate(timeout=300)
    finally:
        server.kill()
    first, last = sent.stdout.splitlines()
    assert json.loads(first)["frames"] == 438 and last.startswith("quiet.wav: 4.4 s in 1 chunks")
    assert server.returncode == 0 and told.startswith("connections 1, ") and "chunks 1, failed 0" in told
