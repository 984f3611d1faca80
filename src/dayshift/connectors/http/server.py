"""A server in a thread of its own, with an event loop of its own."""

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any

from dayshift.connectors.http.app import EventsApp
from dayshift.diagnostics import NotReady

_CLOSE_SECONDS = 1.0


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        NotReady: DS340, the port is taken, or the host is none of this machine.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        one = socket.socket(family, kind, number)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(address)
            one.listen(1024)
        except BaseException:
            one.close()
            raise
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = f"port {port} is taken" if taken else (error.strerror or str(error))
        raise NotReady(
            "DS340",
            f"cannot listen on {host or '*'}:{port}: {why}",
            facts=("another process listens there; it may be another live run",) if taken else (),
            hint='[live]\nlisten = "127.0.0.1:8081"    # another port; 0 takes any that is free',
        ) from None
    one.setblocking(False)
    return one


class Server:
    """Serves an application until it is closed.

    Raises:
        NotReady: DS310, the extra `http` is not installed; DS340, the address cannot be listened on.
    """

    def __init__(self, app: EventsApp, host: str, port: int, protocol: type[asyncio.Protocol]) -> None:
        import uvicorn

        self._socket = bound(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._factory = config.get_loop_factory()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Serves from now on."""
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed

    def call(self, action: Callable[..., Any], *given: Any) -> None:
        """Does something in the loop's thread; nothing when it has ended."""
        loop = self.loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(action, *given)
            except RuntimeError:  # it was closed this moment
                return

    def close(self) -> None:
        """Closes idle connections, lets answers go out, and ends."""
        self._server.should_exit = True
        self._thread.join(3 * _CLOSE_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._factory) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it is raised to whoever started it
            self._failed = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.call_soon(self._ready.set)
        await self._server.serve(sockets=[self._socket])


__all__ = ["Server", "bound"]
