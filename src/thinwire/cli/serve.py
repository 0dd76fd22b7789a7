"""`thinwire serve RUN`: decode what `thinwire send` sends and run a task on it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from thinwire.params import Params
    from thinwire.serving.server import Server

WHISPER = "whisper"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("serve", help="decode streams of `thinwire send` and run a task on their features")
    parser.add_argument("run", help="the codec: a run of aucom_codec that is trained")
    parser.add_argument("--tau", type=float, default=1.0, help="step of the quantiser, as the sender's (default: 1)")
    parser.add_argument(
        "--task", default=None, help=f"a trained run of aucom_recogniser or aucom_classifier, or {WHISPER}"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    parser.add_argument("--port", type=port, default=7360, help="0: any that is free (default: 7360)")
    parser.add_argument("--connections", type=positive, default=256, help="devices at once (default: 256)")
    parser.add_argument("--workers", type=positive, default=1, help="threads that decode and run the task (default: 1)")


def port(text: str) -> int:
    """A TCP port; raises ValueError for what is none."""
    if not 0 <= int(text) < 1 << 16:
        raise ValueError(text)
    return int(text)


def positive(text: str) -> int:
    """A whole number of at least 1; raises ValueError for others."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Listen until interrupted, then say what there was."""
    import asyncio

    from thinwire.params import load_params

    asyncio.run(_listen(server_of(load_params(), args)))
    return 0


def server_of(params: Params, args: argparse.Namespace) -> Server:
    """The server of a trained codec, which listens once it is entered."""
    from thinwire.serving.limits import Limits
    from thinwire.serving.server import Server
    from thinwire.training.adapters.aucom_codec import load_coder

    check_run(params, "RUN", args.run, "aucom_codec")
    coder = load_coder(params, args.run, args.tau)
    decode = bounded(coder.decode, coder.bitstream.fingerprint, coder.net.chunk_frames)
    limits = Limits(connections=args.connections, streams=4 * args.connections, workers=args.workers)
    return Server(decode, task_of(params, args.task), coder.bitstream.fingerprint, args.host, args.port, limits)


def check_run(params: Params, argument: str, name: str, *systems: str) -> None:
    """Raises ParamError for a name that is no run of one of the systems, naming those there are, and CheckpointError
    for a run that is not trained.
    """
    from thinwire.errors import CheckpointError, ParamError
    from thinwire.training.build import model_folder

    fitting = [run for run, row in params.runs.rows().items() if row.system in systems]
    if name not in fitting:
        wanted = f"runs of {' or '.join(systems)} are {', '.join(fitting) or 'not in params.yaml'}"
        raise ParamError(f"{argument}: {name} is no such run; {wanted}")
    if not (model_folder(name) / "config.json").is_file():
        stage = f"train_{params.runs.paper_of(name)}@{name}"
        raise CheckpointError(
            f"{model_folder(name)}: {name} is not trained here; run `dvc repro {stage}`, or copy that folder from the "
            "machine that trained it"
        )


def bounded(decode: Callable[[bytes], np.ndarray], fingerprint: str, most_frames: int) -> Callable[[bytes], np.ndarray]:
    """`decode` for containers of one chunk: a container may claim an hour in a few bytes, a client here may not."""
    from thinwire.coding.container import unpack
    from thinwire.errors import BitstreamError
    from thinwire.kaldi import HOP

    def decode_chunk(data: bytes) -> np.ndarray:
        header, _ = unpack(data, fingerprint)
        if header.samples > most_frames * HOP:
            raise BitstreamError(f"bitstream of {header.samples} samples: a chunk has at most {most_frames * HOP}")
        return decode(data)

    return decode_chunk


def task_of(params: Params, name: str | None) -> Callable[[np.ndarray], dict[str, Any]]:
    """What a trained network answers to features (H, L), or Whisper from the folder of `evaluation.aucom.weights`, or,
    without either, `describe`.

    Raises ParamError for a run that is no network of the server, or one for other features, and where Whisper's folder
    is not given.
    """
    if name is None:
        return describe
    if name == WHISPER:
        return whisper_of(params)
    from thinwire.tasks.classifier import Classifier
    from thinwire.tasks.recogniser import Recogniser
    from thinwire.training.adapters.aucom_tasks import settings_of
    from thinwire.training.build import load_model

    check_run(params, "--task", name, "aucom_recogniser", "aucom_classifier")
    settings_of(params, name)
    model = load_model(params, name)
    assert isinstance(model, Classifier | Recogniser)
    return model.answer


def whisper_of(params: Params) -> Callable[[np.ndarray], dict[str, Any]]:
    """What Whisper answers to features (H, L); raises ParamError where its folder is not given or holds no model."""
    from thinwire.errors import ParamError
    from thinwire.tasks.whisper import WhisperRecogniser

    folder = params.evaluation.aucom.weights.whisper
    if folder is None:
        raise ParamError("params.yaml: evaluation.aucom.weights.whisper: null; name Whisper's folder to serve it")
    return WhisperRecogniser(folder).answer


def describe(features: np.ndarray) -> dict[str, Any]:
    """The task of a server without one: frames, level (mean log-mel energy) and its range over time."""
    levels = features.mean(0)
    return {"frames": features.shape[1], "level": levels.mean(), "range": levels.max() - levels.min()}


async def _listen(server: Server) -> None:
    import asyncio
    import signal
    from dataclasses import asdict

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        print(f"listening at {server.host}:{server.port} for model {server.model}", flush=True)
        await stop.wait()
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one ends what the first one did not
            asyncio.get_running_loop().remove_signal_handler(number)
    print(", ".join(f"{name} {count}" for name, count in asdict(server.counts).items()))
