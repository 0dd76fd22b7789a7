"""`thinwire extract CORPUS`: the extraction stage, from a corpus' own layout to the segment table."""

from __future__ import annotations

import argparse
import time
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("extract", help="cut a corpus into the segment table")
    parser.add_argument("corpus", help="chime6, dns, librispeech ...: see `thinwire corpora`")
    parser.add_argument(
        "--root", type=Path, help="corpus folder (default: corpora.<corpus>.root, else data/sim/<corpus>)"
    )
    parser.add_argument("--out", type=Path, help="segment folder (default: data/segments/<corpus>)")


def run(args: argparse.Namespace) -> int:
    """Extract one corpus; the old output stands until the new one is complete."""
    import soundfile as sf

    from thinwire.artifacts import atomic_path, read_json
    from thinwire.corpora.registry import corpus_of, segments_folder, simulated_root
    from thinwire.errors import PipelineError
    from thinwire.params import load_params

    corpus = corpus_of(args.corpus)
    params = load_params()
    settings = getattr(params.corpora, corpus.name)
    root = args.root or (Path(settings.root) if settings.root else simulated_root(corpus.name))
    out = args.out or segments_folder(corpus.name)
    began = time.perf_counter()
    try:
        with atomic_path(out, directory=True) as folder:
            corpus.extract(root, folder, settings, params.seed)
    except (sf.LibsndfileError, AssertionError) as error:
        # Readers turn their errors into CorpusError, so what libsndfile or soundfile raises here is about writing.
        raise PipelineError(f"{out}: cannot write audio (is the disk full?), nothing was kept; free space") from error
    report = read_json(out / "report.json")
    splits, skipped = (
        ", ".join(f"{name} {count}" for name, count in report[key].items()) for key in ("splits", "skipped")
    )
    print(f"{out}: {report['segments']} segments ({splits}); skipped: {skipped or 'none'}")
    length = getattr(settings, "segment_s", None)  # images and bits have none
    amount = f"{report['segments'] * length:.0f} s of segments" if length else "done"
    print(f"{amount} in {time.perf_counter() - began:.1f} s")
    return 0
