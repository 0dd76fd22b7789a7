"""`thinwire send RUN FILE ...`: stream audio to `thinwire serve` as an edge device does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from thinwire.params import Params
    from thinwire.serving.client import EdgeClient, Result
    from thinwire.serving.edge import Denoiser, Edge
    from thinwire.systems.aucom.edge import EdgeCodec


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    from thinwire.cli.serve import port

    parser = subparsers.add_parser("send", help="stream audio files to `thinwire serve` and print its answers")
    parser.add_argument(
        "run", help="the codec: a trained run of aucom_codec, or the folder `thinwire export` made of it"
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="audio; each is a stream of its own")
    parser.add_argument("--tau", type=float, default=1.0, help="step of the quantiser, as the server's (default: 1)")
    parser.add_argument("--coder", choices=["huffman", "arithmetic", "range", "rans"], default="huffman")
    parser.add_argument("--enhancer", default=None, help="a trained run of aucom_enhancer, used where it is noisy")
    parser.add_argument(
        "--background", type=Path, metavar="FILE", default=None,
        help="audio of the place alone, 0.5 s or more, for the gate before the enhancer (default: each file's first "
        "second)",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=port, default=7360)
    parser.add_argument("--through", metavar="LINK", default=None, help="such as zigbee_250k, lora_11k, uplink_1m")
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets that the link loses")
    parser.add_argument("--live", action="store_true", help="no faster than the audio itself")


def run(args: argparse.Namespace) -> int:
    """Send the files one after the other; a line of JSON a chunk, and one of text a file."""
    import asyncio

    from thinwire.params import load_params

    asyncio.run(send(load_params(), args))
    return 0


async def send(params: Params, args: argparse.Namespace) -> None:
    """Send the files, through a link where one is named."""
    import contextlib
    from dataclasses import replace

    from thinwire.channel.link import link_of
    from thinwire.errors import ParamError
    from thinwire.seeding import rng
    from thinwire.serving.edge import Edge
    from thinwire.serving.throttle import LinkRelay

    if args.loss and not args.through:
        raise ParamError("--loss: losses belong to a link; name one by --through")
    background = None if args.background is None else background_of(args)
    codec, denoiser = codec_of(params, args), denoiser_of(params, args.enhancer)
    async with contextlib.AsyncExitStack() as stack:
        host, port = args.host, args.port
        if args.through:
            link = replace(link_of(args.through), loss=args.loss)
            relay = LinkRelay(link, port, rng(params.seed, "link"), host)
            host, port = "127.0.0.1", (await stack.enter_async_context(relay)).port
        for path in args.files:
            edge = Edge(codec.encode, denoiser, codec.chunk_samples, background)
            await _send_file(path, edge, codec.bitstream.fingerprint, (host, port), params.seed, args.live)


def background_of(args: argparse.Namespace) -> np.ndarray:
    """Samples of --background; raises ParamError where no gate hears them, or they are too few for it."""
    from thinwire.audio import SAMPLE_RATE
    from thinwire.errors import ParamError
    from thinwire.systems.aucom.gate import SHORTEST_S

    if args.enhancer is None:
        raise ParamError("--background: it is for the gate before the enhancer; name one by --enhancer")
    audio = _mono(args.background)
    if len(audio) < SHORTEST_S * SAMPLE_RATE:
        raise ParamError(f"--background {args.background}: shorter than {SHORTEST_S:g} s; record more of the place")
    return audio


def _mono(path: Path) -> np.ndarray:
    """A file's samples (n,) at 16 kHz, channels averaged."""
    from thinwire.audio import probe, read, resample

    return resample(read(path, sample_rate=None).mean(0), probe(path).sample_rate)


async def _send_file(path: Path, edge: Edge, fingerprint: str, address: tuple[str, int], seed: int, live: bool) -> None:
    import json

    from thinwire.audio import SAMPLE_RATE
    from thinwire.seeding import rng
    from thinwire.serving.client import EdgeClient

    audio = _mono(path)

    def show(result: Result) -> None:
        facts = {"file": path.name, "start_s": result.seq * edge.chunk_samples / SAMPLE_RATE, "bytes": result.size}
        print(json.dumps(facts | {"latency_ms": round(1e3 * result.latency_s, 1)} | result.value), flush=True)

    async with EdgeClient(*address, edge, fingerprint, show, rng(seed, "retry", path.name)) as client:
        await _push(client, audio, live)
        await client.finish()
    seconds, sent = len(audio) / SAMPLE_RATE, client.sent
    kbps = [8e-3 * size / seconds for size in (sent.chunk_bytes, sent.frame_bytes)]
    noisy = "" if edge.noisy is None else f", {'noisy: enhanced' if edge.noisy else 'quiet: not enhanced'}"
    print(
        f"{path.name}: {seconds:.1f} s in {sent.chunks} chunks, {kbps[0]:.2f} kbit/s ({kbps[1]:.2f} with frames), "
        f"{sent.connections} connections{noisy}"
    )


async def _push(client: EdgeClient, audio: np.ndarray, live: bool) -> None:
    """All of the audio, or, `live`, a tenth of a second every tenth of a second."""
    import asyncio

    from thinwire.audio import SAMPLE_RATE

    piece = SAMPLE_RATE // 10 if live else SAMPLE_RATE * 5
    begin = asyncio.get_running_loop().time()
    for start in range(0, len(audio), piece):
        if live:
            await asyncio.sleep(begin + (start + piece) / SAMPLE_RATE - asyncio.get_running_loop().time())
        await client.push(audio[start : start + piece])


def codec_of(params: Params, args: argparse.Namespace) -> EdgeCodec:
    """The edge's codec of an exported folder, which needs no torch, or of a trained run, which is exported here and
    now; raises ParamError and CheckpointError where there is none.
    """
    from thinwire.systems.aucom.edge import EdgeCodec, EdgeEncoder
    from thinwire.systems.aucom.edge_folder import is_edge, load_edge

    if is_edge(args.run):
        return load_edge(Path(args.run), args.tau, args.coder)
    from thinwire.cli.serve import check_run
    from thinwire.systems.aucom.codec_net import AuComNet
    from thinwire.systems.aucom.export import export_encoder
    from thinwire.training.adapters.aucom_codec import load_coder

    check_run(params, "RUN", args.run, "aucom_codec")
    coder = load_coder(params, args.run, args.tau, args.coder)
    assert isinstance(coder.net, AuComNet)
    return EdgeCodec(EdgeEncoder(export_encoder(coder.net)), coder.bitstream, args.tau)


def denoiser_of(params: Params, enhancer: str | None) -> Denoiser | None:
    """Gate and enhancer of a trained run. A recording too short for the gate is taken as quiet (reading)."""
    if enhancer is None:
        return None
    import torch

    from thinwire.audio import SAMPLE_RATE
    from thinwire.cli.serve import check_run
    from thinwire.serving.edge import Denoiser
    from thinwire.systems.aucom.gate import SHORTEST_S, NoiseGate
    from thinwire.systems.aucom_enhancer.model import AuComSenNet
    from thinwire.training.build import load_model

    check_run(params, "--enhancer", enhancer, "aucom_enhancer")
    model = load_model(params, enhancer)
    assert isinstance(model, AuComSenNet)
    gate = NoiseGate(params.systems.aucom_enhancer.gate_threshold)

    def noisy(background: np.ndarray) -> bool:
        return len(background) >= SHORTEST_S * SAMPLE_RATE and gate.is_noisy(background)

    def enhance(audio: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model.enhance(torch.from_numpy(audio)[None])[0].numpy()

    return Denoiser(noisy, enhance)
