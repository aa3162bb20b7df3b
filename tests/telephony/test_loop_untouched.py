"""Once a worker is warm, its loop reads no file, imports nothing, looks no name up and sleeps nowhere: one thread carries all calls.

Python's own audit events tell. (Django refuses the database on a loop by itself.)
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap

import pytest

from tests.telephony.test_worker_killed import ROOT

WATCHED = """
    import asyncio, os, sys, threading

    import django

    django.setup()
    from agents.providers import openai
    from agents.providers.offers import Surroundings
    from agents.spec import AgentSpec
    from telephony import warmup
    from telephony.transports import opus

    EVENTS = {"open", "os.listdir", "os.scandir", "import", "socket.getaddrinfo", "socket.gethostbyname", "time.sleep", "subprocess.Popen"}
    main, is_on, touched = threading.get_ident(), False, []


    def watch(event, args):
        if is_on and event in EVENTS and threading.get_ident() == main:
            frame, stack = sys._getframe(1), []
            while frame is not None and len(stack) < 12:
                stack.append(f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}")
                frame = frame.f_back
            touched.append(f"{event} {args[:1]!r} {' < '.join(stack)}")


    async def run():
        global is_on
        await warmup.warm_up()
        is_on = True
        await warmup._one_turn(warmup.new_vad())  # as in every call: an agent made, heard, spoken and answered
        opus.Encoder(48_000), opus.Decoder(16_000)
        knows = {"model": "openai", "model_name": "any", "base_url": "http://127.0.0.1:9/v1"}
        mind = await openai._make(AgentSpec.model_validate({"knows": knows}), Surroundings(warmup.live.weights_dir(), {}, None))
        if ON_PURPOSE:
            open("/dev/null").close()
        is_on = False
        await mind.close()


    sys.addaudithook(watch)
    asyncio.run(run())
    print("touched:", *touched, sep="\\n")
    print("over")
    os._exit(0)
"""


async def touched(*, on_purpose: bool = False) -> list[str]:
    program = f"ON_PURPOSE = {on_purpose}\n" + textwrap.dedent(WATCHED)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120,
    )  # fmt: skip
    _, _, told = done.stdout.partition("touched:\n")
    *found, last = told.splitlines() or [""]
    assert last == "over", done.stderr[-3_000:]
    return found


@pytest.mark.models
@pytest.mark.timeout(240)
async def test_a_warm_turn_touches_nothing_that_blocks() -> None:
    found = await touched()
    assert not found, "\n".join(found)


@pytest.mark.models
@pytest.mark.timeout(240)
async def test_one_that_did_would_be_found_out() -> None:
    assert any("/dev/null" in each for each in await touched(on_purpose=True))
