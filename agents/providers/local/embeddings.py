"""What sentences mean, as numbers: all-MiniLM-L6-v2 on this machine's processor, in a thread of its own.

English; 384 numbers a sentence, of length 1, so that a dot product is how alike two sentences are.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.providers.local.model_thread import ModelThread
from agents.speech import ProviderError

SIZE = 384
MAX_TOKENS = 128
"""A spoken sentence is far shorter; a fact from a prompt is cut here."""
BATCH = 16
CACHED = 4_096
"""Sentences kept (6 MB): the facts and phrases of the agents of this process."""
CALL, STATIC = 0.0, 1.0
"""Urgencies: a caller waits, or an agent is being prepared."""

Vectors = npt.NDArray[np.float32]


class Embedder:
    """One loaded model, shared by all calls of the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ModelThread("embeddings")
        self._session: Any = None
        self._tokenizer: Any = None
        self._loading = threading.Lock()
        self._cache: OrderedDict[str, Vectors] = OrderedDict()
        self._caching = threading.Lock()
        self.status = "not loaded"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, 384) float32, one row a text, each of length 1. Known texts cost nothing."""
        if not texts:
            return np.zeros((0, SIZE), dtype=np.float32)
        if (known := self._known(texts)) is not None:
            return known
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Vectors] = loop.create_future()

        def settle(vectors: Vectors | None, error: Exception | None) -> None:
            if not done.done():
                if vectors is not None:
                    done.set_result(vectors)
                else:
                    done.set_exception(error or ProviderError("The meaning of a sentence could not be found."))

        def run() -> None:
            try:
                vectors = self.embed_now(texts)
            except Exception as error:
                if not isinstance(error, ProviderError):
                    error = ProviderError(f"The meaning of a sentence could not be found: {error}")
                loop.call_soon_threadsafe(settle, None, error)
            else:
                loop.call_soon_threadsafe(settle, vectors, None)

        self._thread.submit(run, urgency=CALL if len(texts) <= BATCH else STATIC)
        return await done

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """The same, at once and in the caller's thread: for tests and commands, never on an event loop."""
        self.load()
        rows: dict[str, Vectors] = {}
        with self._caching:
            for text in texts:
                if text in self._cache:
                    self._cache.move_to_end(text)
                    rows[text] = self._cache[text]
        unknown = sorted({text for text in texts if text not in rows}, key=len)  # equals together: less padding
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]
            rows.update(zip(batch, self._run(batch), strict=True))
        self._remember({text: rows[text] for text in unknown})
        return np.stack([rows[text] for text in texts]) if texts else np.zeros((0, SIZE), dtype=np.float32)

    def load(self) -> None:
        """Load the weights if they aren't. Takes 0.15 s; one thread, because a sentence is too little for two."""
        with self._loading:
            if self._session is not None:
                return
            self.status = "loading"
            try:
                import onnxruntime
                import tokenizers

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = 1
                options.inter_op_num_threads = 1
                session = onnxruntime.InferenceSession(
                    str(self._folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
                )
                self._tokenizer = tokenizers.Tokenizer.from_file(str(self._folder / "tokenizer.json"))
                self._tokenizer.enable_truncation(MAX_TOKENS)
                self._tokenizer.enable_padding()
            except Exception as error:
                self.status = f"failed: {error}"
                raise ProviderError(f"The embeddings could not be loaded: {error}", permanent=True) from error
            self._session = session
            self.status = "loaded"

    def close(self) -> None:
        self._thread.close()

    def _known(self, texts: Sequence[str]) -> Vectors | None:
        with self._caching:
            rows = [self._cache.get(text) for text in texts]
        found = [row for row in rows if row is not None]
        return np.stack(found) if len(found) == len(texts) else None

    def _remember(self, rows: dict[str, Vectors]) -> None:
        with self._caching:
            self._cache.update(rows)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)

    def _run(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        wanted = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        names = {one.name for one in self._session.get_inputs()}
        hidden = self._session.run(None, {name: value for name, value in wanted.items() if name in names})[0]
        if hidden.ndim == 3:
            weights = mask[:, :, None].astype(np.float32)
            hidden = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
        lengths = np.linalg.norm(hidden, axis=1, keepdims=True)
        return np.asarray(hidden / np.maximum(lengths, 1e-12), dtype=np.float32)


_shared: dict[Path, Embedder] = {}
_sharing = threading.Lock()


def shared(folder: Path) -> Embedder:
    """The one ``Embedder`` of this process for these weights."""
    with _sharing:
        if folder not in _shared:
            _shared[folder] = Embedder(folder)
        return _shared[folder]


def statuses() -> dict[str, str]:
    """Of this process, for the health page."""
    return {f"embeddings {path.name}": one.status for path, one in _shared.items()}


def close_shared() -> None:
    """Stop the threads; the next use starts anew."""
    with _sharing:
        for one in _shared.values():
            one.close()
        _shared.clear()
