"""Names of shape keys: short, unambiguous, sides in sight."""

import pytest

from blendshape_talker import checkpoint
from blendshape_talker.blender.lines.names import ROOM, short_name, short_names, width


@pytest.fixture(scope="module")
def bundled():
    """Names of the bundled blendshapes."""
    config, _ = checkpoint.load(checkpoint.ASSETS / "fusion.npz", "fusion network")
    return config["names"]


def test_the_bundled_names_are_short_and_differ(bundled):
    short = short_names(bundled)
    assert len(set(short)) == len(bundled) > 30
    assert max(map(width, short)) <= ROOM
    assert {name[:2] for name in short} == {"S ", "E "}
    for name, brief in zip(bundled, short, strict=True):
        assert brief[0] == name[0].upper()
        sides = [side for side in ("left", "right") if side in name.split()]
        # where two movements go to two sides the second may be cut off, the first stands
        assert not sides or brief.split()[-1] in "LR" or any(f" {side[0].upper()}" in brief for side in sides)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("speech jaw open", "S jaw"),
        ("expression mouth smile left", "E smile L"),
        ("speech lips pucker left + lips press left", "S pucker L"),
        ("expression mouth sideways right + nose sneer left", "E side R"),
        ("speech jaw open + mouth stretch + lips funnel", "S jaw+str"),
        ("expression mouth smile right + mouth stretch right", "E grin R"),
        ("expression brow outer up right", "E browO R"),
        ("speech lower lip down + mouth stretch", "S lip+str"),
        ("speech shape 0", "S shape 0"),
        ("my own", "my own"),
        ("speech", "speech"),
    ],
)
def test_names_by_example(name, expected):
    assert short_name(name) == expected


def test_one_movement_has_its_name_before_several_that_begin_with_it():
    names = ["speech jaw open + lips press + mouth dimple", "speech jaw open", "speech jaw open + lips press"]
    first, alone, second = short_names(names)
    assert alone == "S jaw" and len({first, alone, second}) == 3
    assert all(width(name) <= ROOM for name in (first, second))


def test_names_that_would_be_alike_are_numbered():
    long = [f"speech {'extraordinarily long movement' * 3} {number}" for number in range(12)]
    short = short_names(long)
    assert len(set(short)) == 12 and max(map(width, short)) <= ROOM
    assert width("S jaw+roll") < width("S roll+down") and len(short_names(["ü" * 80])[0].encode()) <= 63
