"""Pictures of every page for the docs: `python -m tools.take_screenshots docs/images`.

Fills a registry of its own in a folder that is thrown away, serves it, and looks at each page in
Chromium at 1280 and 390 px. Needs Chromium; nothing of it is part of Allotment's packages.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from allotment.registry import bootstrap
from allotment.settings import Settings, from_environ

WIDTHS = (1280, 390)
_MOST_COLORS = 48
_COMMON_COLORS = 20
_TALLEST = {1280: 1300, 390: 1700}
_PIXELS = """async text => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + text;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  const bytes = pen.getImageData(0, 0, image.width, image.height).data;
  let found = '';
  for (let at = 0; at < bytes.length; at += 32768) {
    found += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return [image.width, image.height, btoa(found)];
}"""

Colors = NDArray[np.int64]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as inherited
        """Nothing: the pictures tell whether a page came."""


def main() -> int:
    """Take the pictures; those of pages that are no more are removed by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", default="", help="pages whose name begins so")
    parser.add_argument("--width", type=int, choices=WIDTHS, help="one of the widths alone")
    asked = parser.parse_args()
    widths = (asked.width,) if asked.width else WIDTHS
    data = Path(tempfile.mkdtemp(prefix="allotment-pictures-"))
    try:
        settings = from_environ({"ALLOTMENT_DATA": str(data)})
        bootstrap.configure(settings)
        _take(asked.folder, settings, asked.only, widths)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return 0


def _take(folder: Path, settings: Settings, only: str, widths: tuple[int, ...]) -> None:
    from tests.conftest import BROWSER_ARGUMENTS  # noqa: PLC0415 - after Django is set up
    from tests.registry import every_page, lived_in  # noqa: PLC0415 - as before

    from allotment.registry import preparing  # noqa: PLC0415 - as before

    preparing.migrate(settings)
    lab = lived_in.furnish(settings.data)
    name, value = _session()  # before the browser's driver, whose loop Django takes for its own
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("Chromium is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with _served() as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        canvas = browser.new_page()
        for width in widths:
            pages = {own: _context(browser, width).new_page() for own in (False, True)}
            pages[True].context.add_cookies([{"name": name, "value": value, "url": address}])
            for shown in every_page.of(lab):
                if not (shown.pictured and str(shown).startswith(only)):
                    continue
                page = pages[not shown.anonymous]
                page.goto(address + shown.address)
                if shown.press:
                    page.get_by_role("button", name=shown.press, exact=True).click()
                    page.wait_for_load_state()
                size = _picture(page, canvas, folder / f"{shown}-{width}.png", width)
                print(f"{shown}-{width}.png {size / 1000:.0f} kB")
        browser.close()


@contextmanager
def _served() -> Iterator[str]:
    from allotment.registry.wsgi import application  # noqa: PLC0415 - needs Django set up

    server = make_server("127.0.0.1", 0, application, _Server, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _session() -> tuple[str, str]:
    """The cookie of somebody who is logged in."""
    from django.conf import settings  # noqa: PLC0415 - needs Django set up
    from django.test import Client  # noqa: PLC0415 - as before

    from allotment.registry.models import Account  # noqa: PLC0415 - as before

    client = Client()
    client.force_login(Account.objects.get(username="ada"))
    name = settings.SESSION_COOKIE_NAME
    return name, client.cookies[name].value


def _context(browser: Browser, width: int) -> BrowserContext:
    """A browser in daylight."""
    return browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="light",
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )


def _picture(page: Page, canvas: Page, path: Path, width: int) -> int:
    """Store what the page shows from its top, few colors and small; how many bytes it takes."""
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, _TALLEST[width])}
    taken = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
    wide, high, text = canvas.evaluate(_PIXELS, base64.b64encode(taken).decode())
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(high, wide, 4)[:, :, :3]
    path.write_bytes(png(pixels))
    return path.stat().st_size


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels (rows, columns, red green blue) as a PNG with a palette.

    Colors beyond the palette become the nearest in it; they are the edges of letters. It holds the
    most frequent ones, then those that are farthest from it: a small sign keeps its color.
    """
    high, wide, _ = pixels.shape
    packed = (pixels.astype(np.int64) * np.array([65536, 256, 1])).sum(axis=2).reshape(-1)
    colors, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = _palette(colors, counts)
    indexes = _nearest(_split(colors), _split(kept))[where].astype(np.uint8).reshape(high, wide)
    rows = np.hstack([np.zeros((high, 1), np.uint8), indexes])
    palette = _split(kept).astype(np.uint8).tobytes()
    head = struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, content)
        for name, content in (
            (b"IHDR", head),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _palette(colors: Colors, counts: Colors) -> Colors:
    order = np.argsort(-counts, kind="stable")
    chosen = list(order[:_COMMON_COLORS])
    parts = _split(colors)
    far = ((parts[:, None, :] - parts[chosen][None, :, :]) ** 2).sum(axis=2).min(axis=1)
    while len(chosen) < min(_MOST_COLORS, len(colors)):
        chosen.append(int((far * np.sqrt(counts)).argmax()))
        far = np.minimum(far, ((parts - parts[chosen[-1]]) ** 2).sum(axis=1))
    return colors[chosen]


def _split(packed: Colors) -> Colors:
    return np.stack([packed >> 16, (packed >> 8) & 255, packed & 255], axis=1)


def _nearest(colors: Colors, palette: Colors) -> Colors:
    found = np.empty(len(colors), np.int64)
    for start in range(0, len(colors), 4096):
        part = colors[start : start + 4096]
        distance = ((part[:, None, :] - palette[None, :, :]) ** 2).sum(axis=2)
        found[start : start + 4096] = distance.argmin(axis=1)
    return found


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


if __name__ == "__main__":
    raise SystemExit(main())
