"""Both networks and the expression library, loaded once onto one device; where that fails, the CPU takes over."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from .checkpoint import ASSETS
from .devices import FAILURES, choose_device, reason_of, release_memory
from .expression.library import ExpressionLibrary
from .speech.memory import Memory

if TYPE_CHECKING:
    import torch

    from .fusion import FusionModel
    from .speech.model import SpeechModel

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Networks:
    """device: where they are now; fallback: what is to be said of a device that failed, else "".

    lips: (N, K) what the speech network made of the last recordings, where it is.
    """

    def __init__(
        self, speech_model: "SpeechModel", fusion_model: "FusionModel", library: ExpressionLibrary, device: str
    ) -> None:
        self.speech_model = speech_model
        self.fusion_model = fusion_model
        self.library = library
        self.device = device
        self.fallback = ""
        self.lips: Memory[torch.Tensor] = Memory()

    @classmethod
    def load(cls, device: str = "auto") -> "Networks":
        """Load the bundled weights onto ``device`` (auto, cpu, cuda, mps); torch is imported here and not before.

        A GPU that is there and fails, now or in the middle of a recording, hands over to the CPU: the result is the
        same, :attr:`device` says where it is from then on, and the next animation has a warning.
        """
        from .speech import network, whisper

        with ThreadPoolExecutor(1) as reader:
            # importing torch and unpacking the files wait little for each other
            unpacked = reader.submit(whisper.read_weights)
            spoken = reader.submit(network.load_weights, ASSETS / "speech.npz")
            described = reader.submit(ExpressionLibrary.load)
            chosen = choose_device(device)
            from .fusion import FusionModel
            from .speech.model import SpeechModel

            logger.info("loading networks on %s", chosen)
            fallback = ""
            try:
                fusion_model = FusionModel.load(device=chosen)
                encoder = whisper.WhisperEncoder(*unpacked.result(), chosen)
                speech_model = SpeechModel(encoder, *spoken.result(), chosen)
                library = described.result()
            except FAILURES as error:
                if chosen == "cpu":
                    raise
                fallback = _fallback_line(chosen, error)
        if fallback:
            logger.warning(fallback)
            networks = cls.load("cpu")
            networks.fallback = fallback
            return networks
        return cls(speech_model, fusion_model, library, chosen)

    def held(self, work: Callable[[], Result]) -> Result:
        """``work()``, and once more on the CPU where the device fails in the middle of it."""
        try:
            return work()
        except FAILURES as error:
            if self.device == "cpu":
                raise
            self.fallback = _fallback_line(self.device, error)
        logger.warning(self.fallback)
        # from the files: what lies on a device that failed may be out of reach
        whole = Networks.load("cpu")
        self.speech_model, self.fusion_model, self.device = whole.speech_model, whole.fusion_model, whole.device
        self.lips = Memory()
        release_memory()
        return work()


def _fallback_line(device: str, error: Exception) -> str:
    return f"{device} failed ({reason_of(error)}), so the CPU took over, with the same result, until the next start"
