"""Phone times of recorded speech whose words are known: forced alignment with pocketsphinx 5 (CMU Sphinx).

The acoustic model and the pronouncing dictionary of English come with pocketsphinx's wheel.
"""

import functools
import logging
import re
from collections.abc import Callable, Sequence

import numpy as np

from .phones import SILENCE, STOPS, Phone, fill_gaps, from_radio, shift
from .synthesis import SAMPLE_RATE

log = logging.getLogger(__name__)

_PADDING_SECONDS = 0.2
_FRAMES_PER_SECOND = 100
# Sphinx's frames are 25.6 ms wide and named by their beginning; against known times its borders come 8 ms early.
_BORDER_SHIFT = 0.008
_ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "messrs": "messieurs", "&": "and"}


def spoken_words(text: str) -> list[str]:
    """Lower-case words of ``text`` as a dictionary lists them; digits stay, so that no dictionary has their word."""
    words = re.sub(r"[^a-z0-9'& ]", " ", text.lower().replace("’", "'")).split()
    plain = (word.strip("'") for word in words)
    return [_ABBREVIATIONS.get(word, word) for word in plain if word]


@functools.cache
def _decoder():
    from pocketsphinx import Decoder, get_model_path  # heavy, and only corpora from recordings need it

    models = get_model_path()
    return Decoder(
        hmm=f"{models}/en-us/en-us",
        dict=f"{models}/en-us/cmudict-en-us.dict",
        lm=None,
        loglevel="FATAL",
        cmn="batch",
        bestpath=False,
        beam=1e-80,
        wbeam=1e-60,
        pbeam=1e-80,
    )


def align(
    samples: np.ndarray, text: str, pronounce: Callable[[str], Sequence[str]] | None = None
) -> list[Phone] | None:
    """Phones of English ``text`` in ``samples`` (N,) float at 16 kHz, covering them from 0 to the end.

    ``pronounce`` gives the phones of a word that the dictionary lacks (names, rare plurals), nothing when it cannot.
    None when a word has no pronunciation (numbers in digits always) or the recording does not fit the text: such a clip
    is better left out than guessed.
    """
    decoder = _decoder()
    words = spoken_words(text)
    for word in words:
        if decoder.lookup_word(word) is None:
            pronunciation = pronounce(word) if pronounce and word.isalpha() else None
            if not pronunciation:
                return None
            decoder.add_word(word, " ".join(pronunciation), True)
    if not words:
        return None
    # A little noise all over and 0.2 s of it at both ends: digital zeros and missing silence make the aligner fail.
    padding = np.zeros(int(_PADDING_SECONDS * SAMPLE_RATE))
    wave = np.concatenate([padding, samples / (np.abs(samples).max(initial=0.0) + 1e-6) * 0.5, padding])
    wave = wave + np.random.default_rng(0).normal(0.0, 5e-4, len(wave))
    encoded = (np.clip(wave, -1.0, 1.0) * 32767).astype(np.int16).tobytes()
    try:
        decoder.set_align_text(" ".join(words))
        _decode(decoder, encoded)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()  # the second pass goes down to phones
        _decode(decoder, encoded)
        entries = [phone for word in decoder.get_alignment() for phone in word]
    except RuntimeError as error:
        log.info("alignment failed: %s", error)
        return None
    phones = [
        Phone(entry.start / _FRAMES_PER_SECOND, (entry.start + entry.duration) / _FRAMES_PER_SECOND, _name(entry.name))
        for entry in entries
    ]
    duration = len(samples) / SAMPLE_RATE
    return carve_pauses(samples, fill_gaps(shift(phones, _BORDER_SHIFT - _PADDING_SECONDS), duration))


def carve_pauses(samples: np.ndarray, phones: Sequence[Phone], shortest: float = 0.13) -> list[Phone]:
    """Phones with the pauses that the aligner overlooked cut out of them.

    Sphinx stretches a [th] over a pause rather than hear silence between words. A pause is ``shortest`` seconds or
    more of sound 37 dB below the loudest parts (or 6 dB above the take's quietest where that is more, as in a noisy
    room, but 20 dB below the loudest at least). A stop keeps 80 ms before its burst: its closure is silent too.
    """
    if not len(samples):
        return list(phones)
    width = SAMPLE_RATE // 50
    power = np.convolve(np.square(samples, dtype=np.float64), np.full(width, 1 / width), "same")
    level = 10 * np.log10(power + 1e-10)
    loud, quiet = np.percentile(level, [95, 1])
    threshold = min(max(loud - 37, quiet + 6), loud - 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (level < threshold).astype(int), [0]])))
    pauses = [(a / SAMPLE_RATE, b / SAMPLE_RATE) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    pauses = [pause for pause in pauses if pause[1] - pause[0] >= shortest]
    carved: list[Phone] = []
    for phone in phones:
        rest = phone
        for start, end in pauses:
            if phone.name in STOPS:
                end = min(end, max(start, end - 0.08))
            start, end = max(start, rest.start), min(end, rest.end)
            if phone.name == SILENCE or end - start < shortest / 2:
                continue
            carved += [rest._replace(end=start), Phone(start, end, SILENCE)]
            rest = rest._replace(start=end)
        carved.append(rest)
    # What a pause leaves of a phone must still be a sound, not a sliver at the other side of the silence.
    return fill_gaps([phone for phone in carved if phone.end - phone.start >= 0.02], phones[-1].end)


def _decode(decoder, encoded: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(encoded, full_utt=True)
    decoder.end_utt()


def _name(sphinx_name: str) -> str:
    """Noises (``+NSN+``, ``+SPN+``) and sentence ends (``<s>``) are silence for a face."""
    return SILENCE if sphinx_name[0] in "+<" else from_radio(sphinx_name)
