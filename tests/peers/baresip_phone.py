"""A telephone that nobody here wrote: baresip, from the ``baresip-python`` wheel. Run as a process of its own, since it brings its own
OpenSSL: it prints what happened as one line of JSON.

    python tests/peers/baresip_phone.py --call sip:front-desk@127.0.0.1:5060 --transport tls --ca pbx.crt --codec opus --srtp
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import wave
from typing import Any

import baresip
import numpy as np

CODECS = {"pcmu": "pcmu", "pcma": "pcma", "g722": "g722/16000/1", "opus": "opus/48000/2"}


class Sound:
    """The call's sound: what was heard, and what is being said."""

    def __init__(self, call: Any) -> None:
        self._audio = call.audio
        self.heard = bytearray()
        self.rate_hz = 0
        self._to_say = b""

    def say(self, path: str) -> None:
        with wave.open(path) as file:
            assert file.getnchannels() == 1 and file.getsampwidth() == 2
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            rate_hz = file.getframerate()
        info = self._audio.info()
        count = int(len(samples) * info.tx_sample_rate / rate_hz)
        at = np.arange(count) * rate_hz / info.tx_sample_rate
        there = np.interp(at, np.arange(len(samples)), samples).astype("<i2")
        self._to_say = np.repeat(there, info.tx_channels).tobytes()

    @property
    def is_saying(self) -> bool:
        return bool(self._to_say)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            try:
                info = self._audio.info()
                if self._to_say and info.tx_buffered < info.tx_capacity // 2:
                    taken = self._audio.write(self._to_say[: info.tx_capacity // 4])
                    self._to_say = self._to_say[taken:]
                if info.rx_ready and (piece := self._audio.read(64_000)):
                    samples = np.frombuffer(piece, "<i2")
                    self.heard += samples[:: info.rx_channels].tobytes()
                    self.rate_hz = info.rx_sample_rate
            except (baresip.AudioNotActive, baresip.AudioRestarted):
                continue

    def peak_hz(self, from_s: float = 0.0, to_s: float | None = None) -> float | None:
        """The strongest tone in that time; ``None``: as good as silent."""
        samples = np.frombuffer(bytes(self.heard), "<i2").astype(float)
        last = None if to_s is None else int(to_s * self.rate_hz)
        samples = samples[int(from_s * self.rate_hz) : last]
        if len(samples) < self.rate_hz // 10 or np.abs(samples).max() < 1_500:
            return None
        return float(np.abs(np.fft.rfft(samples)).argmax() * self.rate_hz / len(samples))


async def talk(call: Any, given: argparse.Namespace, found: dict[str, Any]) -> None:
    digits: list[str] = []
    call.on_dtmf(lambda event: digits.append(event.digit if hasattr(event, "digit") else str(event)))
    sound = Sound(call)
    running = asyncio.create_task(sound.run())
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await asyncio.sleep(given.listen_s)
        found["greeting_hz"] = sound.peak_hz()
        if given.press:
            await call.send_dtmf(given.press, interdigit_ms=200)
        if given.hold:
            await call.hold()
            await asyncio.sleep(1.0)
            await call.resume()
            found["was_held"] = True
        if given.say:
            sound.say(given.say)
            while sound.is_saying:
                await asyncio.sleep(0.05)
        before_s = len(sound.heard) / 2 / max(1, sound.rate_hz)
        await asyncio.sleep(given.stay_s)
        found["answer_hz"] = sound.peak_hz(before_s)
        found["heard_s"] = round(len(sound.heard) / 2 / max(1, sound.rate_hz), 2)
        found["rate_hz"] = sound.rate_hz
        found["talked_s"] = round(loop.time() - began, 2)
        found["digits"] = "".join(digits)
    finally:
        running.cancel()


async def send_on(agent: Any, call: Any, given: argparse.Namespace, found: dict[str, Any]) -> None:
    """Ask the other side to call somebody else; with ``consult`` whom we talk to by then."""
    try:
        if given.consult:
            await call.hold()
            other = await agent.dial(given.consult)
            await other.wait_established(15)
            await asyncio.sleep(1.0)
            await call.attended_transfer(other)
        else:
            await call.transfer(given.transfer)
        found["transfer"] = "done"
    except (baresip.TransferFailed, baresip.BaresipError) as error:
        found["transfer"] = str(error)
        await asyncio.sleep(given.stay_s)


async def main(given: argparse.Namespace) -> dict[str, Any]:
    extra = f"sip_listen 127.0.0.1:{given.port}\n"
    if given.ca:
        extra += f"sip_cafile {given.ca}\nsip_verify_server yes\n"
    if given.cert:
        extra += f"sip_certificate {given.cert}\n"
    config = baresip.Config(net_interface="127.0.0.1", native_log_level="info", extra_config_text=extra)
    account = baresip.Account(
        user=given.user,
        domain=given.register or given.domain,
        password=given.password,
        reg_interval=60 if given.register else 0,
        transport=given.transport,
        audio_codecs=(CODECS[given.codec],),
        extra_params=("mediaenc=srtp-mand",) if given.srtp else (),
    )
    found: dict[str, Any] = {"error": ""}
    runtime = baresip.Runtime()
    await runtime.start(config)
    try:
        policy = "auto" if given.transfers else "reject"
        agent = await baresip.UserAgent.create(runtime, account, transfer_policy=policy)
        if given.register:
            await agent.register()
        if given.call:
            call = await agent.dial(given.call)
            await call.wait_established(15)
        else:
            coming: asyncio.Queue[Any] = asyncio.Queue()
            agent.on_incoming(coming.put_nowait)
            print("ready", flush=True)
            call = await asyncio.wait_for(coming.get(), 20)
            await call.answer()
            await call.wait_established(15)
        await talk(call, given, found)
        if given.transfer or given.consult:
            await send_on(agent, call, given, found)
        try:
            await call.hangup()
        except baresip.BaresipError as error:
            found["over"] = type(error).__name__
    except (baresip.BaresipError, TimeoutError) as error:
        found["error"] = f"{type(error).__name__}: {error}"
    finally:
        await asyncio.sleep(0.3)
        await runtime.close()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--call", default="", help="whom; without it the telephone waits to be called")
    parser.add_argument("--transport", choices=["udp", "tcp", "tls"], default="udp")
    parser.add_argument("--codec", choices=list(CODECS), default="pcmu")
    parser.add_argument("--srtp", action="store_true", help="mandatory")
    parser.add_argument("--ca", default="")
    parser.add_argument("--cert", default="", help="of its own, with the key in the same file")
    parser.add_argument("--user", default="desk")
    parser.add_argument("--domain", default="127.0.0.1")
    parser.add_argument("--password", default="")
    parser.add_argument("--register", default="", help="where: 127.0.0.1:5060")
    parser.add_argument("--transfers", action="store_true", help="call whom the other side names (REFER)")
    parser.add_argument("--transfer", default="", help="ask the other side to call this address instead")
    parser.add_argument(
        "--consult", default="", help="call this address, and then have the other side take our place there"
    )
    parser.add_argument("--port", type=int, default=0, help="that it listens on; 0: any")
    parser.add_argument("--press", default="")
    parser.add_argument("--say", default="", help="a WAV file")
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--listen-s", type=float, default=2.0)
    parser.add_argument("--stay-s", type=float, default=1.0)
    print(json.dumps(asyncio.run(main(parser.parse_args()))), flush=True)
    sys.exit(0)
