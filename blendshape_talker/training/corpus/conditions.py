"""Sound for `evaluate conditions`: recorded speech as phones, rooms and moods change it, and sounds that are no speech.

Everything is computed, from the same seed the same: the voice by linear prediction (an all-pole vocal tract of order 20
per 5 ms, driven by noise for a whisper, by pulses at another pitch for song and shouts), time by overlapping
similar pieces of the wave (WSOLA, Verhelst & Roelands 1993), music, breath and coughs by their envelopes and spectra.
None of these generators makes training data, so that what is measured was not practised.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

from .phones import Phone, fill_gaps
from .synthesis import SAMPLE_RATE, Speech

Generator = np.random.Generator
_HOP, _WIDTH, _ORDER = SAMPLE_RATE // 200, SAMPLE_RATE // 40, 20

# Ours, for this purpose: short, everyday, and full of p, b and m. espeak-ng's name of the language first.
LANGUAGES = {
    "de": ("German", "Mama bäckt am Abend ein Brot. Papa bleibt im Büro und pumpt den Ball auf."),
    "fr": ("French", "Ma maman prépare une bonne soupe. Papa pêche un beau poisson dans le bassin."),
    "es": ("Spanish", "Mi mamá compra pan y papas. Pepe bebe un vaso de vino en Bilbao."),
    "it": ("Italian", "La mamma prepara la pappa. Il babbo beve un buon vino bianco."),
    "pt-br": ("Portuguese", "Minha mamãe põe pimenta no pão. O pai bebe um bom vinho."),
    "nl": ("Dutch", "Mama bakt een bruin brood. Papa pompt de band van mijn fiets op."),
    "sv": ("Swedish", "Mamma bakar bröd på bordet. Pappa pumpar upp bilens däck."),
    "pl": ("Polish", "Mama piecze babkę. Papuga pana Piotra mówi po polsku."),
    "cs": ("Czech", "Maminka peče bábovku. Pan Pavel pomalu pije pivo."),
    "ru": ("Russian", "Мама мыла раму. Папа купил большой белый пароход."),
    "el": ("Greek", "Η μαμά μου μαγειρεύει πατάτες. Ο μπαμπάς πίνει μπύρα."),
    "tr": ("Turkish", "Babam bana pembe bir balon verdi. Bebek mama bekliyor."),
    "fi": ("Finnish", "Mummo pesee mattoa pihalla. Pappa puhuu pojan puhelimeen."),
    "hu": ("Hungarian", "A mama pirospaprikát vett a piacon. Apám a padon pipázik."),
    "hi": ("Hindi", "मेरी माँ बाज़ार में पपीता बेचती है। बाबा पानी पी रहे हैं।"),
    "id": ("Indonesian", "Bapak membeli buah pepaya di pasar. Ibu memasak bubur."),
    "sw": ("Swahili", "Mama anapika maboga. Baba anapenda mbuzi wake."),
    "ja": ("Japanese", "ママはパンをたべます。ぼくのパパはビールをのむ。"),
    "cmn": ("Mandarin", "爸爸妈妈买面包。我朋友不怕胖。"),
}


def scaled(samples: np.ndarray, peak: float = 0.5) -> np.ndarray:
    """``samples`` (N,) with the given peak, float32; silence stays."""
    return (samples * (peak / max(float(np.abs(samples).max(initial=0.0)), 1e-9))).astype(np.float32)


def mixed(speech: np.ndarray, other: np.ndarray, decibels: float) -> np.ndarray:
    """Speech (N,) with another sound ``decibels`` below its power; the other is repeated or cut to its length."""
    other = np.resize(other, len(speech)).astype(np.float64)
    gain = np.sqrt(np.mean(np.square(speech)) / (np.mean(np.square(other)) + 1e-12) * 10 ** (-decibels / 10))
    return scaled(speech + gain * other)


# ---- the same words, heard or said otherwise -----------------------------------------------------------------------


def telephone(samples: np.ndarray) -> np.ndarray:
    """A telephone line: 300–3400 Hz at 8 kHz, eight bits by the µ-law (ITU-T G.711)."""
    band = butter(6, [300.0, 3400.0], "bandpass", fs=SAMPLE_RATE, output="sos")
    line = np.clip(resample_poly(scaled(sosfilt(band, samples), 0.9), 1, 2), -1, 1)
    code = np.round(127 * np.sign(line) * np.log1p(255 * np.abs(line)) / np.log(256))
    line = np.sign(code) * np.expm1(np.abs(code) / 127 * np.log(256)) / 255
    return scaled(resample_poly(line, 2, 1)[: len(samples)])


def in_room(samples: np.ndarray, seconds: float, generator: Generator) -> np.ndarray:
    """A hard room of ``seconds`` reverberation time, as loud as the direct sound and beginning 8 ms after it."""
    clock = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = generator.normal(size=len(clock)) * 10 ** (-3 * clock / seconds) * (clock > 0.008)
    tail = sosfilt(butter(1, 4000, fs=SAMPLE_RATE, output="sos"), tail)
    return scaled(samples + fftconvolve(samples, tail / np.linalg.norm(tail))[: len(samples)])


def stretched(samples: np.ndarray, factor: float) -> np.ndarray:
    """``factor`` times as long at the same pitch (WSOLA, Verhelst & Roelands 1993)."""
    size, reach = 640, 200
    hop = size // 2
    window = np.hanning(size + 1)[:-1]
    count = int(len(samples) * factor)
    padded = np.pad(samples.astype(np.float64), (reach, 2 * size + reach))
    result = np.zeros(count + 2 * size)
    start = reach + max(int(hop / factor) - hop, 0)
    for place in range(0, count, hop):
        result[place : place + size] += window * padded[start : start + size]
        follows = padded[start + hop : start + hop + size]
        # the piece's middle, not its start, keeps its place in time
        aim = min(max(int((place + size) / factor) - hop, 0), len(samples)) + reach
        around = padded[aim - reach : aim + reach + size]
        likeness = fftconvolve(around, follows[::-1], "valid")[: 2 * reach]
        start = aim - reach + int(np.argmax(likeness)) if len(follows) == size else aim
        start = min(start, len(padded) - size - hop - 1)
    return scaled(result[:count])


def revoiced(
    samples: np.ndarray, pitch: Callable[[np.ndarray, np.ndarray], np.ndarray] | None, generator: Generator
) -> np.ndarray:
    """Speech with another source: its vocal tract (linear prediction), driven by pulses and noise.

    ``pitch`` takes the times (F,) s of the frames and their pitch (F,) Hz, zero where unvoiced, and gives the new one.
    None: whispered, noise only, and the voiced sounds 12 dB weaker, without their low frequencies.
    """
    padded = np.pad(samples.astype(np.float64), _WIDTH)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * _WIDTH)[::_HOP][: -(-len(samples) // _HOP)]
    voice = _pitch_of(frames)
    new_pitch = np.zeros(len(frames)) if pitch is None else pitch(np.arange(len(frames)) * _HOP / SAMPLE_RATE, voice)
    windowed = frames[:, _WIDTH // 2 : -(_WIDTH // 2)] * np.hanning(_WIDTH)
    source = np.zeros(len(frames) * _HOP)
    noise = generator.normal(size=len(source))
    phase = 0.0
    for number, hertz in enumerate(np.repeat(new_pitch, _HOP)):
        if hertz > 0:
            phase += hertz / SAMPLE_RATE
            if phase >= 1:
                phase -= 1
                source[number] = np.sqrt(SAMPLE_RATE / hertz)
    result, state = np.zeros(len(source)), np.zeros(_ORDER)
    for number, frame in enumerate(windowed):
        power = np.fft.irfft(np.abs(np.fft.rfft(frame, 1024)) ** 2)[: _ORDER + 1] / len(frame)
        power[0] = power[0] * 1.0001 + 1e-10
        predictor = solve_toeplitz(power[:-1], power[1:])
        gain = np.sqrt(max(power[0] - predictor @ power[1:], 1e-12) * 8 / 3)  # the window takes 3/8 of the power
        part = slice(number * _HOP, (number + 1) * _HOP)
        breath = noise[part] * (0.05 if new_pitch[number] > 0 else 0.25 if voice[number] > 0 else 1.0)
        driven = gain * (source[part] + breath)
        result[part], state = lfilter([1.0], np.concatenate([[1.0], -predictor]), driven, zi=state)
    if pitch is None:
        result = sosfilt(butter(2, 450, "highpass", fs=SAMPLE_RATE, output="sos"), result)
    return scaled(result[: len(samples)])


def _pitch_of(frames: np.ndarray) -> np.ndarray:
    """Pitch (F,) Hz of 50 ms frames (F,800) by autocorrelation, zero where unvoiced or quiet."""
    spectra = np.abs(np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), 2048)) ** 2
    likeness = np.fft.irfft(spectra)[:, : SAMPLE_RATE // 70]
    shortest = SAMPLE_RATE // 400
    lags = shortest + np.argmax(likeness[:, shortest:], axis=1)
    strength = likeness[np.arange(len(frames)), lags] / (likeness[:, 0] + 1e-9)
    loud = likeness[:, 0] > 1e-4 * np.percentile(likeness[:, 0], 95)
    return np.where((strength > 0.35) & loud, SAMPLE_RATE / lags, 0.0)


def whispered(samples: np.ndarray, generator: Generator) -> np.ndarray:
    """The same words without a voice, in the noise floor of a room."""
    return scaled(revoiced(samples, None, generator) + 0.002 * generator.normal(size=len(samples)))


def shouted(samples: np.ndarray, generator: Generator) -> np.ndarray:
    """Pitch up by 60 %, a flatter spectrum, hardly any dynamics, and the microphone overdriven."""
    raised = revoiced(samples, lambda _, pitch: 1.6 * pitch, generator).astype(np.float64)
    bright = lfilter([1.0, -0.7], [1.0], raised)
    envelope = np.sqrt(gaussian_filter1d(np.square(bright), 0.02 * SAMPLE_RATE)) + 1e-3
    return scaled(np.tanh(3 * bright / envelope**0.6 / 2), 0.9)


def sung(samples: np.ndarray, generator: Generator, factor: float = 1.8) -> np.ndarray:
    """Slowed by ``factor`` and held on the notes of a scale, half a second each, with vibrato."""

    def notes(clock: np.ndarray, pitch: np.ndarray) -> np.ndarray:
        scale = np.array([0, 2, 4, 5, 7, 9, 12])
        steps = scale[generator.integers(0, len(scale), int(clock[-1] / 0.5) + 1)][(clock / 0.5).astype(int)]
        vibrato = 0.4 * np.sin(2 * np.pi * 5.5 * clock)
        return np.where(pitch > 0, 196 * 2 ** ((steps + vibrato) / 12), 0.0)

    return revoiced(stretched(samples, factor), notes, generator)


def slower(phones: Iterable[Phone], factor: float) -> list[Phone]:
    """Phones at ``factor`` times their times."""
    return [Phone(phone.start * factor, phone.end * factor, phone.name) for phone in phones]


def babble(voices: Sequence[np.ndarray], seconds: float) -> np.ndarray:
    """Many people at once: each voice (N,) as it is, and moved in pitch, one over the other."""
    result = np.zeros(int(seconds * SAMPLE_RATE))
    for number, voice in enumerate(voices):
        for up, down in ((1, 1), (9, 8), (5, 6)):
            other = np.roll(np.resize(resample_poly(voice, up, down), len(result)), 7919 * number * up)
            result += other / (np.sqrt(np.mean(np.square(other))) + 1e-9)
    return scaled(result)


# ---- nobody speaks -------------------------------------------------------------------------------------------------


def _band(sound: np.ndarray, low: float, high: float) -> np.ndarray:
    return sosfilt(butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), sound)


def _place(result: np.ndarray, sound: np.ndarray, second: float) -> None:
    """Adds ``sound`` to ``result`` from ``second`` on; what reaches over its end is cut."""
    start = int(second * SAMPLE_RATE)
    part = sound[: max(0, len(result) - start)]
    result[start : start + len(part)] += part


def silence(seconds: float, generator: Generator) -> np.ndarray:
    """Digital zero."""
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def room_noise(seconds: float, generator: Generator) -> np.ndarray:
    """Fan and street: pink-like noise, slowly swelling."""
    noise = lfilter([1.0], [1.0, -0.9], generator.normal(size=int(seconds * SAMPLE_RATE)))
    return scaled(noise * (1 + 0.5 * np.sin(2 * np.pi * 0.4 * np.arange(len(noise)) / SAMPLE_RATE)), 0.1)


def hum(seconds: float, generator: Generator) -> np.ndarray:
    """Mains hum with odd harmonics."""
    clock = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * 50 * k * clock + k) / k for k in (1, 3, 5, 7, 9, 15))
    return scaled(tone + 0.01 * generator.normal(size=len(clock)), 0.1)


def breathing(seconds: float, generator: Generator) -> np.ndarray:
    """In through the mouth within a second, out more softly and lower, a rest."""
    result = 0.003 * generator.normal(size=int(seconds * SAMPLE_RATE))
    second = 0.3
    while second < seconds:
        for length, low, high, level in ((0.9, 700, 4500, 1.0), (1.2, 250, 2200, 0.6)):
            length *= generator.uniform(0.8, 1.2)
            noise = _band(generator.normal(size=int(length * SAMPLE_RATE)), low, high)
            _place(result, level * noise * np.sin(np.pi * np.linspace(0, 1, len(noise))) ** 1.5, second)
            second += length + 0.15
        second += generator.uniform(0.3, 0.8)
    return scaled(result, 0.25)


def coughing(seconds: float, generator: Generator) -> np.ndarray:
    """Fits of coughs, each as three phases: a burst, turbulent air through the tract, often a short voiced end."""
    result = 0.001 * generator.normal(size=int(seconds * SAMPLE_RATE))
    second = 0.2
    while second < seconds:
        for _ in range(int(generator.integers(2, 4))):
            length = generator.uniform(0.25, 0.4)
            clock = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
            noise = generator.normal(size=len(clock))
            tract = 1.5 * _band(noise, 350, 900) + _band(noise, 1200, 2200) + 0.6 * _band(noise, 2600, 5000)
            burst = np.exp(-clock / 0.02) + 0.35 * np.exp(-(((clock - 0.09) / 0.08) ** 2))
            pitch = generator.uniform(140, 260)
            voice = sum(np.sin(2 * np.pi * pitch * k * clock) / k for k in range(1, 12))
            end = 0.25 * np.exp(-(((clock - 0.7 * length) / 0.05) ** 2)) * (generator.random() < 0.6)
            _place(result, tract * burst + voice * end, second)
            second += length + generator.uniform(0.03, 0.12)
        second += generator.uniform(0.4, 0.9)
    return scaled(result, 0.8)


def clapping(seconds: float, generator: Generator) -> np.ndarray:
    """Hands: clicks of 10 ms around 1–2 kHz, three to four a second."""
    result = 0.001 * generator.normal(size=int(seconds * SAMPLE_RATE))
    second = 0.1
    while second < seconds:
        noise = generator.normal(size=SAMPLE_RATE // 10) * np.exp(-np.arange(SAMPLE_RATE // 10) / (0.01 * SAMPLE_RATE))
        _place(result, _band(noise, 700, 2800) * generator.uniform(0.6, 1), second)
        second += generator.uniform(0.22, 0.35)
    return scaled(result, 0.8)


def music(seconds: float, generator: Generator) -> np.ndarray:
    """A band: bass, sustained chords of saw teeth, a plucked tune, drums, at 112 beats a minute."""
    result = np.zeros(int(seconds * SAMPLE_RATE))
    beat = 60 / 112

    def tone(hertz: float, length: float, decay: float, brightness: float) -> np.ndarray:
        clock = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
        count = max(1, min(25, int(7000 / hertz)))
        wave = sum(np.sin(2 * np.pi * hertz * k * clock) / k ** (2 - brightness) for k in range(1, count))
        return wave * np.minimum(1, clock / 0.01) * np.exp(-clock / decay) * np.minimum(1, (length - clock) / 0.02)

    chords = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
    for number in range(int(seconds / beat) + 1):
        second, chord = number * beat, chords[number // 4 % 4]
        if number % 4 == 0:
            for step in chord:
                _place(result, 0.15 * tone(220 * 2 ** (step / 12), 4 * beat, 5.0, 0.9), second)
        _place(result, 0.5 * tone(55 * 2 ** (chord[0] / 12), beat, 0.4, 0.2), second)
        for half in (0, 0.5):
            step = chord[int(generator.integers(0, 3))] + 12
            _place(result, 0.25 * tone(220 * 2 ** (step / 12), 0.5 * beat, 0.25, 0.5), second + half * beat)
            hat = generator.normal(size=SAMPLE_RATE // 20) * np.exp(-np.arange(SAMPLE_RATE // 20) / 160)
            _place(result, 0.1 * np.diff(hat, prepend=0), second + half * beat)
        clock = np.arange(SAMPLE_RATE // 5) / SAMPLE_RATE
        kick = np.sin(2 * np.pi * (50 * clock + 4 * (1 - np.exp(-clock / 0.03)))) * np.exp(-clock / 0.08)
        snare = generator.normal(size=len(clock)) * np.exp(-clock / 0.06)
        _place(result, kick if number % 2 == 0 else 0.4 * snare, second)
    return scaled(result)


NO_SPEECH: dict[str, Callable[[float, Generator], np.ndarray]] = {
    "silence": silence, "room noise": room_noise, "mains hum": hum, "breathing": breathing,
    "coughing": coughing, "clapping": clapping, "music alone": music,
}  # fmt: skip


def followed_by(speech: Speech, sound: np.ndarray) -> Speech:
    """Speech, then ``sound`` (N,) in which nobody speaks, its peak three quarters of the speech's."""
    peak = 0.75 * float(np.abs(speech.samples).max(initial=0.0))
    samples = np.concatenate([speech.samples, scaled(sound, peak) if sound.any() else sound]).astype(np.float32)
    return Speech(samples, fill_gaps(speech.phones, len(samples) / SAMPLE_RATE))
