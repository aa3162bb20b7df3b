from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    import httpx2
    from websockets.asyncio.client import ClientConnection


def _guarded_client() -> httpx2.AsyncClient:
    from egress import client2

    return client2()


async def _guarded_websocket(url: str, headers: Mapping[str, str]) -> ClientConnection:
    from egress import websocket

    return await websocket(url, headers)


class AgentsConfig(AppConfig):
    name = "agents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give live agents the settings they may not read themselves: a call imports no Django."""
        from agents import live

        live.configure(http_client=_guarded_client, websocket=_guarded_websocket)
