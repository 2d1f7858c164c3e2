"""Real browsers of the engines beside Chromium's: Firefox, and WebKit as GTK has it."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from playwright.sync_api import Browser, Page
from tests.clients.browser_site import wait_for
from tests.clients.tab import Tab
from tests.clients.webdriver import FirefoxWire, HttpWire, WebDriverTab, Wire
from tests.free_ports import free_port
from tests.required_tools import lacking, require_tool

_START_SECONDS = 60
_END_SECONDS = 10
FIREFOX_SETTINGS: dict[str, object] = {
    "marionette.port": 0,
    # Nothing is asked of the maker's servers.
    "app.normandy.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "nimbus.rollouts.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "data:,",
}
# WebKitGTK that is told to keep no cookies keeps none, but says that it does; driven, it cannot be
# told so.
NO_COOKIES = """() => void Object.defineProperty(navigator, "cookieEnabled", { value: false })"""
# Chromium without a window shows each of its pages, whatever is told about windows and tabs.
HIDE = """() => {
  Object.defineProperty(document, "hidden", { value: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""
MINI_BROWSERS = "/usr/lib/*/webkit*gtk-*/MiniBrowser"


class Engine(Protocol):
    """Shows pages, each to a visitor whom the browser did not see before."""

    def page(self) -> AbstractContextManager[Tab]:
        """A new page."""

    def page_without_cookies(self) -> AbstractContextManager[Tab]:
        """A new page, in a browser that keeps no cookies."""

    def hide(self, page: Tab) -> None:
        """Put one of its pages out of sight, as with another tab before it."""


@dataclass(frozen=True)
class Chromium:
    """Chromium, by Playwright."""

    browser: Browser

    @contextmanager
    def page(self) -> Iterator[Page]:
        context = self.browser.new_context(viewport={"width": 800, "height": 600})
        context.set_default_timeout(30_000)
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        context.close()
        assert errors == []

    @contextmanager
    def page_without_cookies(self) -> Iterator[Page]:
        with self.page() as opened:
            protocol = opened.context.new_cdp_session(opened)
            protocol.send("Emulation.setDocumentCookieDisabled", {"disabled": True})
            yield opened

    def hide(self, page: Tab) -> None:
        page.evaluate(HIDE)


@dataclass(frozen=True)
class Firefox:
    """Firefox, in its own protocol."""

    wire: FirefoxWire

    def page(self) -> AbstractContextManager[Tab]:
        return _page(self.wire, WebDriverTab)

    @contextmanager
    def page_without_cookies(self) -> Iterator[Tab]:
        with self.setting("network.cookie.cookieBehavior", 2), self.page() as opened:
            yield opened

    def hide(self, page: Tab) -> None:
        _hide(page)

    @contextmanager
    def setting(self, name: str, value: bool | int) -> Iterator[None]:
        """Meanwhile one of the browser's settings is another."""
        kind = "Bool" if isinstance(value, bool) else "Int"
        set_it = f"Services.prefs.set{kind}Pref(...arguments)"
        self.wire.in_browser(set_it, name, value)
        try:
            yield
        finally:
            self.wire.in_browser("Services.prefs.clearUserPref(arguments[0])", name)


@dataclass(frozen=True)
class WebKit:
    """WebKit, by WebDriver."""

    wire: HttpWire

    def page(self) -> AbstractContextManager[Tab]:
        return _page(self.wire, WebDriverTab)

    def page_without_cookies(self) -> AbstractContextManager[Tab]:
        return _page(self.wire, _TabWithoutCookies)

    def hide(self, page: Tab) -> None:
        _hide(page)


class _TabWithoutCookies(WebDriverTab):
    def goto(self, url: str) -> None:
        super().goto(url)
        self.evaluate(NO_COOKIES)


def _hide(page: Tab) -> None:
    assert isinstance(page, WebDriverTab)
    page.hide()


@contextmanager
def _page(wire: Wire, kind: type[WebDriverTab]) -> Iterator[Tab]:
    yield kind(wire)
    # Sites have ports of their own, and so a storage; cookies know no ports.
    wire.command("DeleteAllCookies")
    wire.command("Navigate", url="about:blank")


NAMES = ("chromium", "firefox", "webkit")
EVERY = pytest.mark.parametrize("engine", NAMES, indirect=True, scope="module")
"""Marks tests whose `page` is shown by each engine in turn."""
OTHERS = pytest.mark.parametrize("engine", NAMES[1:], indirect=True, scope="module")
"""Marks tests that are for the engines beside Chromium's."""


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A program that runs meanwhile, and says into a file what it says."""
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, env=os.environ | environment, stdout=said, stderr=said
        ) as program,
    ):
        try:
            yield
        finally:
            end(program)


def end(program: subprocess.Popen[bytes]) -> None:
    """End a program, in good order where it goes."""
    program.terminate()
    try:
        program.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()


@contextmanager
def firefox(folder: Path) -> Iterator[FirefoxWire]:
    """Firefox without a window, with a new profile in this folder."""
    program = require_tool("firefox-esr", "firefox")
    settings = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in FIREFOX_SETTINGS.items()
    ]
    (folder / "user.js").write_text("".join(settings))
    # What the tests change while it runs are settings of the browser itself.
    options = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
    port = folder / "MarionetteActivePort"
    command = [program, *options, "--profile", str(folder)]
    with running(command, {"HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}, folder / "log"):
        wait_for(lambda: port.exists() and port.read_text(), _START_SECONDS)
        wire = FirefoxWire(int(port.read_text()))
        try:
            yield wire
        finally:
            wire.close()


@contextmanager
def webkit(folder: Path, *options: str) -> Iterator[HttpWire]:
    """WebKitGTK's small browser on a screen of its own, with nothing kept from before."""
    program = require_tool("WebKitWebDriver")
    browser = next(map(str, sorted(Path("/").glob(MINI_BROWSERS[1:]))), None)
    if browser is None:
        lacking("needs WebKitGTK's MiniBrowser, which is not installed")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    started = {"binary": browser, "args": ["--automation", *options]}
    with (
        display() as screen,
        running(
            [program, f"--port={port}"], {"DISPLAY": screen, "HOME": str(folder)}, folder / "log"
        ),
    ):
        wait_for(lambda: _answers(f"{address}/status"), _START_SECONDS)
        wire = HttpWire(address, {"webkitgtk:browserOptions": started})
        try:
            yield wire
        finally:
            wire.close()


@contextmanager
def display() -> Iterator[str]:
    """A screen that nobody sees."""
    program = require_tool("Xvfb")
    told, tell = os.pipe()
    options = ["-displayfd", str(tell), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with (
        subprocess.Popen([program, *options], pass_fds=[tell], stderr=subprocess.DEVNULL) as server,
        os.fdopen(told) as number,
    ):
        os.close(tell)
        try:
            yield f":{number.readline().strip()}"
        finally:
            end(server)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).is_success
    except httpx.TransportError:
        return False
