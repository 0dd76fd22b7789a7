"""`thinwire serve` and `thinwire send` with an untrained codec: audio files in, answers out, bytes on the way."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from thinwire import audio, kaldi
from thinwire.artifacts import write_json
from thinwire.cli import send, serve
from thinwire.errors import BitstreamError, ParamError
from thinwire.params import Params, load_params
from thinwire.seeding import rng
from thinwire.serving.protocol import ServingError
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom_enhancer.model import AuComSenNet
from thinwire.tasks.classifier import Classifier
from thinwire.tasks.recogniser import Recogniser
from thinwire.training.adapters.aucom_codec import load_coder, tables_of
from thinwire.training.state import save_tensors, save_weights

ROW = {"system": "aucom_codec", "after": "data/segments/librispeech", "steps": 1, "variant": "v2"}
TASKS = {
    "words": ROW | {"system": "aucom_recogniser", "variant": "v1", "task": "speech"},
    "moods": ROW | {"system": "aucom_classifier", "variant": "v1", "task": "emotion"},
}
ENHANCER = ROW | {"system": "aucom_enhancer", "variant": "v1"}


def arguments(command: Any, *words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args([str(word) for word in words])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained models as training leaves them, and two recordings: quiet, and noisy at another sample rate."""
    folder = tmp_path_factory.mktemp("aucom")
    tree = yaml.safe_load((Path(__file__).resolve().parents[2] / "params.yaml").read_text("utf-8"))
    tree["runs"] = {"aucom": {"codec": ROW, "enhancer": ENHANCER, **TASKS}}
    tree["systems"] |= {"aucom_codec": {"channels": 8}, "aucom_enhancer": {"shape": {"channels": 4}}}
    tree["systems"] |= {"aucom_recogniser": {}, "aucom_classifier": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    params = load_params(folder / "params.yaml")
    torch.manual_seed(0)
    net = AuComNet(params.systems.aucom_codec, params.run("codec"))
    noise = rng(0, "noise").standard_normal((6, 80_000)).astype(np.float32)
    f = torch.from_numpy(kaldi.fbank(0.1 * noise, net.n_mels))
    net.fit_statistics(f)
    facts: dict[str, dict[str, int]] = {"moods": {"label calm": 0, "label glad": 1}}
    models = {
        "codec": net,
        "enhancer": AuComSenNet(params.systems.aucom_enhancer),
        "words": Recogniser(params.systems.aucom_recogniser),
        "moods": Classifier(params.systems.aucom_classifier, ["calm", "glad"]),
    }
    for name, model in models.items():
        (folder / "models" / name).mkdir(parents=True)
        save_weights(folder / "models" / name / "model.safetensors", model)
        write_json(folder / "models" / name / "config.json", {"facts": facts.get(name, {})})
    save_tensors(folder / "models/codec/tables.safetensors", tables_of(net, f, params.systems.aucom_codec.taus))
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
        async with serve.server_of(params, arguments(serve, "serve", "codec", "--port", 0, "--tau", 2)) as server:
            words = ["send", "codec", "quiet.wav", "noisy.flac", "--tau", 2, "--coder", "rans", "--port", server.port]
            await send.send(params, arguments(send, *words, "--through", "uplink_20m", "--loss", 0.1))
            assert (server.counts.chunks, server.counts.failed) == (3, 0)

    asyncio.run(stream())
    *lines, last = capsys.readouterr().out.splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    assert [answer["frames"] for answer in answers] == [438, 500, 100]
    assert [answer["start_s"] for answer in answers] == [0, 0, 5] and "noisy.flac: 6.0 s in 2 chunks" in last
    coder = load_coder(params, "codec", 2.0, "rans")
    quiet = audio.read("quiet.wav")[0]
    decoded = coder.decode(coder.encode(quiet))
    # ONNX Runtime on the edge: as many bytes up to a tie of rounding, and the same features on the server.
    assert abs(answers[0]["bytes"] - len(coder.encode(quiet))) <= 2
    assert answers[0]["level"] == pytest.approx(float(decoded.mean()), abs=0.02)


def test_the_enhancer_works_where_the_gate_calls_it_noisy(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    async def stream() -> None:
        async with serve.server_of(params, arguments(serve, "serve", "codec", "--port", 0)) as server:
            words = ["send", "codec", "quiet.wav", "noisy.flac", "--enhancer", "enhancer", "--port", server.port]
            await send.send(params, arguments(send, *words))

    asyncio.run(stream())
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("{")]
    assert said[0].endswith("quiet: not enhanced") and said[1].endswith("noisy: enhanced")
    denoiser = send.denoiser_of(params, "enhancer")
    assert denoiser is not None and not denoiser.noisy(np.ones(100, np.float32))
    x = rng(1).standard_normal(1000).astype(np.float32)
    assert denoiser.enhance(x).shape == x.shape and not np.allclose(denoiser.enhance(x), x)


@pytest.mark.parametrize(("task", "key"), [("words", "text"), ("moods", "label")])
def test_a_trained_network_answers(params: Params, capsys: pytest.CaptureFixture[str], task: str, key: str) -> None:
    async def stream() -> None:
        words = ["serve", "codec", "--port", 0, "--task", task]
        async with serve.server_of(params, arguments(serve, *words)) as server:
            await send.send(params, arguments(send, "send", "codec", "quiet.wav", "--port", server.port))

    asyncio.run(stream())
    answer = json.loads(capsys.readouterr().out.splitlines()[0])
    coder = load_coder(params, "codec", 1.0)
    wanted = serve.task_of(params, task)(coder.decode(coder.encode(audio.read("quiet.wav")[0])))
    assert "error" not in answer and answer[key] == wanted[key]
    with pytest.raises(ParamError, match="--task: enhancer is a run of aucom_enhancer"):
        serve.task_of(params, "enhancer")


def test_live_audio_is_sent_as_it_passes(params: Params) -> None:
    audio.write("short.wav", np.zeros(4_000, np.float32))

    async def stream() -> float:
        async with serve.server_of(params, arguments(serve, "serve", "codec", "--port", 0)) as server:
            begin = asyncio.get_running_loop().time()
            await send.send(params, arguments(send, "send", "codec", "short.wav", "--live", "--port", server.port))
            return asyncio.get_running_loop().time() - begin

    assert asyncio.run(stream()) >= 0.25


def test_another_tau_is_another_model_and_a_long_container_is_no_chunk(params: Params) -> None:
    async def stream() -> None:
        async with serve.server_of(params, arguments(serve, "serve", "codec", "--port", 0, "--tau", 2)) as server:
            with pytest.raises(ServingError, match="not this server's"):
                await send.send(params, arguments(send, "send", "codec", "quiet.wav", "--port", server.port))

    asyncio.run(stream())
    coder = load_coder(params, "codec", 1.0)
    decode = serve.bounded(coder.decode, coder.bitstream.fingerprint, 500)
    x = np.zeros(160_000, np.float32)
    assert decode(coder.encode(x[:80_000])).shape == (80, 500)
    with pytest.raises(BitstreamError, match="a chunk has at most 80000"):
        decode(coder.encode(x))
    with pytest.raises(BitstreamError):
        decode(b"something else")


def test_losses_without_a_link_are_refused(params: Params) -> None:
    with pytest.raises(ParamError, match="--through"):
        asyncio.run(send.send(params, arguments(send, "send", "codec", "quiet.wav", "--loss", 0.1)))
