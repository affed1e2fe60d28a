"""What each expression is made of: FACS shapes after EMFACS (Friesen & Ekman 1983), each with a timing of its own.

Names are those of ICT-FaceKit and ARKit; ``browDown`` means both sides, ``browDown_L`` the left one. Comments name the
action units (AU). Amounts are those that read at a glance on the canonical head, found by looking at renders.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Expression:
    """shapes: FACS amounts at the apex; accent: what comes and goes on top of them; onset, offset: seconds; blinks:
    shortest and longest pause between two, seconds."""

    shapes: Mapping[str, float]
    onset: float = 0.4
    offset: float = 0.5
    accent: Mapping[str, float] = field(default_factory=dict)
    blinks: tuple[float, float] = (2.0, 6.0)


# The library's emotions: the eight of the design first, in its order.
LIBRARY: dict[str, Expression] = {
    "neutral": Expression({}),
    "happy": Expression(  # AU 6 + 12, lips a little apart
        {"mouthSmile": 0.82, "cheekSquint": 0.75, "eyeSquint": 0.35, "mouthDimple": 0.15, "browOuterUp": 0.15,
         "mouthUpperUp": 0.12, "jawOpen": 0.07},
        onset=0.4, offset=0.6, accent={"browInnerUp": 0.25, "browOuterUp": 0.2, "mouthSmile": 0.1},
    ),
    "sad": Expression(  # AU 1 + 4 + 15 + 17, lids heavy
        {"browInnerUp": 1.3, "browDown": 0.6, "mouthFrown": 1.1, "mouthShrugLower": 0.35, "eyeBlink": 0.27,
         "cheekSquint": 0.15, "mouthRollLower": 0.1},
        onset=0.6, offset=0.6, accent={"mouthShrugLower": 0.2, "eyeBlink": 0.08}, blinks=(2.5, 6.0),
    ),
    # AU 4 + 5 + 7 + 9 + 10 + 23 + 24. ICT's browDown presses the whole brow down, browOuterUp and the nose give it its
    # slant back. Hardly an AU 15: corners drawn down turn a scowl into worry as soon as the mouth opens
    "angry": Expression(
        {"browDown": 1.3, "browOuterUp": 0.15, "eyeWide": 0.45, "eyeSquint": 0.75, "cheekSquint": 0.3,
         "noseSneer": 0.75, "mouthUpperUp": 0.2, "mouthPress": 0.65, "mouthFrown": 0.25, "mouthRollLower": 0.2,
         "jawForward": 0.3},
        onset=0.3, offset=0.5, accent={"noseSneer": 0.2, "mouthPress": 0.2}, blinks=(3.0, 6.0),
    ),
    "afraid": Expression(  # AU 1 + 2 + 4 + 5 + 20 + 26
        {"browInnerUp": 1.3, "browOuterUp": 0.6, "browDown": 0.45, "eyeWide": 1.15, "mouthStretch": 1.0,
         "mouthFrown": 0.35, "mouthLowerDown": 0.3, "jawOpen": 0.18},
        onset=0.3, offset=0.5, accent={"mouthStretch": 0.15, "browOuterUp": 0.15}, blinks=(2.0, 4.5),
    ),
    "disgusted": Expression(  # AU 9 + 10 + 15 + 16 + 17, the brows drawn down by the nose
        {"noseSneer": 1.15, "mouthUpperUp": 0.55, "browDown": 0.6, "cheekSquint": 0.7, "eyeSquint": 0.6,
         "mouthFrown": 0.6, "mouthShrugLower": 0.25, "mouthLowerDown": 0.2},
        onset=0.4, offset=0.5, accent={"mouthUpperUp": 0.15, "browDown": 0.2},
    ),
    "surprised": Expression(  # AU 1 + 2 + 5 + 26
        {"browInnerUp": 1.15, "browOuterUp": 1.15, "eyeWide": 1.1, "jawOpen": 0.42, "mouthFunnel": 0.1},
        onset=0.22, offset=0.5, accent={"eyeWide": 0.1, "browOuterUp": 0.1}, blinks=(2.5, 6.0),
    ),
    "contemptuous": Expression(  # unilateral AU 12 + 14, the other brow up
        {"mouthSmile_L": 0.2, "mouthDimple_L": 1.1, "cheekSquint_L": 0.4, "mouthUpperUp_L": 0.35, "mouthPress_R": 0.3,
         "mouthFrown_R": 0.3, "mouthLeft": 0.2, "noseSneer_L": 0.2, "browOuterUp_R": 0.5, "browDown_L": 0.6,
         "eyeSquint": 0.35, "eyeBlink": 0.22},
        onset=0.45, offset=0.6, accent={"mouthDimple_L": 0.1, "browOuterUp_R": 0.2},
    ),
    "pleased": Expression(
        {"mouthSmile": 0.45, "mouthDimple": 0.2, "cheekSquint": 0.4, "eyeSquint": 0.25, "browOuterUp": 0.1},
        onset=0.45, offset=0.6, accent={"mouthSmile": 0.12, "browOuterUp": 0.15},
    ),
    "excited": Expression(
        {"mouthSmile": 0.85, "cheekSquint": 0.5, "browInnerUp": 0.7, "browOuterUp": 0.85, "eyeWide": 0.6,
         "jawOpen": 0.18, "mouthUpperUp": 0.2},
        onset=0.28, offset=0.5, accent={"browOuterUp": 0.15, "jawOpen": 0.05},
    ),
    "irritated": Expression(
        {"browDown": 0.8, "browOuterUp": 0.15, "eyeSquint": 0.55, "mouthPress": 0.5, "noseSneer": 0.25,
         "mouthDimple": 0.25},
        onset=0.35, offset=0.5, accent={"noseSneer": 0.2, "mouthPress": 0.2},
    ),
    "moody": Expression(
        {"browDown": 0.45, "mouthFrown": 0.7, "mouthPucker": 0.35, "mouthShrugLower": 0.55, "eyeBlink": 0.2},
        onset=0.55, offset=0.6, accent={"mouthShrugLower": 0.15, "browDown": 0.15},
    ),
    "suspicious": Expression(
        {"browDown_L": 0.85, "browOuterUp_R": 0.85, "browInnerUp_R": 0.4, "eyeSquint": 0.9, "mouthPress": 0.35,
         "mouthLeft": 0.2, "mouthFrown_R": 0.3},
        onset=0.45, offset=0.5, accent={"eyeSquint": 0.1, "browOuterUp_R": 0.15}, blinks=(3.0, 6.0),
    ),
    "afraid-mild": Expression(
        {"browInnerUp": 0.75, "browOuterUp": 0.2, "browDown": 0.25, "eyeWide": 0.5, "mouthStretch": 0.5,
         "mouthFrown": 0.2, "mouthLowerDown": 0.1, "jawOpen": 0.06},
        onset=0.4, offset=0.5, accent={"mouthStretch": 0.15, "browInnerUp": 0.2}, blinks=(2.0, 4.5),
    ),
    "tired": Expression(
        {"eyeBlink": 0.5, "browInnerUp": 0.35, "browOuterUp": 0.15, "mouthFrown": 0.35, "jawOpen": 0.05},
        onset=0.6, offset=0.6, accent={"eyeBlink": 0.15, "browOuterUp": 0.2}, blinks=(2.0, 4.0),
    ),
    "pain": Expression(  # AU 4 + 6 + 7 + 9 + 10 + 20 + 43 (Prkachin & Solomon 2008)
        {"browDown": 0.9, "browInnerUp": 0.35, "cheekSquint": 0.95, "eyeSquint": 0.9, "eyeBlink": 0.3,
         "noseSneer": 0.5, "mouthUpperUp": 0.35, "mouthStretch": 0.75, "jawOpen": 0.1},
        onset=0.25, offset=0.6, accent={"noseSneer": 0.2, "mouthStretch": 0.2},
    ),
    "smirk": Expression(
        {"mouthSmile_R": 0.8, "mouthDimple_R": 0.4, "cheekSquint_R": 0.5, "eyeSquint_R": 0.35, "browOuterUp_L": 0.45,
         "mouthSmile_L": 0.1},
        onset=0.45, offset=0.6, accent={"mouthSmile_R": 0.1, "browOuterUp_L": 0.2},
    ),
    "proud": Expression(
        {"mouthSmile": 0.3, "mouthPress": 0.35, "mouthShrugLower": 0.3, "browOuterUp": 0.45, "eyeBlink": 0.2,
         "cheekSquint": 0.2},
        onset=0.5, offset=0.6, accent={"browOuterUp": 0.2, "mouthSmile": 0.1},
    ),
    "bored": Expression(
        {"eyeBlink": 0.42, "mouthFrown": 0.3, "mouthLeft": 0.3, "mouthDimple_L": 0.35, "browOuterUp": 0.25,
         "mouthShrugLower": 0.15},
        onset=0.6, offset=0.6, accent={"browOuterUp": 0.25, "eyeBlink": 0.12}, blinks=(2.0, 5.0),
    ),
    "determined": Expression(
        {"browDown": 0.95, "browOuterUp": 0.2, "eyeSquint": 0.35, "eyeWide": 0.15, "mouthPress": 0.75,
         "mouthShrugLower": 0.35, "jawForward": 0.15},
        onset=0.35, offset=0.5, accent={"browDown": 0.2, "mouthPress": 0.15}, blinks=(3.0, 6.0),
    ),
    "confused": Expression(
        {"browDown_R": 0.7, "browOuterUp_L": 0.8, "browInnerUp_L": 0.7, "eyeSquint_R": 0.45, "mouthPucker": 0.2,
         "mouthRight": 0.2, "mouthFrown": 0.25},
        onset=0.4, offset=0.5, accent={"browInnerUp_L": 0.2, "mouthPucker": 0.15},
    ),
    "disappointed": Expression(
        {"browInnerUp": 0.6, "mouthFrown": 0.65, "mouthPress": 0.4, "mouthDimple": 0.3, "eyeBlink": 0.18,
         "browDown": 0.15},
        onset=0.55, offset=0.6, accent={"mouthPress": 0.2, "browInnerUp": 0.2},
    ),
}  # fmt: skip

# More for the corpus alone: wide mouths, single muscles and mixtures, so that the network meets what it may be given.
CORPUS_ONLY: dict[str, Expression] = {
    "laugh": Expression(
        {"mouthSmile": 0.95, "cheekSquint": 1.0, "eyeSquint": 0.7, "jawOpen": 0.45, "mouthUpperUp": 0.35,
         "browOuterUp": 0.2, "eyeBlink": 0.25},
        onset=0.3, offset=0.5,
    ),
    "cry": Expression(
        {"browInnerUp": 1.0, "browDown": 0.7, "mouthFrown": 0.9, "mouthStretch": 0.6, "cheekSquint": 0.7,
         "eyeSquint": 0.6, "eyeBlink": 0.5, "jawOpen": 0.15, "mouthLowerDown": 0.3},
        onset=0.45, offset=0.5,
    ),
    "scream": Expression(
        {"browInnerUp": 0.9, "browOuterUp": 0.7, "eyeWide": 0.9, "mouthStretch": 0.9, "jawOpen": 0.85,
         "mouthUpperUp": 0.4, "noseSneer": 0.4},
        onset=0.22, offset=0.4,
    ),
    "snarl": Expression(
        {"browDown": 1.0, "noseSneer": 1.0, "mouthUpperUp": 0.7, "eyeSquint": 0.7, "mouthStretch": 0.3,
         "mouthLowerDown": 0.3},
        onset=0.25, offset=0.4,
    ),
    "kiss": Expression({"mouthPucker": 1.0, "eyeBlink": 0.35, "browInnerUp": 0.15}, onset=0.4, offset=0.5),
    "wink-left": Expression(
        {"eyeBlink_L": 1.0, "cheekSquint_L": 0.7, "mouthSmile_L": 0.55, "mouthSmile_R": 0.2, "browDown_L": 0.2},
        onset=0.2, offset=0.3,
    ),
    "wink-right": Expression(
        {"eyeBlink_R": 1.0, "cheekSquint_R": 0.7, "mouthSmile_R": 0.55, "mouthSmile_L": 0.2, "browDown_R": 0.2},
        onset=0.2, offset=0.3,
    ),
    "puff": Expression({"cheekPuff": 0.8, "mouthPress": 0.5, "browOuterUp": 0.3}, onset=0.4, offset=0.4),
    "ill": Expression(
        {"eyeBlink": 0.4, "browInnerUp": 0.5, "browDown": 0.3, "noseSneer": 0.3, "mouthFrown": 0.6, "jawOpen": 0.12,
         "mouthLowerDown": 0.2},
        onset=0.5, offset=0.5,
    ),
    "drunk": Expression(
        {"eyeBlink_L": 0.45, "eyeBlink_R": 0.3, "browOuterUp_R": 0.6, "mouthSmile_L": 0.45, "mouthLeft": 0.2,
         "jawOpen": 0.15, "mouthFunnel": 0.1},
        onset=0.5, offset=0.5,
    ),
    "brows-up": Expression({"browInnerUp": 1.0, "browOuterUp": 1.0}, onset=0.25, offset=0.3),
    "brow-left-up": Expression({"browOuterUp_L": 1.0, "browInnerUp_L": 0.5}, onset=0.3, offset=0.3),
    "brow-right-up": Expression({"browOuterUp_R": 1.0, "browInnerUp_R": 0.5}, onset=0.3, offset=0.3),
    "eyes-shut": Expression({"eyeBlink": 1.0}, onset=0.2, offset=0.25),
    "stare": Expression({"eyeWide": 1.0}, onset=0.25, offset=0.3),
    "squint": Expression({"eyeSquint": 1.0, "cheekSquint": 0.4}, onset=0.35, offset=0.4),
    "grin": Expression(
        {"mouthSmile": 1.0, "mouthStretch": 0.3, "mouthUpperUp": 0.3, "mouthLowerDown": 0.4}, onset=0.35, offset=0.4
    ),
}  # fmt: skip

EXPRESSIONS: dict[str, Expression] = {name: LIBRARY[name] for name in LIBRARY if name != "neutral"} | CORPUS_ONLY
