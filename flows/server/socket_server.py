"""Prefect's server and page on the socket held by `turbodmt up`, so that no other process gets the port in between.

The home's reports are served beside them.
"""

import socket
import sys
from pathlib import Path


def run(descriptor: int, home: Path) -> None:
    """Serve on the socket until the process is asked to end.

    Prefect's own `server start` would bind the port itself, and another process could take it first.
    """
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    from flows.server import password as server_password
    from flows.server.report_route import beside

    api = get_current_settings().server.api
    config = uvicorn.Config(
        beside(create_app(final=True), home, server_password.given()),
        timeout_keep_alive=api.keepalive_timeout,
        ws_ping_interval=api.websocket_ping_interval,
        ws_ping_timeout=api.websocket_ping_timeout,
        log_level=get_current_settings().server.logging_level.lower(),
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]))
