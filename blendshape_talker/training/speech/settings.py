"""What a run of `train speech` depends on besides its corpora."""

from dataclasses import dataclass

from ...speech.network import SpeechConfig


@dataclass(frozen=True)
class TrainingSettings:
    """What a training run depends on besides the corpus; equal settings and corpus give equal weights on one machine.

    The weights multiply losses in mm (per frame step for velocity and liveliness). ``contact``: extra weight of
    frames in which the lips touch; ``parted``: of closing them where they should not touch; ``context``: of frames
    around which the face changes fast. ``average_style``: share of examples shown with the average style instead of
    their speaker's. ``copies``: augmented copies of each synthetic take, ``recorded_copies`` of each recorded one.

    With people seen by a camera beside the corpus: ``people_share`` of each batch is theirs; the average style is
    theirs alone. Of the corpus's own takes it learns contacts, rest and what is no contact, and ``ruled`` says how much
    of the way that the rules have between them. ``agreement``: of how far their gap is from going with the camera's,
    1 - correlation. ``held_out``: people to leave out, instead of those whom their corpus holds out.
    ``people_copies``: augmented copies of each of their takes; ``sung_seconds``: song beside them, ``sung_share`` of
    what is seen (None: by its time); ``breath_seconds``: audible breath between words, ``breath_share`` of what is
    seen; ``breath``: extra weight of the frames in which one is heard, whose lips part by less than a millimetre.
    ``steady_seconds``: tones, which are no song, and noise, which is no breath, ``steady_share`` of what is seen.
    ``kept``: share of the weights that a run began with in those that it writes.
    """

    steps: int = 3000
    batch: int = 16
    seconds: float = 4.0
    rate: float = 1e-3
    seed: int = 0
    width: int = SpeechConfig.width
    layers: int = SpeechConfig.layers
    frame_reach: int = SpeechConfig.frame_reach
    audio_reach: int = SpeechConfig.audio_reach
    basis_size: int = 40
    copies: int = 2
    recorded_copies: int = 6
    average_style: float = 0.3
    position: float = 1.0
    gap: float = 0.6
    velocity: float = 2.0
    liveliness: float = 1.0
    contact: float = 4.0
    parted: float = 0.5
    context: float = 0.25
    held_out: tuple[str, ...] | None = None
    people_share: float = 0.5
    people_copies: int = 1
    ruled: float = 0.1
    agreement: float = 0.0
    sung_seconds: float = 960.0
    sung_share: float | None = None
    breath_seconds: float = 1440.0
    breath_share: float = 0.08
    breath: float = 0.0
    steady_seconds: float = 270.0
    steady_share: float = 0.03
    kept: float = 0.0


# What the bundled weights had after their run without people: a short run, from those weights, in which most of what is
# seen has the average style. Less liveliness: people's curves have their own.
WITH_PEOPLE = TrainingSettings(
    steps=2400,
    batch=8,
    seconds=3.0,
    copies=1,
    average_style=0.6,
    gap=1.0,
    liveliness=0.2,
    parted=0.8,
    agreement=3.0,
    sung_share=0.04,
    breath=6.0,
    kept=0.05,
)
