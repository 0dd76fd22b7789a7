"""`thinwire serve RUN`: decode what `thinwire send` sends and run a task on it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from thinwire.params import Params
    from thinwire.serving.server import Server


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("serve", help="decode streams of `thinwire send` and run a task on their features")
    parser.add_argument("run", help="the codec: a run of aucom_codec that is trained")
    parser.add_argument("--tau", type=float, default=1.0, help="step of the quantiser, as the sender's (default: 1)")
    parser.add_argument("--task", default=None, help="a trained run of aucom_recogniser or aucom_classifier")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    parser.add_argument("--port", type=int, default=7360)
    parser.add_argument("--connections", type=int, default=256, help="devices at once")


def run(args: argparse.Namespace) -> int:
    """Listen until interrupted, then say what there was."""
    import asyncio

    from thinwire.params import load_params

    asyncio.run(_listen(server_of(load_params(), args)))
    return 0


def server_of(params: Params, args: argparse.Namespace) -> Server:
    """The server of a trained codec, which listens once it is entered."""
    from thinwire.serving.server import Limits, Server
    from thinwire.training.adapters.aucom_codec import load_coder

    coder = load_coder(params, args.run, args.tau)
    decode = bounded(coder.decode, coder.bitstream.fingerprint, coder.net.chunk_frames)
    limits = Limits(connections=args.connections, streams=4 * args.connections)
    return Server(decode, task_of(params, args.task), coder.bitstream.fingerprint, args.host, args.port, limits)


def bounded(
    decode: Callable[[bytes], np.ndarray], fingerprint: str, most_frames: int
) -> Callable[[bytes], np.ndarray]:
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
    """What a trained network answers to features (H, L), or, without one, `describe`.

    Raises ParamError for a run that is no network of the server, or one for other features.
    """
    if name is None:
        return describe
    from thinwire.errors import ParamError
    from thinwire.tasks.classifier import Classifier
    from thinwire.tasks.recogniser import Recogniser
    from thinwire.training.adapters.aucom_tasks import settings_of
    from thinwire.training.build import load_model

    system = params.run(name).system
    if system not in ("aucom_recogniser", "aucom_classifier"):
        raise ParamError(f"--task: {name} is a run of {system}; name one of aucom_recogniser or aucom_classifier")
    settings_of(params, name)
    model = load_model(params, name)
    assert isinstance(model, Classifier | Recogniser)
    return model.answer


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
    print(", ".join(f"{name} {count}" for name, count in asdict(server.counts).items()))
