"""Pages of browsers that are driven by WebDriver (W3C): over HTTP, or as Firefox takes it itself.

Playwright drives Chromium alone here: of Firefox and WebKit it knows its own builds, and of
Debian's Firefox it asks by WebDriver BiDi for a command that an ESR release does not have.
"""

import json
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import httpx
from playwright.sync_api import Position
from tests.clients.tab import Button, Json

WIDTH, HEIGHT = 800, 600
DEADLINE_SECONDS = 60.0
_BUTTONS: dict[Button, int] = {"left": 0, "middle": 1, "right": 2}
# As the page's own script where its policy lets it: Firefox runs the driver's scripts in a realm of
# their own, with classes and modules of their own.
_EVALUATE = """const [arg, done] = arguments;
const value = (arg) => {
  const found = (%s);
  return typeof found === "function" ? found(arg) : found;
};
const own = () => {
  try {
    return window.eval(`(${value})`);
  } catch {
    return value;
  }
};
(async () => own()(arg))().then(
  (value) => done({ value }),
  (error) => done({ error: String(error) }),
);"""
# Where in the viewport a point of an element is, once it is in view.
_POINT = """([selector, at]) => {
  const element = document.querySelector(selector);
  const where = () => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { x: left + (at ? at.x : width / 2), y: top + (at ? at.y : height / 2) };
  };
  const { x, y } = where();
  if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) {
    element.scrollIntoView({ block: "center" });
  }
  return where();
}"""
# What a visitor's mouse does in WebKit (seen with xdotool); its driver makes `click` of the left
# button of any.
_PRESS = """([{ x, y }, button]) => {
  const options = { bubbles: true, cancelable: true, clientX: x, clientY: y, button };
  for (const type of ["mousedown", "mouseup", "auxclick"]) {
    document.elementFromPoint(x, y).dispatchEvent(new MouseEvent(type, options));
  }
}"""
_OVER_HTTP = {
    "AddCookie": ("POST", "/cookie"),
    "Back": ("POST", "/back"),
    "DeleteAllCookies": ("DELETE", "/cookie"),
    "ExecuteAsyncScript": ("POST", "/execute/async"),
    "GetCookies": ("GET", "/cookie"),
    "GetCurrentURL": ("GET", "/url"),
    "MinimizeWindow": ("POST", "/window/minimize"),
    "Navigate": ("POST", "/url"),
    "PerformActions": ("POST", "/actions"),
    "Refresh": ("POST", "/refresh"),
    "SetWindowRect": ("POST", "/window/rect"),
}


class WebDriverError(Exception):
    """The browser could not do what it was told."""


class Wire(Protocol):
    """A session of a browser."""

    def command(self, name: str, **arguments: object) -> Json:
        """Do one of WebDriver's commands, and give its value.

        Raises:
            WebDriverError: the browser could not.
        """


class HttpWire:
    """A session of a driver program, over HTTP."""

    def __init__(self, address: str, capabilities: Mapping[str, object]) -> None:
        self._http = httpx.Client(base_url=address, timeout=60, trust_env=False)
        asked = {"capabilities": {"alwaysMatch": capabilities}}
        made = self._ask("POST", "/session", asked)
        self._session = f"/session/{made['sessionId']}"
        self.version: str = made["capabilities"]["browserVersion"]

    def command(self, name: str, **arguments: object) -> Json:
        method, path = _OVER_HTTP[name]
        body = arguments if method == "POST" else None
        return self._ask(method, self._session + path, body)

    def close(self) -> None:
        """End the session, and its browser."""
        self._ask("DELETE", self._session)
        self._http.close()

    def _ask(self, method: str, path: str, body: object = None) -> Json:
        value = self._http.request(method, path, json=body).json()["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(f"{value['error']}: {value.get('message')}")
        return value


class FirefoxWire:
    """A session of Firefox, in its own protocol, of which geckodriver makes WebDriver over HTTP.

    That program is not in Debian. A message is its length, a colon and JSON: `[0, id, command,
    arguments]`, answered by `[1, id, error, value]`.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._answers = self._socket.makefile("rb")
        self._count = 0
        self._read()  # how it greets
        made = self._ask("WebDriver:NewSession", {})
        self.version: str = made["capabilities"]["browserVersion"]

    def command(self, name: str, **arguments: object) -> Json:
        return self._ask(f"WebDriver:{name}", arguments)

    def in_browser(self, script: str, *arguments: object) -> Json:
        """Run a script as the browser's own."""
        self._ask("Marionette:SetContext", {"value": "chrome"})
        try:
            return self.command("ExecuteScript", script=script, args=arguments)
        finally:
            self._ask("Marionette:SetContext", {"value": "content"})

    def close(self) -> None:
        """End the browser."""
        self._ask("Marionette:Quit", {"flags": ["eForceQuit"]})
        self._answers.close()
        self._socket.close()

    def _ask(self, name: str, arguments: Mapping[str, object]) -> Json:
        self._count += 1
        message = json.dumps([0, self._count, name, arguments])
        self._socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, value = self._read()
        if error:
            raise WebDriverError(f"{error['error']}: {error['message']}")
        return value["value"] if isinstance(value, dict) and set(value) == {"value"} else value

    def _read(self) -> Json:
        length = b""
        while (digit := self._answers.read(1)) != b":":
            if not digit:
                raise WebDriverError("Firefox has gone")
            length += digit
        return json.loads(self._answers.read(int(length)))


class WebDriverTab:
    """The one page of a session, as `tests.clients.tab.Tab` describes it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._has_buttons = isinstance(wire, FirefoxWire)
        self._until(self._fits, "the window is there and as large as it should be")

    def hide(self) -> None:
        """Put the window away: the page is there, and nobody sees it."""
        self._wire.command("MinimizeWindow")
        self._until(lambda: self.evaluate("document.hidden"), "hidden")

    @property
    def context(self) -> "WebDriverTab":
        return self

    def cookies(self) -> Sequence[Mapping[str, Json]]:
        found = self._wire.command("GetCookies")
        return [{"expires": cookie.get("expiry", -1), **cookie} for cookie in found]

    def goto(self, url: str) -> None:
        self._wire.command("Navigate", url=url)

    def reload(self) -> None:
        self._wire.command("Refresh")

    def go_back(self) -> None:
        self._wire.command("Back")

    def wait_for_url(self, url: str) -> None:
        end = url.removeprefix("**")
        self._until(lambda: self._wire.command("GetCurrentURL").endswith(end), url)

    def evaluate(self, expression: str, arg: Json = None) -> Json:
        answer = self._wire.command("ExecuteAsyncScript", script=_EVALUATE % expression, args=[arg])
        if "error" in answer:
            raise WebDriverError(answer["error"])
        return answer.get("value")

    def wait_for_function(self, expression: str) -> None:
        self._until(lambda: self.evaluate(expression), expression)

    def click(
        self, selector: str, *, button: Button = "left", position: Position | None = None
    ) -> None:
        point = self.evaluate(_POINT, [selector, position])
        if button != "left" and not self._has_buttons:
            self.evaluate(_PRESS, [point, _BUTTONS[button]])
            return
        code = _BUTTONS[button]
        self._act(
            "pointer",
            {"type": "pointerMove", "duration": 0, "x": int(point["x"]), "y": int(point["y"])},
            {"type": "pointerDown", "button": code},
            {"type": "pointerUp", "button": code},
        )

    def fill(self, selector: str, value: str) -> None:
        self.click(selector)
        self.evaluate("(selector) => document.querySelector(selector).select()", selector)
        self._act("key", *({"type": kind, "value": key} for key in value for kind in _PRESSED))

    def _act(self, kind: str, *actions: Mapping[str, object]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._wire.command("PerformActions", actions=[source])

    def _fits(self) -> bool:
        hidden, width, height = self.evaluate("[document.hidden, innerWidth, innerHeight]")
        if not hidden and (width, height) == (WIDTH, HEIGHT):
            return True
        # Brings back a window that was put away, too.
        outer_width, outer_height = self.evaluate("[outerWidth, outerHeight]")
        wanted = {"width": outer_width + WIDTH - width, "height": outer_height + HEIGHT - height}
        self._wire.command("SetWindowRect", **wanted)
        return False

    @staticmethod
    def _until(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it did not come in time: {what}"
            time.sleep(0.01)


_PRESSED = ("keyDown", "keyUp")
