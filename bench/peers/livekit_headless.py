"""livekit-agents: N AgentSessions without a LiveKit server in one process, 20 ms frames, null services.

Started by ``bench/engine.py``.

    SPEECH=speech.wav python livekit_headless.py frames|novad|turns|barge|storm N SECONDS
"""

import asyncio
import importlib.metadata
import json
import logging
import os
import sys
import time
import wave
from itertools import pairwise

T0 = time.perf_counter()
import psutil
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, utils
from livekit.agents.llm import LLM, ChatChunk, ChoiceDelta, LLMStream
from livekit.agents.stt import STT, RecognizeStream, SpeechData, SpeechEvent, SpeechEventType, STTCapabilities
from livekit.agents.tts import TTS, ChunkedStream, TTSCapabilities
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

logging.basicConfig(level=logging.ERROR)
T1 = time.perf_counter()
SR = 16000
VERSION = importlib.metadata.version("livekit-agents")


class In(AudioInput):
    def __init__(self):
        super().__init__(label="bench")
        self.ch = utils.aio.Chan()

    async def __anext__(self):
        return await self.ch.__anext__()


class Out(AudioOutput):
    "Paced playout sink: plays 20 ms at a time, supports pause, clear_buffer"

    def __init__(self, call):
        super().__init__(label="bench", capabilities=AudioOutputCapabilities(pause=True), sample_rate=SR)
        self.call = call
        self.q = []
        self.pushed = 0.0
        self.played = 0.0
        self.flushed = False
        self.paused = False
        self.task = None
        self.bs = utils.audio.AudioByteStream(SR, 1, samples_per_channel=SR // 50)

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        self.pushed += frame.duration
        self.q.extend(self.bs.push(frame.data))
        if not self.task:
            self.task = asyncio.create_task(self._play())

    async def _play(self):
        started = False
        t = time.perf_counter()
        while True:
            if self.paused:
                await asyncio.sleep(0.005)
                t = time.perf_counter()
                continue
            if self.q:
                f = self.q.pop(0)
                now = time.perf_counter()
                self.call.out.append((now, len(f.data) * 2))
                if not started:
                    started = True
                    self.on_playback_started(created_at=time.time())
                self.played += f.duration
                t = max(t, now) + 0.02 if t < now - 0.1 else t + 0.02
                await asyncio.sleep(max(0, t - time.perf_counter()))
            elif self.flushed:
                self.task = None
                p = self.pushed
                self._reset()
                self.on_playback_finished(playback_position=p, interrupted=False)
                return
            else:
                await asyncio.sleep(0.002)

    def _reset(self):
        self.q = []
        self.pushed = self.played = 0.0
        self.flushed = False
        self.bs.clear() if hasattr(self.bs, "clear") else None

    def pause(self):
        super().pause()
        self.paused = True
        self.call.stops.append(time.perf_counter())

    def resume(self):
        super().resume()
        self.paused = False

    def flush(self):
        super().flush()
        if self.pushed:
            self.q.extend(self.bs.flush())
            self.flushed = True

    def clear_buffer(self):
        self.call.stops.append(time.perf_counter())
        if not self.pushed:
            return
        if self.task:
            self.task.cancel()
            self.task = None
        p = self.played
        self._reset()
        self.on_playback_finished(playback_position=p, interrupted=True)


class NullSTT(STT):
    def __init__(self, call):
        super().__init__(capabilities=STTCapabilities(streaming=True, interim_results=True))
        self.call = call
        self.s = None

    async def _recognize_impl(self, *a, **k):
        raise NotImplementedError

    def stream(self, *, language=None, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        self.s = NullStream(stt=self, conn_options=conn_options)
        return self.s


class NullStream(RecognizeStream):
    async def _run(self):
        async for d in self._input_ch:
            if isinstance(d, rtc.AudioFrame):
                self._stt.call.got()

    def say(self, t, final=True):
        self._event_ch.send_nowait(
            SpeechEvent(
                type=SpeechEventType.FINAL_TRANSCRIPT if final else SpeechEventType.INTERIM_TRANSCRIPT,
                alternatives=[SpeechData(text=t, language="en")],
            )
        )


class NullLLM(LLM):
    def __init__(self, call):
        super().__init__()
        self.call = call

    def chat(self, *, chat_ctx, tools=None, conn_options=DEFAULT_API_CONNECT_OPTIONS, **k):
        return NullLLMStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class NullLLMStream(LLMStream):
    async def _run(self):
        self._llm.call.llm.append(time.perf_counter())
        for w in ("Sure, ", "I can ", "do that. "):
            self._event_ch.send_nowait(ChatChunk(id="x", delta=ChoiceDelta(role="assistant", content=w)))


class NullTTS(TTS):
    def __init__(self, call, secs):
        super().__init__(capabilities=TTSCapabilities(streaming=False), sample_rate=SR, num_channels=1)
        self.call = call
        self.secs = secs

    def synthesize(self, text, *, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        return NullChunked(tts=self, input_text=text, conn_options=conn_options)


class NullChunked(ChunkedStream):
    async def _run(self, em):
        self._tts.call.tts.append(time.perf_counter())
        em.initialize(request_id="x", sample_rate=SR, num_channels=1, mime_type="audio/pcm")
        for _ in range(int(self._tts.secs * 50)):
            em.push(b"\x10\x27\xf0\xd8" * 160)
        em.flush()


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
        self.stops = []
        self.onset = []

    def got(self):
        if self.n < len(self.sent):
            self.lat.append(time.perf_counter() - self.sent[self.n])
        self.n += 1

    async def start(self):
        self.stt = NullSTT(self)
        th = {"turn_detection": os.environ.get("TD") or None} if os.environ.get("TD", "vad") != "default" else {}
        if th.get("turn_detection") is None and "turn_detection" in th:
            th["turn_detection"] = "vad" if self.mode != "novad" else "stt"
        kw = dict(vad=None) if self.mode == "novad" else dict(vad=inference.VAD())
        self.s = AgentSession(
            stt=self.stt,
            llm=NullLLM(self),
            tts=NullTTS(self, float(os.environ.get("TTS", "3"))),
            turn_handling=th,
            aec_warmup_duration=None,
            **kw,
        )
        self.inp = In()
        self.s.input.audio = self.inp
        self.s.output.audio = Out(self)
        await self.s.start(Agent(instructions="be brief"))

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
                    self.s.generate_reply(user_input="hi")
                    continue
                if f == "ON":
                    self.onset.append(time.perf_counter())
                    continue
                if f == "EOS":
                    self.eos.append(time.perf_counter())
                    asyncio.get_running_loop().call_later(
                        0.25, lambda: self.stt.s.say("book an appointment for tomorrow")
                    )
                    continue
            now = time.perf_counter()
            self.late.append(now - t)
            self.sent.append(now)
            self.inp.ch.send_nowait(rtc.AudioFrame(data=f, sample_rate=SR, num_channels=1, samples_per_channel=320))
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
    calls = [Call(i, speech, mode) for i in range(n)]
    t = time.perf_counter()

    if mode == "storm":
        await storm(calls, [Call(i, speech, "frames") for i in range(n)], lambda call: call.start())
    for c in calls:
        await c.start()
    tb = time.perf_counter() - t
    await asyncio.sleep(2)
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
        peer="livekit-agents",
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
        stt_frames=sum(c.n for c in calls),
        frames=frames,
    )
    if mode == "turns":
        e2l = []
        e2a = []
        l2a = []
        for c in calls:
            for e in c.eos:
                think = next((x for x in c.llm if x > e), None)
                a = next((x for x, _ in c.out if x > e and x > (think or 1e18)), None)
                if think:
                    e2l.append(think - e)
                if think and a:
                    e2a.append(a - e)
                    l2a.append(a - think)
        iv = [b[0] - a[0] for c in calls for a, b in pairwise(c.out)]
        r.update(
            turns=sum(len(c.eos) for c in calls),
            llm_calls=sum(len(c.llm) for c in calls),
            eos_to_llm_ms=dict(p50=pct(e2l, 0.5), p99=pct(e2l, 0.99)),
            llm_to_first_audio_ms=dict(p50=pct(l2a, 0.5), p99=pct(l2a, 0.99)),
            eos_to_first_audio_ms=dict(p50=pct(e2a, 0.5), p99=pct(e2a, 0.99)),
            out_interval_ms=dict(p50=pct(iv, 0.5), p99=pct([x for x in iv if x < 0.5], 0.99)),
        )
    if mode == "barge":
        st_ = [next((x - o for x in c.stops if x > o), None) for c in calls for o in c.onset]
        st_ = [x for x in st_ if x is not None]
        r["barge_stop_ms"] = dict(n=len(st_), p50=pct(st_, 0.5), p99=pct(st_, 0.99))
    print(json.dumps(r))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
