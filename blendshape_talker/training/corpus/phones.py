"""One phone alphabet for every voice: upper-case ARPAbet without stress, as CMUdict and pocketsphinx write it.

Speech from espeak-ng (IPA names of any of its languages), flite and festival (lower-case radio names) and
pocketsphinx (ARPAbet) is brought to these names; a face cannot tell more apart. A sound that English lacks takes the
name of the English sound with the same lips: [y] is UW, [ʋ] and [β] are V, [x] is K.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

SILENCE = "SIL"

VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
BILABIALS = frozenset("P B M".split())
LABIODENTALS = frozenset("F V".split())
SIBILANTS = frozenset("S Z SH ZH CH JH".split())
TONGUE_ONLY = frozenset("T D N L K G NG".split())
STOPS = frozenset("P B T D K G CH JH".split())
CONSONANTS = BILABIALS | LABIODENTALS | SIBILANTS | TONGUE_ONLY | frozenset("TH DH HH R W Y".split())
PHONES = VOWELS | CONSONANTS | {SILENCE}


class Phone(NamedTuple):
    """A phone and its time: ``start`` and ``end`` in seconds, ``name`` one of :data:`PHONES`."""

    start: float
    end: float
    name: str


# Symbols of the International Phonetic Alphabet as espeak-ng writes them, the longest first where one begins another.
_IPA_TEXT = """
p P | b B | ɓ B | m M | ɱ M | ɸ F | f F | v V | ʋ V | β V | ⱱ V
θ TH | ð DH | t T | ʈ T | ɾ D | d D | ɖ D | ɗ D | n N | ɳ N | ɲ N | ɽ D | ɫ L | l L | ɭ L | ʎ L | ɬ L
ɮ L | ʟ L
k K | c K | q K | x K | χ K | ɡ G | g G | ɟ G | ɣ G | ɠ G | ʁ G | ʀ G | ɰ G | ŋ NG | ɴ NG
s S | z Z | ɕ SH | ʃ SH | ʂ SH | ʑ ZH | ʒ ZH | ʐ ZH | tʃ CH | tɕ CH | ʈʂ CH | tʂ CH | dʒ JH | dʑ JH
dʐ JH | ts T S | dz D Z
h HH | ɦ HH | ħ HH | ʕ HH | ʔ HH | ç Y | j Y | ʝ Y | ɥ W | w W | ʍ W | ɹ R | ɻ R | r L
i IY | ɪ IH | ɨ IH | ᵻ IH | y UW | ʏ UH | ɯ IH | ʉ UW | u UW | ʊ UH | e EH | ɛ EH | ø UH | œ UH | ɶ UH
ɘ AH | ə AH | ɵ UH | ɤ AH
ɜ ER | ɝ ER | ɚ ER | ɞ ER | ʌ AH | ɐ AH | æ AE | a AA | ɑ AA | ɒ AO | ɔ AO | o OW
eː EY | oː OW | eɪ EY | ei EY | ɛɪ EY | ɛi EY | aɪ AY | ai AY | ɑɪ AY | ɑi AY | ʌɪ AY | aʊ AW | au AW
ɑʊ AW | ʌʊ AW | ʌʉ AW | æʊ AW
oʊ OW | ou OW | əʊ OW | əʉ OW | ɔɪ OY | ɔi OY | oɪ OY | oi OY | ɔø OY | ɔʏ OY | ɜː ER | ər ER
"""
_IPA = {symbol: tuple(names) for symbol, *names in map(str.split, re.split(r"\s*[|\n]\s*", _IPA_TEXT.strip()))}
_LONGEST_SYMBOL = max(map(len, _IPA))

# Names that the radio phone set of flite and festival (and CMU's older dictionaries) has beside ARPAbet's.
_RADIO = {
    "PAU": SILENCE,
    "H#": SILENCE,
    "BRTH": SILENCE,
    "SSIL": SILENCE,
    "#": SILENCE,
    "AX": "AH",
    "AXR": "ER",
    "IX": "IH",
    "EM": "M",
    "EN": "N",
    "EL": "L",
    "NX": "N",
    "DX": "D",
    "HV": "HH",
    "UX": "UW",
}


def from_ipa(symbol: str) -> tuple[str, ...]:
    """The phones that an espeak-ng event stands for: ``"aɪɚ"`` gives ``("AY", "ER")``, a pause ``()``.

    Length marks count only where they make another vowel; stress, tone, nasalisation and other diacritics are dropped,
    as are the marks of a change of language, ``"(en)"``. Unknown symbols are skipped.
    """
    if symbol.startswith("("):
        return ()
    plain = "".join(mark for mark in unicodedata.normalize("NFD", symbol) if not unicodedata.combining(mark))
    plain = plain.replace(":", "ː")
    names: list[str] = []
    position = 0
    while position < len(plain):
        for length in range(min(_LONGEST_SYMBOL, len(plain) - position), 0, -1):
            found = _IPA.get(plain[position : position + length])
            if found:
                names.extend(found)
                position += length
                break
        else:
            position += 1
    return tuple(names)


def from_radio(name: str) -> str:
    """ARPAbet name of a phone of flite, festival or a pronouncing dictionary (``"ax"``, ``"AE1"``, ``"pau"``).

    :raises ValueError: for a name that none of them has.
    """
    plain = name.upper().rstrip("012")
    plain = _RADIO.get(plain, plain)
    if plain not in PHONES:
        raise ValueError(f"{name!r} is no phone name of flite or festival")
    return plain


def merge_silences(phones: Iterable[Phone], shortest: float = 0.0) -> list[Phone]:
    """Phones without empty ones, neighbouring silences joined, silences under ``shortest`` seconds given to the
    phone before them."""
    merged: list[Phone] = []
    for phone in phones:
        if phone.end <= phone.start:
            continue
        previous = merged[-1] if merged else None
        too_short = phone.name == SILENCE and phone.end - phone.start < shortest
        if previous and (too_short or phone.name == previous.name == SILENCE):
            merged[-1] = previous._replace(end=phone.end)
        else:
            merged.append(phone)
    return merged


def shift(phones: Iterable[Phone], seconds: float) -> list[Phone]:
    """All times moved by ``seconds``."""
    return [Phone(phone.start + seconds, phone.end + seconds, phone.name) for phone in phones]


def fill_gaps(phones: Iterable[Phone], duration: float) -> list[Phone]:
    """Phones that cover 0 … ``duration`` seconds without holes: what nothing covers becomes silence."""
    filled: list[Phone] = []
    clock = 0.0
    for phone in phones:
        start, end = max(phone.start, clock), min(phone.end, duration)
        if end <= start:
            continue
        if start > clock:
            filled.append(Phone(clock, start, SILENCE))
        filled.append(Phone(start, end, phone.name))
        clock = end
    if clock < duration:
        filled.append(Phone(clock, duration, SILENCE))
    return merge_silences(filled)
