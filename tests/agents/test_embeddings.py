"""Sentence embeddings with their real weights."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from agents.providers.local import embeddings
from agents.speech import ProviderError
from tests.spoken import WEIGHTS

FACTS = [
    "We are open Monday to Friday from 8 to 5.",
    "A cleaning costs 120 dollars.",
    "We are at 12 Main Street.",
    "We accept most insurance plans.",
]


@pytest.fixture(scope="module")
def embedder() -> embeddings.Embedder:
    return embeddings.shared(WEIGHTS / "minilm-l6-v2-int8")


@pytest.mark.models
@pytest.mark.parametrize(
    ("question", "fact"),
    [("When can I come in?", 0), ("How much is it to get my teeth cleaned?", 1), ("Where can I find you?", 2)],
)
async def test_a_question_is_nearest_to_its_fact(embedder: embeddings.Embedder, question: str, fact: int) -> None:
    vectors = await embedder.embed([question, *FACTS])
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert int(np.argmax(vectors[1:] @ vectors[0])) == fact


@pytest.mark.models
async def test_known_texts_cost_nothing_and_order_is_kept(embedder: embeddings.Embedder) -> None:
    forward = await embedder.embed(FACTS)
    began = time.perf_counter()
    backward = await embedder.embed(FACTS[::-1])
    assert time.perf_counter() - began < 0.005
    np.testing.assert_array_equal(forward[::-1], backward)


@pytest.mark.models
async def test_many_at_once_and_none(embedder: embeddings.Embedder) -> None:
    many = [f"Sentence number {number} is about something else." for number in range(40)]
    one, other, none = await asyncio.gather(embedder.embed(many), embedder.embed(many[:3]), embedder.embed([]))
    np.testing.assert_allclose(one[:3], other, atol=0.05)  # int8: the padding of a batch shows in the last digits
    assert none.shape == (0, 384)


async def test_missing_weights_are_said(tmp_path: Path) -> None:
    broken = embeddings.Embedder(tmp_path)
    with pytest.raises(ProviderError, match="could not be loaded"):
        await broken.embed(["x"])
    assert broken.status.startswith("failed")
    broken.close()
