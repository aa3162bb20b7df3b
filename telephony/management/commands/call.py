"""``manage.py call AGENT``: a phone for the terminal, which places a real call to the running platform."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import tenancy
from agents.models import Agent
from agents.providers.local import piper
from agents.speech import ProviderError
from telephony import phone_script, tokens
from telephony.phone import CallFailed, TerminalPhone
from telephony.phone_audio import write_wav
from telephony.phone_script import Line


class _Say(argparse.Action):
    """Lines in the order they were given, whatever option they came with."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        lines = [*(getattr(namespace, "lines", None) or [])]
        try:
            lines.append(self._line(option_string, values))
        except ValueError as error:
            if option_string == "--press":
                parser.error(f"--press {values}: {error}")
            parser.error(f"--interrupt {values}: write words@seconds, such as “Stop, please@1.5”")
        namespace.lines = lines

    def _line(self, option: str | None, values: str) -> Line:
        match option:
            case "--interrupt":
                return Line.interruption(values)
            case "--press":
                return Line.digits(values)
            case _:
                return Line(self.const, values)


class Command(BaseCommand):
    help = (
        "Place a call to an agent and speak to it: sound files (--input), spoken words (--say), interruptions "
        "(--interrupt “words@seconds”) and keys (--press 123#), one after the other, each when the agent has finished. "
        "Without any of them, listen to the greeting. Exits with 0 only where the call came about and ended well."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent", help="the agent's name or id")
        parser.add_argument(
            "--input", dest="lines", action=_Say, const="input", metavar="WAV", help="play this sound file"
        )
        parser.add_argument("--say", dest="lines", action=_Say, const="say", metavar="WORDS", help="speak these words")
        parser.add_argument(
            "--interrupt", dest="lines", action=_Say, const="interrupt", metavar="WORDS@S",
            help="speak these words into the agent's answer, S seconds after it began",
        )  # fmt: skip
        parser.add_argument("--press", dest="lines", action=_Say, metavar="KEYS", help="press these keys, such as 123#")
        parser.add_argument("--output", type=Path, metavar="WAV", help="save what the agent says")
        parser.add_argument("--transcript", action="store_true", help="print who said what")
        parser.add_argument("--json", action="store_true", help="print everything as JSON")
        parser.add_argument("--url", default=settings.SITE_URL, help="the platform's address (SITE_URL)")
        parser.add_argument("--draft", action="store_true", help="talk to the draft, not to the published version")
        parser.add_argument("--key", help="an API key of the platform, where this is not its own machine")
        parser.add_argument("--token", help="a call token instead")
        parser.add_argument("--voice", default="en_US-joe-medium", help="Piper's voice for --say")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("aiortc").setLevel(logging.WARNING)
        logging.getLogger("aioice").setLevel(logging.WARNING)
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            outcome = asyncio.run(self._call(options))
        except (CallFailed, ValueError, ProviderError) as error:
            raise CommandError(str(error)) from error
        finally:
            piper.close_shared()
        self._print(outcome, options)
        end = outcome["end"]
        if end is None:
            raise CommandError("The platform did not say how the call ended.")
        if end["is_fault"]:
            raise CommandError(
                f"The call ended badly: {end['words']}. {end.get('detail') or end.get('advice') or ''}".strip()
            )

    async def _call(self, options: dict[str, Any]) -> dict[str, Any]:
        lines: list[Line] = options["lines"] or []
        sounds = await phone_script.prepare(lines, settings.WEIGHTS_DIR / "piper" / f"{options['voice']}.onnx")
        token = await asyncio.to_thread(self._token_maker, options)
        async with TerminalPhone(options["url"], token) as phone:
            await phone_script.play(phone, lines, sounds)
        if options["output"]:
            write_wav(options["output"], phone.ear.recording())
        return phone_script.result(phone)

    def _token_maker(self, options: dict[str, Any]) -> Callable[[], Awaitable[str]]:
        use: tokens.Use = "draft" if options["draft"] else "published"

        if options["token"]:

            async def given() -> str:
                return str(options["token"])

            return given
        if options["key"]:
            return lambda: _from_platform(options["url"], options["key"], options["agent"], use)
        agent = _find(options["agent"])
        if agent.published_id is None:
            use = "draft"

        async def minted() -> str:
            return tokens.mint(organization=agent.organization_id, agent=agent, use=use)

        return minted

    def _print(self, outcome: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(outcome, indent=2, ensure_ascii=False))
            return
        if options["transcript"]:
            for turn in outcome["transcript"]:
                name = "Caller" if turn["role"] == "caller" else "Agent "
                self.stdout.write(f"{name}  {turn['text']}{' —' if turn['was_cut'] else ''}")
            self.stdout.write("")
        self.stdout.write(
            f"Connected after {outcome['connect_ms']} ms, first sound after {outcome['first_audio_ms']} ms."
        )
        if outcome["exchanges"]:
            self.stdout.write(
                f"{'line':<40} {'at the ear':>10} {'stopped':>8}   platform: pause + STT + model + TTS + line"
            )
        for exchange in outcome["exchanges"]:
            waits = exchange["latency"]
            parts = " + ".join(
                str(waits.get(f"{part}_ms", "?")) for part in ("endpointing", "stt", "model", "tts", "transport")
            )
            measured = f"{waits['total_ms']} = {parts}" if waits else "-"
            stopped = "" if exchange["stop_ms"] is None else f"{exchange['stop_ms']} ms"
            ear = "-" if exchange["ear_ms"] is None else f"{exchange['ear_ms']} ms"
            self.stdout.write(f"{exchange['said'][:40]:<40} {ear:>10} {stopped:>8}   {measured}")
        for key, value in outcome["collected"].items():
            self.stdout.write(f"{key}: {value}")
        if outcome["end"]:
            self.stdout.write(f"{outcome['end']['words']}. Call {outcome['call_id']}")


def _find(name: str) -> Agent:
    with tenancy.system("manage.py call, run by who runs the platform"):
        try:
            found = list(Agent.objects.filter(pk=uuid.UUID(name)))
        except ValueError:
            found = list(Agent.objects.filter(name__iexact=name, archived_at=None))
        if not found:
            known = ", ".join(Agent.objects.filter(archived_at=None).values_list("name", flat=True)[:20])
            raise CommandError(f"There is no agent called “{name}”. There are: {known or 'none yet'}.")
        if len(found) > 1:
            raise CommandError(
                f"{len(found)} agents are called “{name}”. Give the id: {', '.join(str(a.pk) for a in found)}."
            )
        agent: Agent = found[0]
        return agent


async def _from_platform(url: str, key: str, agent: str, use: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False, headers={"Authorization": f"Bearer {key}"}) as http:
        try:
            response = await http.post("/api/v1/calls/web-token", json={"agent_id": agent, "use": use})
        except httpx.HTTPError as error:
            raise CallFailed(f"{url} can't be reached: {error or type(error).__name__}") from error
    if response.is_error:
        raise CallFailed(f"The platform refused a call token ({response.status_code}): {response.text[:300]}")
    return str(response.json()["token"])
