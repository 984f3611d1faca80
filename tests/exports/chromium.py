"""A headless Chromium for tests, driven over a pair of pipes: no port is opened and nothing is installed for it."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 90.0


class Page:
    """One tab; `events` are all that the browser told so far."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._rest, self._count = write, read, b"", 0
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """One command of the DevTools protocol and its result."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path: Path) -> None:
        """Loads a file and waits until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.told("Page.loadEventFired"):
            self.events.append(self._next())

    def told(self, method: str) -> list[dict[str, Any]]:
        """The events of that name since the last page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def show(self, width: int, scheme: str = "light", media: str = "") -> None:
        """A window of that width, in light or dark, on a screen or on paper."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", media=media, features=[feature])
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], PATIENCE_S)
            got = os.read(self._read, 1 << 20) if ready else b""
            if not got:
                pytest.fail("Chromium stopped answering")
            self._rest += got
        message, self._rest = self._rest.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found


def _raised(descriptor: int) -> int:
    """The same pipe under a number of two digits, so that it can't be 3 or 4, which are the browser's own."""
    raised = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
    os.close(descriptor)
    return raised


@contextmanager
def chromium(program: str, profile: Path) -> Iterator[Page]:
    """A browser with a fresh profile, closed at the end."""
    hear, write = os.pipe()
    read, tell = os.pipe()
    hear, tell = _raised(hear), _raised(tell)
    options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --remote-debugging-pipe"
    # The browser reads its commands from descriptor 3 and answers on 4.
    command = f'exec "$0" "$@" 3<&{hear} 4>&{tell} {hear}<&- {tell}>&-'
    words = ["bash", "-c", command, program, *options.split(), f"--user-data-dir={profile}", "about:blank"]
    running = subprocess.Popen(words, pass_fds=(hear, tell), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(hear)
    os.close(tell)
    try:
        yield Page(write, read)
    finally:
        os.close(write)
        running.terminate()
        running.wait(30)
        os.close(read)
