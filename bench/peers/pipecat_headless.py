"""pipecat: N calls without a network in one process, 20 ms frames, null services. Started by ``bench/engine.py``.

SPEECH=speech.wav python pipecat_headless.py frames|novad|turns|barge|storm N SECONDS
"""

import asyncio
import importlib.metadata
import json
import os
import sys
import time
import wave
from itertools import pairwise

T0 = time.perf_counter()
os.environ.setdefault("LOGURU_LEVEL", "ERROR")
from loguru import logger

logger.remove()
logger.add(sys.stderr, level="ERROR")
import psutil
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMRunFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

T1 = time.perf_counter()
SR = 16000
VERSION = importlib.metadata.version("pipecat-ai")


class NullIn(BaseInputTransport):
    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)


class NullOut(BaseOutputTransport):
    def __init__(self, params, call):
        super().__init__(params)
        self.call = call
        self.nxt = 0

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        now = time.perf_counter()
        self.call.out.append((now, len(frame.audio)))
        dur = len(frame.audio) / 2 / frame.sample_rate
        # playout pacing: same as a real device
        if self.nxt < now:
            self.nxt = now
        self.nxt += dur
        await asyncio.sleep(max(0, self.nxt - time.perf_counter()))
        return True


class NullSTT(STTService):
    def __init__(self, call):
        super().__init__(ttfs_p99_latency=0.0, settings=STTSettings(model=None, language=None))
        self.call = call

    async def run_stt(self, audio):
        self.call.got()
        yield None

    async def say(self, text):
        await self.push_frame(TranscriptionFrame(text=text, user_id="u", timestamp="", finalized=True))


class NullLLM(LLMService):
    def __init__(self, call):
        super().__init__(
            settings=LLMSettings(
                model=None,
                system_instruction=None,
                temperature=None,
                max_tokens=None,
                top_p=None,
                top_k=None,
                frequency_penalty=None,
                presence_penalty=None,
                seed=None,
                filter_incomplete_user_turns=None,
                user_turn_completion_config=None,
            )
        )
        self.call = call

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            self.call.llm.append(time.perf_counter())
            await self.push_frame(LLMFullResponseStartFrame())
            for w in ("Sure, ", "I can ", "do that. "):
                await self.push_frame(LLMTextFrame(w))
            await self.push_frame(LLMFullResponseEndFrame())
        else:
            await self.push_frame(frame, direction)


class NullTTS(TTSService):
    def __init__(self, call, secs):
        super().__init__(
            sample_rate=SR,
            push_stop_frames=True,
            push_start_frame=True,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self.call = call
        self.secs = secs

    def can_generate_metrics(self):
        return False

    async def run_tts(self, text, context_id):
        self.call.tts.append(time.perf_counter())
        pcm = b"\x10\x27\xf0\xd8" * (SR // 100)  # 20ms*... nonzero
        for _ in range(int(self.secs * 50)):
            yield TTSAudioRawFrame(audio=pcm[:640], sample_rate=SR, num_channels=1, context_id=context_id)


class Call:
    def __init__(self, i, speech, mode):
        self.i = i
        self.out = []
        self.llm = []
        self.tts = []
        self.lat = []
        self.sent = []
        self.n = 0
        self.late = []
        self.mode = mode
        self.speech = speech
        self.eos = []
        self.barge = []
        self.onset = []
        self.sentidx = 0

    def got(self):
        # frame i reaches STT: delay since it was pushed
        t = self.sent[self.n]
        self.lat.append(time.perf_counter() - t)
        self.n += 1

    def build(self):
        p = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SR,
            audio_out_sample_rate=SR,
            audio_out_10ms_chunks=int(os.environ.get("CH10", "4")),
            audio_out_end_silence_secs=0,
        )
        self.tin = NullIn(p)
        self.tout = NullOut(p, self)
        self.stt = NullSTT(self)
        ctx = LLMContext()
        kw = {}
        if os.environ.get("STOP", "smart") == "speech":
            from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
            from pipecat.turns.user_turn_strategies import UserTurnStrategies

            kw["user_turn_strategies"] = UserTurnStrategies(
                stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=float(os.environ.get("UST", "0.6")))]
            )
        up = (
            LLMUserAggregatorParams(**kw)
            if self.mode == "novad"
            else LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer(), **kw)
        )
        ua, aa = LLMContextAggregatorPair(ctx, user_params=up)

        @ua.event_handler("on_user_turn_started")
        async def _s(*a):
            self.uts = time.perf_counter()

        pl = Pipeline(
            [self.tin, self.stt, ua, NullLLM(self), NullTTS(self, float(os.environ.get("TTS", "3"))), self.tout, aa]
        )
        return PipelineWorker(
            pl,
            params=PipelineParams(audio_in_sample_rate=SR, audio_out_sample_rate=SR),
            idle_timeout_secs=None,
            enable_rtvi=False,
        )

    async def feed(self, secs, phase):
        await asyncio.sleep(phase)
        sil = bytes(640)
        t = time.perf_counter()
        end = t + secs
        seq = []
        if self.mode == "barge":
            sp = [self.speech[i : i + 640].ljust(640, b"\0") for i in range(0, len(self.speech), 640)]
            seq = ["BOT"] + [sil] * 150 + ["ON"] + sp + [sil] * 150
        if self.mode == "turns":
            sp = [self.speech[i : i + 640].ljust(640, b"\0") for i in range(0, len(self.speech), 640)]
            seq = [sil] * 50 + sp + ["EOS"] + [sil] * 100 + sp + ["EOS"] + [sil] * 250
        k = 0
        while time.perf_counter() < end:
            f = sil
            if seq:
                f = seq[k % len(seq)]
                k += 1
                if f == "BOT":
                    await self.w.queue_frames([LLMRunFrame()])
                    continue
                if f == "ON":
                    self.onset.append(time.perf_counter())
                    continue
                if f == "EOS":
                    self.eos.append(time.perf_counter())
                    asyncio.get_running_loop().call_later(
                        0.25, lambda: asyncio.ensure_future(self.stt.say("book an appointment for tomorrow"))
                    )
                    continue
            now = time.perf_counter()
            self.late.append(now - t)
            self.sent.append(now)
            await self.tin.push_audio_frame(InputAudioRawFrame(audio=f, sample_rate=SR, num_channels=1))
            t += 0.02
            await asyncio.sleep(max(0, t - time.perf_counter()))


def pct(v, p):
    v = sorted(v)
    return round(v[min(len(v) - 1, int(len(v) * p))] * 1e3, 3) if v else None


async def storm(old, new, add):
    """N calls run; N more start 300 ms apart. How late were the old ones?"""
    for call in old:
        await add(call)
    await asyncio.sleep(3)
    feeding = [asyncio.create_task(call.feed(30, call.i / 500)) for call in old]
    await asyncio.sleep(3)
    before = [x for call in old for x in call.late]
    for call in old:
        call.late = []
    for call in new:
        await add(call)
        feeding.append(asyncio.create_task(call.feed(30, 0)))
        await asyncio.sleep(0.3)
    await asyncio.sleep(2)
    late = [x for call in old for x in call.late]
    print(
        json.dumps(
            {"before_worst_ms": pct(before, 1), "worst_ms": pct(late, 1), "p99_ms": pct(late, 0.99), "version": VERSION}
        ),
        flush=True,
    )
    os._exit(0)


async def main():
    mode, n, secs = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with wave.open(os.environ["SPEECH"]) as w:
        speech = w.readframes(w.getnframes())
    proc = psutil.Process()
    rss0 = proc.memory_info().rss
    runner = WorkerRunner(handle_sigint=False)
    calls = [Call(i, speech, mode) for i in range(n)]
    t = time.perf_counter()
    ws = [] if mode == "storm" else [c.build() for c in calls]
    tb = time.perf_counter() - t
    for c, w_ in zip(calls, ws, strict=False):
        c.w = w_
    if mode == "storm":
        ws = []
    await runner.add_workers(*ws)
    running = asyncio.create_task(runner.run(auto_end=False))
    assert not running.done()
    if mode == "storm":

        async def add(call):
            call.w = call.build()
            await runner.add_workers(call.w)

        await storm(calls, [Call(i, speech, "frames") for i in range(n)], add)
    await asyncio.sleep(2 + n * 0.05)
    rss1 = proc.memory_info().rss
    tasks = len(asyncio.all_tasks())
    cpu0 = time.process_time()
    t0 = time.perf_counter()
    await asyncio.gather(*[c.feed(secs, (c.i % 20) / 1000) for c in calls])
    wall = time.perf_counter() - t0
    cpu = time.process_time() - cpu0
    lat = [x for c in calls for x in c.lat]
    late = [x for c in calls for x in c.late]
    frames = len(late)
    r = dict(
        peer="pipecat",
        version=VERSION,
        mode=mode,
        n=n,
        secs=secs,
        import_s=round(T1 - T0, 2),
        build_s_per_call=round(tb / n, 4),
        rss_base_mb=round(rss0 / 1e6),
        rss_per_call_mb=round((rss1 - rss0) / n / 1e6, 2),
        threads=proc.num_threads(),
        tasks=tasks,
        cpu_pct=round(cpu / wall * 100, 1),
        cpu_us_per_frame=round(cpu / max(1, frames) * 1e6),
        in_to_stt_ms=dict(p50=pct(lat, 0.5), p99=pct(lat, 0.99), max=pct(lat, 0.9999)),
        feeder_late_ms=dict(p50=pct(late, 0.5), p99=pct(late, 0.99)),
    )
    if mode == "turns":
        e2l = []
        e2a = []
        l2a = []
        for c in calls:
            for e in c.eos:
                think = next((x for x in c.llm if x > e), None)
                a = next((x for x, _ in c.out if x > (think or 1e18)), None)
                if think:
                    e2l.append(think - e)
                if think and a:
                    e2a.append(a - e)
                    l2a.append(a - think)
        # barge-in: second utterance begins while bot speaking; last audio before gap
        r.update(
            turns=sum(len(c.eos) for c in calls),
            llm_calls=sum(len(c.llm) for c in calls),
            eos_to_llm_ms=dict(p50=pct(e2l, 0.5), p99=pct(e2l, 0.99)),
            llm_to_first_audio_ms=dict(p50=pct(l2a, 0.5), p99=pct(l2a, 0.99)),
            eos_to_first_audio_ms=dict(p50=pct(e2a, 0.5), p99=pct(e2a, 0.99)),
        )
        iv = [b[0] - a[0] for c in calls for a, b in pairwise(c.out)]
        r["out_interval_ms"] = dict(p50=pct(iv, 0.5), p99=pct([x for x in iv if x < 0.5], 0.99))
    if mode == "barge":
        st_ = []
        for c in calls:
            for o in c.onset:
                # time of last audio chunk handed to sink that begins before the >=300 ms gap following onset
                ts = [x for x, _ in c.out if x > o - 0.5]
                last = None
                for a, b in pairwise([*ts, 1e18]):
                    if b - a > 0.3 and a > o - 0.05:
                        last = a
                        break
                if last:
                    st_.append(last - o)
        r["barge_stop_ms"] = dict(n=len(st_), p50=pct(st_, 0.5), p99=pct(st_, 0.99))
    print(json.dumps(r))
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
