"""Going on where another mind was: what it found out becomes the script's, and the question it put last is the open one."""

from __future__ import annotations

from collections.abc import Sequence

from agents.mind import Collected
from agents.scripted.fields import label
from agents.scripted.state import Held, Phase, State
from agents.scripted.stems import stems
from agents.spec import CollectField, Does


def taken_over(does: Does, state: State, known: Sequence[Collected], last_words: str) -> State:
    """``last_words``: what the agent said last, whoever thought of it."""
    now = state.copy()
    fields = {one.key: one for one in does.collect}
    for each in known:
        if each.key not in fields:
            continue
        if each.value is None:
            now.held.pop(each.key, None)
        else:
            spoken = each.spoken or str(each.value)
            now.held[each.key] = Held(each.value, spoken, is_confirmed=each.is_confirmed)
    now.has_greeted = True
    if now.is_done or now.is_cancelled:
        return now
    missing = [key for key in fields if key not in now.skipped and not (key in now.held and now.held[key].is_complete)]
    asked = _asked_for([fields[key] for key in missing], last_words)
    if asked is None and now.held and missing and last_words.rstrip().endswith("?"):
        asked = missing[0]
    now.is_collecting = now.is_collecting or asked is not None or bool(now.held)
    now.phase, now.asked, now.tries, now.refusals = Phase.IDLE, None, 0, 0
    if asked is not None:
        now.phase, now.asked = Phase.ASKING, asked
    elif now.held and not missing:
        needs_yes = any(
            one.read_back and not now.held[one.key].is_confirmed for one in does.collect if one.key in now.held
        )
        now.phase = Phase.CHECKING if needs_yes else Phase.CLOSING
        now.is_collecting, now.is_done = needs_yes, not needs_yes
    return now


def _asked_for(fields: Sequence[CollectField], last_words: str) -> str | None:
    """The field whose question, or name, the last question is most like."""
    if not last_words.rstrip().endswith("?"):
        return None
    said = set(stems(last_words))
    likeness = [(len(said & set(stems(f"{one.question} {label(one.key)}"))), one.key) for one in fields]
    best = max((count for count, _ in likeness), default=0)
    return next(key for count, key in likeness if count == best) if best else None
