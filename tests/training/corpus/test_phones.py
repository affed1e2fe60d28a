"""Names of sounds from four synthesizers and an aligner."""

import pytest

from blendshape_talker.training.corpus.phones import (
    PHONES,
    SILENCE,
    Phone,
    fill_gaps,
    from_ipa,
    from_radio,
    merge_silences,
    shift,
)


@pytest.mark.parametrize(
    ("symbol", "names"),
    [
        ("p", ("P",)),
        ("aɪɚ", ("AY", "ER")),
        ("əl", ("AH", "L")),
        ("ʊɹ", ("UH", "R")),
        ("tʃ", ("CH",)),
        ("ts", ("T", "S")),
        ("eː", ("EY",)),
        ("ɔ̃", ("AO",)),
        ("n̩", ("N",)),
        ("t̪", ("T",)),
        ("iː", ("IY",)),
        ("a:", ("AA",)),
        ("yː", ("UW",)),
        ("ʲ", ()),
        ("(en)", ()),
        ("", ()),
        ("??", ()),
    ],
)
def test_ipa_becomes_arpabet(symbol, names):
    assert from_ipa(symbol) == names


def test_every_ipa_symbol_leads_to_a_phone_of_ours():
    for symbol in "pbmfvθðtdkɡszʃʒhŋnlɹjwβɸʋxχçɣʁɾɲʎʔɑæʌɔəɛɚɝɪɨiɒoøœuʉʊyʏɐɜɯɤ":
        names = from_ipa(symbol)
        assert names and set(names) <= PHONES - {SILENCE}, symbol


@pytest.mark.parametrize(
    ("name", "phone"), [("ax", "AH"), ("AE1", "AE"), ("pau", SILENCE), ("axr", "ER"), ("hh", "HH"), ("em", "M")]
)
def test_names_of_flite_festival_and_dictionaries(name, phone):
    assert from_radio(name) == phone


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="qq"):
        from_radio("qq")


def test_silences_are_joined_and_slivers_swallowed():
    phones = [
        Phone(0.0, 0.1, SILENCE),
        Phone(0.1, 0.3, SILENCE),
        Phone(0.3, 0.4, "P"),
        Phone(0.4, 0.41, SILENCE),
        Phone(0.41, 0.41, "T"),
        Phone(0.41, 0.5, "AA"),
    ]
    assert merge_silences(phones, shortest=0.02) == [
        Phone(0.0, 0.3, SILENCE),
        Phone(0.3, 0.41, "P"),
        Phone(0.41, 0.5, "AA"),
    ]


def test_holes_become_silence_and_overlaps_go_to_the_earlier_phone():
    filled = fill_gaps([Phone(0.1, 0.3, "M"), Phone(0.2, 0.4, "AA"), Phone(0.5, 0.9, "S")], 0.8)
    assert filled == [
        Phone(0.0, 0.1, SILENCE),
        Phone(0.1, 0.3, "M"),
        Phone(0.3, 0.4, "AA"),
        Phone(0.4, 0.5, SILENCE),
        Phone(0.5, 0.8, "S"),
    ]
    assert shift(filled[:1], 1.0) == [Phone(1.0, 1.1, SILENCE)]
