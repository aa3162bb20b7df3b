"""One simulated call, from its seed to everything that could be seen of it from the outside."""

from __future__ import annotations

import asyncio
import io
import logging
import traceback
from dataclasses import dataclass, field
from typing import TypeVar

from agents.conversation import Said
from agents.spec import AgentSpec
from telephony.session.events import Event, Levels
from telephony.session.session import Session
from tests.fakes import Agent
from tests.simulator.loop import NothingLeftToDo, VirtualLoop
from tests.simulator.scenario import Scenario
from tests.simulator.world import Ears, Hearing, Judge, Line, Thinker, Voice, world

T = TypeVar("T")


@dataclass(slots=True)
class Record:
    """What happened. ``broken``: how the call itself went wrong, if it did."""

    scenario: Scenario
    line: Line
    hearing: Hearing
    ears: Ears
    voice: Voice
    mind: Thinker
    judge: Judge | None
    events: list[Event] = field(default_factory=list)
    history: tuple[Said, ...] = ()
    reason: str = ""
    broken: list[str] = field(default_factory=list)
    logged: str = ""

    def receive(self, event: Event) -> None:
        if type(event) is not Levels:
            self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


def simulate(scenario: Scenario) -> Record:
    """Run it, on a loop of its own."""
    loop = VirtualLoop()
    record = Record(scenario, *world(scenario, loop))
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.getLogger("telephony.session")
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        loop.run_until_complete(_call(record, loop))
        record.broken += [f"a task was left behind: {task.get_coro()}" for task in asyncio.all_tasks(loop)]
    except NothingLeftToDo:
        for task in asyncio.all_tasks(loop):
            at = ", ".join(f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in task.get_stack())
            record.broken.append(f"awaited for ever: {task.get_coro()} at {at}")
    except Exception:
        record.broken.append(traceback.format_exc())
    finally:
        _sweep(loop)
        logger.removeHandler(handler)
        logger.propagate = before
    record.logged = log.getvalue()
    return record


async def _call(record: Record, loop: VirtualLoop) -> None:
    agent = Agent(
        AgentSpec.model_validate(record.scenario.spec),
        record.ears,  # type: ignore[arg-type]
        record.voice,  # type: ignore[arg-type]
        record.mind,  # type: ignore[arg-type]
        end_of_turn=record.judge,
    )
    session = Session(transport=record.line, agent=agent, vad=record.hearing, listener=record)  # type: ignore[arg-type]
    if record.scenario.outside is not None:
        at_ms, how = record.scenario.outside
        loop.call_at(at_ms / 1000, getattr(session, how), "member_hung_up")
    record.reason = await session.run()
    record.history = tuple(session.conversation.turns)
    await loop.settle()


def _sweep(loop: VirtualLoop) -> None:
    for task in (left := asyncio.all_tasks(loop)):
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
