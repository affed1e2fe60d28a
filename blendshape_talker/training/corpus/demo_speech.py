"""The demo recording: a few seconds of our own synthesis, so that no recording of others goes into the repository.

``assets/demo_speech.flac`` is the output of

    python -m blendshape_talker corpus demo-speech --out blendshape_talker/assets/demo_speech.flac

with Debian's festival and festvox-us-slt-hts (the voice of the CMU Arctic data, free to use).
"""

import os
from pathlib import Path

import numpy as np
import soundfile

from ...files import whole_file
from . import augmentation, synthesis
from .synthesis import SAMPLE_RATE

DEMO_TEXT = "Welcome to Blend Shape Talker! Give me a voice and a mood, and my mouth opens up and moves for you."
_VOICE = "cmu_us_slt_arctic_hts"


def make_demo_speech(out: str | os.PathLike[str]) -> Path:
    """Writes :data:`DEMO_TEXT` as 16 kHz mono FLAC to ``out`` and returns its path; the same bytes every time.

    :raises TalkerError: when festival or its voice is not installed, or ``out`` cannot be written.
    """
    speech = synthesis.festival([DEMO_TEXT], _VOICE)[0]
    samples = augmentation.noise_floor(augmentation.set_level(speech.samples, -2.0), -72.0, np.random.default_rng(0))
    with whole_file(out) as stream:
        soundfile.write(stream, samples, SAMPLE_RATE, "PCM_16", format="FLAC")
    return Path(out)
