"""The peer: pipecat with the same Whisper base (int8) and the same Piper voice, over WebRTC, with a model that answers at once.

Its own environment: ``python -m venv peers && peers/bin/pip install "pipecat-ai[webrtc,whisper,piper]==1.14.0" uvicorn``, then
``peers/bin/python bench/peers/pipecat_local.py 8200 WEIGHTS_FOLDER``; ``POST /offer {sdp, type}``.

Turn-taking: pipecat's default end-of-turn model judges synthesized speech incomplete and waits 3 s, so ``TURNS=speech`` (the default here, and
kinder to the peer) takes its speech time-out strategy at its own 0.6 s; ``TURNS=smart`` is its default.
"""

import asyncio
import os
import sys
from pathlib import Path

from loguru import logger

logger.remove()
logger.add(sys.stderr, level="ERROR")

import uvicorn
from fastapi import FastAPI, Request
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import LLMContextFrame, LLMFullResponseEndFrame, LLMFullResponseStartFrame, LLMTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.llm_service import LLMService
from pipecat.services.piper.tts import PiperTTSService
from pipecat.services.settings import LLMSettings
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

PORT, WEIGHTS = int(sys.argv[1]), Path(sys.argv[2])
ANSWER = os.environ.get("ANSWER", "We are open Monday to Friday, from eight in the morning to five in the afternoon.")

app = FastAPI()
tasks = set()


class InstantLLM(LLMService):
    """Answers every turn at once, so that only ears, turn-taking, voice and line are measured."""

    def __init__(self):
        unset = dict.fromkeys(
            (
                "model",
                "system_instruction",
                "temperature",
                "max_tokens",
                "top_p",
                "top_k",
                "frequency_penalty",
                "presence_penalty",
                "seed",
                "filter_incomplete_user_turns",
                "user_turn_completion_config",
            )
        )
        super().__init__(settings=LLMSettings(**unset))

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(LLMTextFrame(ANSWER))
            await self.push_frame(LLMFullResponseEndFrame())
        else:
            await self.push_frame(frame, direction)


def turn_params():
    if os.environ.get("TURNS", "speech") == "smart":
        return LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    strategies = UserTurnStrategies(
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=float(os.environ.get("UST", "0.6")))]
    )
    return LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=strategies)


async def bot(connection):
    params = TransportParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_end_silence_secs=0)
    transport = SmallWebRTCTransport(webrtc_connection=connection, params=params)
    ears = WhisperSTTService(
        settings=WhisperSTTService.Settings(model=str(WEIGHTS / "whisper-base"), no_speech_prob=0.6),
        device="cpu",
        compute_type="int8",
    )
    voice = PiperTTSService(settings=PiperTTSService.Settings(voice="en_US-joe-medium"), download_dir=WEIGHTS / "piper")
    user, agent = LLMContextAggregatorPair(LLMContext(), user_params=turn_params())
    pipeline = Pipeline([transport.input(), ears, user, InstantLLM(), voice, transport.output(), agent])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=16000, audio_out_sample_rate=24000),
        idle_timeout_secs=None,
        enable_rtvi=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    @transport.event_handler("on_client_disconnected")
    async def _gone(*_):
        await runner.cancel()

    await runner.run()


@app.get("/healthz")
async def health():
    return {}


@app.post("/offer")
async def offer(request: Request):
    body = await request.json()
    connection = SmallWebRTCConnection(ice_servers=[])
    await connection.initialize(sdp=body["sdp"], type=body["type"])
    task = asyncio.create_task(bot(connection))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return connection.get_answer()


uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error")
