"""Settings of a performance: what is refused, and with which words."""

import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.cues import Cue
from blendshape_talker.pipeline import emotions
from blendshape_talker.settings import AUTO, check_settings, exact_rate


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("bored stiff", 1.0, 60.0), "choose one of neutral, happy"),
        (("happy", 1.6, 60.0), "choose 0 to 1.5"),
        (("happy", float("nan"), 60.0), "choose 0 to 1.5"),
        (("happy", 1.0, 0.0), "choose 1 to 240"),
    ],
)
def test_bad_settings_are_one_line(settings, message):
    with pytest.raises(TalkerError, match=message) as error:
        check_settings(*settings, emotions())
    assert "\n" not in str(error.value)


def test_a_voice_s_share_is_checked():
    with pytest.raises(TalkerError, match="choose 0 .* to 1"):
        check_settings("happy", 1.0, 60.0, emotions(), heard=1.5)
    cues = [Cue(0.0, 1.0, "sad")]
    with pytest.raises(TalkerError, match="by its share"):
        check_settings(AUTO, 1.0, 60.0, emotions(), cues)
    with pytest.raises(TalkerError, match="among the cues"):
        check_settings("happy", 1.0, 60.0, emotions(), cues)
    check_settings("neutral", 0.5, 60.0, emotions(), cues)


def test_rates_of_film_and_television_are_exact():
    assert [exact_rate(fps) for fps in (23.976, 23.98, 29.97, 59.94)] == [
        24000 / 1001, 24000 / 1001, 30000 / 1001, 60000 / 1001
    ]  # fmt: skip
    assert exact_rate(float("inf")) == float("inf")
    assert [exact_rate(fps) for fps in (1.0, 12.5, 23.5, 24.0, 60.0)] == [1.0, 12.5, 23.5, 24.0, 60.0]
