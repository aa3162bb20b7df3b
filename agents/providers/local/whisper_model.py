"""The Whisper network on CTranslate2: sound of its true length in, words out. Used by one thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.providers.local.hearing import (
    Guess,
    Segment,
    believed,
    fuller,
    is_nothing_but,
    is_past_the_end,
    likely_tokens,
    most_tokens,
    peak_rms,
    said_once,
)
from agents.providers.local.mel import log_mel
from agents.providers.local.phone_digits import has_many_digits, misheard
from agents.speech import ProviderError

if TYPE_CHECKING:
    from ctranslate2 import StorageView

RATE_HZ = 16_000
SILENCE_AFTER_MS = 900
"""Zeros put behind the sound. Without them Whisper may lose the last word or start over (measured: "goodbye" lost at 0 ms)."""
SHORTEST_MS = 1_800
"""Sound and zeros together are at least this long. (Of 75 single words, heard 120 ms after their end, 60 were right and 1 lost; with
1,600 ms 51 and 8, with 2,000 ms 56 and 1; later on they are closer.)"""
INTERIM_STEP_TOKENS = 8
"""How many tokens an interim decodes before it looks whether a final waits (about 70 ms)."""
NUMBER_MS = 10_000
"""Sound and zeros together, where digits are heard: with less room Whisper miscounts them more often (of 80 numbers read out, 65
were right in the sound's own length, 70 in this; in the 30 s it was trained on not more)."""
TASK_TOKENS = 3
"""At the end of what decoding starts from: a transcript begins, its language, and that it is no translation."""
MAX_PROMPT_TOKENS = 160
"""Of words to expect, of the 223 that Whisper was trained to take before the sound."""
EXPECTED_EVERY_S = 1.0
"""One of them is said to have begun so long after the other, or sooner where there are many; a tenth of that is a pause."""
TIMESTAMP_S = 0.02
"""What one timestamp token is worth."""
LONGEST_S = 30.0
"""What there are timestamps for."""
TIMESTAMPS_COST = 0.4
"""How much the average log probability of right words is lower for the timestamps among them, which are rough guesses."""

_CODES = """
en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi
ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd
gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su
"""
LANGUAGES = tuple(_CODES.split())
"""What Whisper was trained on; of many of these it has heard little."""

PCM = npt.NDArray[np.int16]


class WhisperModel:
    """The loaded network. Used by one thread only: ``Whisper``'s."""

    def __init__(self, folder: Path) -> None:
        import ctranslate2  # here, so that the web process, which only lists what there is, doesn't carry it
        import tokenizers

        self._array = ctranslate2.StorageView.from_array
        # One thread: on two cores a second one made nothing faster (66 + 165 ms against 76 + 165 ms) and starved the rest.
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._end = self._must("<|endoftext|>")
        self._first_timestamp = self._must("<|notimestamps|>") + 1

    def _id(self, token: str) -> int | None:
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def knows(self, language: str) -> bool:
        return self._id(f"<|{language}|>") is not None

    def prompt(self, language: str, keywords: tuple[str, ...]) -> list[int]:
        """What decoding starts from: words to expect, then language and task.

        With timestamps, though nobody reads them: over a sound shorter than the 30 s it was trained on, Whisper does not know
        that it has finished and says everything again, but then it writes that this was said after the end of the sound. For
        the same reason each word to expect stands as a sentence of its own with its times: after a list without any, it
        wrote none either (of 90 short sentences with an eighth of the sound gone 20 were said twice, so none).
        """
        task = ("<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>")
        return self._expected(keywords) + [self._must(token) for token in task]

    def _expected(self, keywords: Sequence[str]) -> list[int]:
        every_s = min(EXPECTED_EVERY_S, LONGEST_S / max(1, len(keywords)))
        tokens: list[int] = []
        for number, word in enumerate(keywords):
            said = self._tokenizer.encode(f" {word[:1].upper()}{word[1:]}.", add_special_tokens=False).ids
            segment = [self._at(number * every_s), *said, self._at((number + 0.9) * every_s)]
            if len(tokens) + len(segment) > MAX_PROMPT_TOKENS:
                break
            tokens += segment
        return [self._must("<|startofprev|>"), *tokens] if tokens else []

    def _at(self, seconds: float) -> int:
        return self._first_timestamp + round(seconds / TIMESTAMP_S)

    def _must(self, token: str) -> int:
        number = self._id(token)
        if number is None:
            raise ProviderError(f"This Whisper model does not know {token}.", permanent=True)
        return number

    def hear(
        self, pcm: PCM, prompt: list[int], stop: Callable[[], bool] | None = None, *, is_interim: bool = False
    ) -> tuple[str, float] | None:
        """The words in up to 30 s of sound, and how sure they are (0–1). ``None`` if ``stop`` said so on the way.

        An interim asks ``stop`` more often, and doesn't listen twice: to digits, and to what is nothing but words to expect, which
        Whisper now and then writes down instead of the sentence they stand in.
        """
        encoded = self._encoded(pcm, SHORTEST_MS)
        heard = self._decoded(encoded, pcm, prompt, stop, is_interim=is_interim)
        if heard is None or is_interim:
            return heard
        if has_many_digits(heard[0]):
            return self._hear(pcm, prompt, NUMBER_MS, stop)
        if len(prompt) == TASK_TOKENS or not is_nothing_but(heard[0], self._expected_in(prompt)):
            return heard
        plain = self._decoded(encoded, pcm, prompt[-TASK_TOKENS:], stop)
        return None if plain is None else fuller(heard, plain)

    def _expected_in(self, prompt: list[int]) -> list[str]:
        """The words that ``prompt`` begins with."""
        return [segment.text for segment in self._segments(prompt[1:-TASK_TOKENS])]

    def hear_phone_number(
        self, pcm: PCM, prompt: list[int], region: str, stop: Callable[[], bool] | None = None
    ) -> tuple[str, float] | None:
        """As ``hear``, of somebody who was asked for a telephone number of ``region`` (ISO 3166): where the digits written down
        can't be one, the possible number that the sound fits best stands in their place."""
        encoded = self._encoded(pcm, NUMBER_MS)
        heard = self._decoded(encoded, pcm, prompt, stop)
        if heard is None:
            return None
        text, confidence = heard
        if (wrong := misheard(text, region)) is None:
            return text, confidence
        number = self._likeliest(encoded, prompt, wrong.candidates)
        return text[: wrong.start] + number + text[wrong.end :], confidence

    def _hear(
        self,
        pcm: PCM,
        prompt: list[int],
        shortest_ms: int,
        stop: Callable[[], bool] | None,
        *,
        is_interim: bool = False,
    ) -> tuple[str, float] | None:
        return self._decoded(self._encoded(pcm, shortest_ms), pcm, prompt, stop, is_interim=is_interim)

    def _encoded(self, pcm: PCM, shortest_ms: int) -> StorageView:
        zeros = max(SILENCE_AFTER_MS, shortest_ms - round(len(pcm) / RATE_HZ * 1000)) * RATE_HZ // 1000
        samples = np.zeros(len(pcm) + zeros, dtype=np.float32)
        np.multiply(pcm, np.float32(1 / 32768), out=samples[: len(pcm)])
        return self._model.encode(self._array(log_mel(samples)[None]))

    def _likeliest(self, encoded: StorageView, prompt: list[int], texts: Sequence[str]) -> str:
        """Which of ``texts`` the sound fits best: the one whose tokens the model finds likeliest, one given the other."""
        task = [*prompt[-TASK_TOKENS:], self._first_timestamp - 1]
        tokens = [self._tokenizer.encode(f" {text}.", add_special_tokens=False).ids for text in texts]
        sound = np.repeat(np.asarray(encoded), len(texts), axis=0)
        found = self._model.align(self._array(sound), task, tokens, sound.shape[1] * 2)
        likely = [float(np.sum(np.log(np.maximum(each.text_token_probs, 1e-9)))) for each in found]
        return texts[int(np.argmax(likely))]

    def _decoded(
        self,
        encoded: StorageView,
        pcm: PCM,
        prompt: list[int],
        stop: Callable[[], bool] | None,
        *,
        is_interim: bool = False,
    ) -> tuple[str, float] | None:
        seconds = len(pcm) / RATE_HZ
        limit = most_tokens(seconds)
        tokens: list[int] = []
        score, no_speech = 0.0, 0.0
        while len(tokens) < limit:
            if stop is not None and stop():
                return None
            step = INTERIM_STEP_TOKENS if is_interim else likely_tokens(seconds)
            until = min(limit, len(tokens) + step)
            # CTranslate2 counts what is given as decoded so far, and lets the text have half of ``max_length``.
            result = self._model.generate(
                encoded, [prompt + tokens], beam_size=1, max_length=max(2 * until, len(prompt) + until),
                return_scores=True, return_no_speech_prob=True,
            )[0]  # fmt: skip
            score = result.scores[0]
            no_speech = no_speech or result.no_speech_prob
            tokens = result.sequences_ids[0]
            if len(tokens) < until or is_past_the_end(self._times(tokens), seconds):
                break
        text = said_once(self._segments(tokens), seconds)
        return believed(Guess(text, score, no_speech, peak_rms(pcm), seconds)), float(
            np.exp(min(0.0, score + TIMESTAMPS_COST))
        )

    def _time(self, token: int) -> float | None:
        return (token - self._first_timestamp) * TIMESTAMP_S if token >= self._first_timestamp else None

    def _times(self, tokens: list[int]) -> list[float]:
        return [time for token in tokens if (time := self._time(token)) is not None]

    def _segments(self, tokens: list[int]) -> list[Segment]:
        segments: list[tuple[float, list[int]]] = [(0.0, [])]
        for token in tokens:
            if (time := self._time(token)) is not None:
                segments.append((time, []))
            elif token < self._end:
                segments[-1][1].append(token)
        return [Segment(start, self._tokenizer.decode(ids)) for start, ids in segments if ids]
