"""The corpora that can be extracted: what each is, where it is to be had, under which licence, and by which function
it is read.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.errors import ParamError


@dataclass(frozen=True)
class Corpus:
    """A corpus: `extractor` and `reader` name the modules of this room with `extract(root, out, settings, seed)` and
    `survey(root)`. Without a root the simulated corpus is read, or the segment folder of the corpus it is `made_of`.
    """

    name: str
    title: str
    where: str
    licence: str
    layout: str
    extractor: str
    reader: str
    made_of: str = ""

    def extract(self, root: Path, out: Path, settings: Any, seed: int) -> None:
        """Write the segment folder `out` from the corpus in `root`."""
        self._of(self.extractor, "extract")(root, out, settings, seed)

    def survey(self, root: Path) -> tuple[dict[str, Any], list[str]]:
        """Counts of what stands in `root`, and a line for everything that is missing; raises CorpusError when it is
        no such corpus.
        """
        return self._of(self.reader, "survey")(root)

    @staticmethod
    def _of(module: str, function: str) -> Callable[..., Any]:
        return getattr(importlib.import_module(f"thinwire.corpora.{module}"), function)


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus(
            name="chime6",
            title="CHiME-6, dinner parties: four talkers with worn microphones, six arrays",
            where="OpenSLR resource 150, https://www.openslr.org/150/ (CHiME6_{train,dev,eval,transcriptions}.tar.gz)",
            licence="CC BY-SA 4.0",
            layout="[CHiME6/]audio/<split>/Sxx_Uyy.CHz.wav, Sxx_Pyy.wav; [CHiME6/]transcriptions/<split>/Sxx.json",
            extractor="chime6_segment",
            reader="chime6",
        ),
        Corpus(
            name="dns",
            title="Deep Noise Suppression Challenge: read speech, noise, room responses",
            where="https://github.com/microsoft/DNS-Challenge (download scripts)",
            licence="by part: LibriVox speech public domain; noise CC BY 4.0, CC0, CC BY-SA 3.0; responses Apache 2.0",
            layout="any depth: clean* or *_speech, noise*, optionally impulse_responses*, with WAV or FLAC files",
            extractor="dns",
            reader="dns",
        ),
        Corpus(
            name="librispeech",
            title="LibriSpeech: read English, many talkers",
            where="OpenSLR resource 12, https://www.openslr.org/12/",
            licence="CC BY 4.0",
            layout="[subset/]speaker/chapter/speaker-chapter-utterance.flac, optionally speaker-chapter.trans.txt",
            extractor="librispeech",
            reader="librispeech",
        ),
        Corpus(
            name="ljspeech",
            title="LJSpeech: read English, one talker",
            where="https://keithito.com/LJ-Speech-Dataset/",
            licence="public domain",
            layout="metadata.csv (id|text|normalised text), wavs/<id>.wav; optionally <id>.TextGrid anywhere",
            extractor="ljspeech",
            reader="ljspeech",
        ),
        Corpus(
            name="speech_commands",
            title="Speech Commands: single words by many talkers; the Free Spoken Digit Dataset is read as well",
            where="https://www.tensorflow.org/datasets/catalog/speech_commands (speech_commands_v0.02.tar.gz)",
            licence="CC BY 4.0",
            layout="<word>/<talker>_nohash_<n>.wav, validation_list.txt, testing_list.txt; or <digit>_<talker>_<n>.wav",
            extractor="speech_commands",
            reader="speech_commands",
        ),
        Corpus(
            name="esc50",
            title="ESC-50: environmental sounds of 5 s in five folds",
            where="https://github.com/karolpiczak/ESC-50",
            licence="CC BY-NC 3.0 (ESC-10: CC BY 3.0)",
            layout="meta/esc50.csv, audio/<fold>-<clip>-<take>-<class>.wav; or <class>/<fold>-<clip>-<take>.wav",
            extractor="esc50",
            reader="esc50",
        ),
        Corpus(
            name="iemocap",
            title="IEMOCAP: acted dialogues with emotions, ten actors in five sessions",
            where="https://sail.usc.edu/iemocap/ (on request)",
            licence="own, for research",
            layout="SessionN/sentences/wav/<dialogue>/<turn>.wav, SessionN/dialog/EmoEvaluation/<dialogue>.txt",
            extractor="iemocap",
            reader="iemocap",
        ),
        Corpus(
            name="ravdess",
            title="RAVDESS: two statements in eight emotions by 24 actors",
            where="https://zenodo.org/records/1188976 (Audio_Speech_Actors_01-24.zip)",
            licence="CC BY-NC-SA 4.0",
            layout="Actor_NN/<modality>-<channel>-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav",
            extractor="ravdess",
            reader="ravdess",
        ),
        Corpus(
            name="voicebank",
            title="VoiceBank+DEMAND: pairs of clean and noisy speech",
            where="https://datashare.ed.ac.uk/handle/10283/2791",
            licence="CC BY 4.0",
            layout="clean_trainset*/, noisy_trainset*/, clean_testset*/, noisy_testset*/ with files of the same names",
            extractor="voicebank",
            reader="voicebank",
        ),
        Corpus(
            name="stereo",
            title="KITTI stereo: pairs of photographs from a car",
            where="KITTI 2012 and 2015, https://www.cvlibs.net/datasets/kitti/ (registration)",
            licence="CC BY-NC-SA 3.0",
            layout="training/image_2|image_3/<scene>_<frame>.png (2012: colored_0|colored_1), testing/...",
            extractor="stereo",
            reader="stereo",
        ),
        Corpus(
            name="halves",
            title="CelebA-HQ: photographs of faces, cut in halves",
            where="https://github.com/tkarras/progressive_growing_of_gans (CelebA-HQ)",
            licence="non-commercial research",
            layout="<number>.jpg or .png; optionally list_eval_partition.txt, identity_CelebA.txt",
            extractor="halves",
            reader="halves",
        ),
        Corpus(
            name="bits",
            title="Blocks of bits and the same with some of them flipped; there is no original",
            where="thinwire simulate bits",
            licence="none needed",
            layout="bits.npz",
            extractor="bits",
            reader="bits",
        ),
        Corpus(
            name="mnist",
            title="MNIST: handwritten digits",
            where="http://yann.lecun.com/exdb/mnist/",
            licence="CC BY-SA 3.0",
            layout="train|t10k-images-idx3-ubyte[.gz], train|t10k-labels-idx1-ubyte[.gz]",
            extractor="mnist",
            reader="mnist",
        ),
        Corpus(
            name="gradients",
            title="Gradients of two workers that train a small network on digits",
            where="thinwire extract mnist, then thinwire extract gradients",
            licence="that of the digits",
            layout="the segment folder of mnist",
            extractor="gradients",
            reader="gradients",
            made_of="mnist",
        ),
    )
}


def corpus_of(name: str) -> Corpus:
    """The corpus of a name; raises ParamError naming those there are."""
    if name not in CORPORA:
        raise ParamError(f"{name!r}: no such corpus; there are {', '.join(CORPORA)}")
    return CORPORA[name]


def simulated_root(name: str) -> Path:
    """What is read of a corpus without a root, relative to the repository: where the `simulate` stage puts it, or the
    segments that it is made of.
    """
    origin = CORPORA[name].made_of if name in CORPORA else ""
    return segments_folder(origin) if origin else Path("data/sim") / name


def segments_folder(name: str) -> Path:
    """Where the `extract` stage puts a corpus' segments, relative to the repository."""
    return Path("data/segments") / name
