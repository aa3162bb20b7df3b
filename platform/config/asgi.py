"""What daphne serves: pages and the API over HTTP, live feeds over WebSockets, the latter to our own pages only.

No ASGI server lets go of WebSockets gently, so we do: SIGUSR1 drains this process. ``/readyz`` then answers 503, open feeds
are closed with a close frame (their pages connect to another process at once), and requests go on until SIGTERM comes.
"""

from __future__ import annotations

import os
import signal
import threading

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()  # loads the apps: what follows needs them

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from monitoring import health  # noqa: E402
from telephony.routing import websocket_urlpatterns  # noqa: E402

if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGUSR1, lambda _number, _frame: health.drain())

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
