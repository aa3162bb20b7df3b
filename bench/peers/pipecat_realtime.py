"""pipecat with OpenAI's Realtime model and no network else. Started by ``bench/realtime.py``: URL SENTENCE_S SETTLE_S"""

import asyncio
import importlib.metadata
import os
import sys
import time

os.environ.setdefault("SPEECH", "")
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner
from pipecat_headless import Call, NullIn, NullOut

NOISE = os.urandom(640)


async def main():
    url, sentence_s, settle_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    rates = {"audio_in_sample_rate": 16000, "audio_out_sample_rate": 16000}
    params = TransportParams(audio_in_enabled=True, audio_out_enabled=True, **rates)
    line, out = NullIn(params), NullOut(params, Call(0, b"", "frames"))
    model = OpenAIRealtimeLLMService(api_key="none", base_url=f"{url}/realtime")
    user, assistant = LLMContextAggregatorPair(LLMContext(), realtime_service_mode=True)
    worker = PipelineWorker(
        Pipeline([line, user, model, out, assistant]),
        params=PipelineParams(**rates),
        idle_timeout_secs=None,
        enable_rtvi=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run(auto_end=False))
    await asyncio.sleep(1)
    began = time.perf_counter()
    for index in range(int(sentence_s * 50)):
        await line.push_audio_frame(InputAudioRawFrame(audio=NOISE, sample_rate=16000, num_channels=1))
        await asyncio.sleep(max(0.0, began + (index + 1) / 50 - time.perf_counter()))
    await asyncio.sleep(settle_s)
    print(f"pipecat-ai {importlib.metadata.version('pipecat-ai')}", flush=True)
    running.cancel()
    os._exit(0)


asyncio.run(main())
