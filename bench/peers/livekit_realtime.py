"""livekit-agents with OpenAI's Realtime model and no LiveKit server. Started by ``bench/realtime.py``: URL SENTENCE_S SETTLE_S"""

import asyncio
import importlib.metadata
import os
import sys
import time

os.environ.setdefault("SPEECH", "")
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.plugins import openai
from livekit_headless import Call, In, Out

NOISE = os.urandom(640)


async def main():
    url, sentence_s, settle_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    session = AgentSession(llm=openai.realtime.RealtimeModel(api_key="none", base_url=url))
    line = In()
    session.input.audio, session.output.audio = line, Out(Call(0, b"", "frames"))
    await session.start(Agent(instructions="none"))
    await asyncio.sleep(0.5)
    began = time.perf_counter()
    for index in range(int(sentence_s * 50)):
        line.ch.send_nowait(rtc.AudioFrame(data=NOISE, sample_rate=16000, num_channels=1, samples_per_channel=320))
        await asyncio.sleep(max(0.0, began + (index + 1) / 50 - time.perf_counter()))
    await asyncio.sleep(settle_s)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("livekit-agents", "livekit-plugins-openai")]
    print(", ".join(versions), flush=True)
    os._exit(0)


asyncio.run(main())
