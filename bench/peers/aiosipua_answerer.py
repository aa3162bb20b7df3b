"""aiosipua answering sipp's calls, signalling only: no port is opened for a call and no description agreed on (``bench/sip.py``).

    python aiosipua_answerer.py HOST PORT

Run with ``-O``: an assertion of its own is false under uvloop. In an environment with ``aiosipua`` and ``uvloop``. It says "ready" and
goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import uvloop
from aiosipua import IncomingCall, SipUAS
from aiosipua.sdp import parse_sdp
from aiosipua.transport import UdpSipTransport

ANSWER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


async def main(host: str, port: int) -> None:
    logging.disable(logging.CRITICAL)
    agent = SipUAS(UdpSipTransport(local_addr=(host, port)))
    answer = parse_sdp(ANSWER)

    def taken(call: IncomingCall) -> None:
        call.ringing()
        call.accept(answer)

    agent.on_invite = taken
    await agent.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
