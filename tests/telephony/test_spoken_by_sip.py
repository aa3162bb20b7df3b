"""A conversation over a SIP telephone: a real platform, baresip, words in the air, and what was understood."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from telephony.phone_audio import resampled, write_wav
from tests.platform_fixture import Platform
from tests.spoken import spoken

pytestmark = [pytest.mark.platform, pytest.mark.paced, pytest.mark.models, pytest.mark.timeout(600)]

PHONE = Path(__file__).resolve().parent.parent / "peers" / "baresip_phone.py"
QUESTION = "How much is a check-up?"
_ROWS = """
import json
from accounts import tenancy
from telephony.models import Call
with tenancy.system("test"):
    call = Call.objects.filter(channel="phone").order_by("-created_at").first()
    print("ROWS" + json.dumps({
        "status": call.status, "reason": call.end_reason, "to": call.to_number, "recording_ms": call.recording.duration_ms,
        "turns": list(call.turns.values("role", "text")),
    }))
"""


@pytest.mark.parametrize("codec", ["pcmu", "opus"])
def test_a_telephone_asks_and_the_agent_understands_and_answers(parley: Platform, tmp_path: Path, codec: str) -> None:
    question = tmp_path / "question.wav"
    write_wav(question, resampled(spoken(QUESTION), 16_000))
    words = [
        "--call",
        f"sip:bright-smile-front-desk@127.0.0.1:{parley.sip_port}",
        "--codec",
        codec,
        "--say",
        str(question),
    ]
    words += ["--listen-s", "9", "--stay-s", "10"]
    done = subprocess.run([sys.executable, str(PHONE), *words], capture_output=True, text=True, timeout=90, check=False)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["error"] == "" and found["heard_s"] > 15, (found, done.stderr[-2000:])
    printed = parley.manage("shell", "--verbosity", "0", "-c", "import time; time.sleep(3)" + _ROWS)
    rows = json.loads(printed.split("ROWS", 1)[1])
    assert (rows["status"], rows["reason"], rows["to"]) == ("ended", "caller_hung_up", "bright-smile-front-desk")
    callers = [turn["text"] for turn in rows["turns"] if turn["role"] == "caller"]
    agents = " ".join(turn["text"] for turn in rows["turns"] if turn["role"] == "agent")
    assert any("check" in text.lower() for text in callers), rows["turns"]
    assert "80 dollars" in agents, rows["turns"]
    assert rows["recording_ms"] > 15_000
