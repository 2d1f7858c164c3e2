"""What the browser tests ask of a page, whichever engine shows it: of Playwright's page, a part."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from playwright.sync_api import Position

Json: TypeAlias = Any
Button: TypeAlias = Literal["left", "middle", "right"]


class Cookies(Protocol):
    """The browser's cookies."""

    def cookies(self) -> Sequence[Mapping[str, Json]]:
        """Those that the page's address is sent; `expires` is -1 for those of a session."""


class Tab(Protocol):
    """A page of a real browser, 800 pixels wide and 600 high."""

    @property
    def context(self) -> Cookies:
        """What the page shares with others of its browser."""

    def goto(self, url: str) -> object:
        """Leave the page for another one, and wait until that is loaded."""

    def reload(self) -> object:
        """Load the same page once more."""

    def go_back(self) -> object:
        """As the visitor goes back to the page before."""

    def wait_for_url(self, url: str) -> None:
        """Wait for a page whose address ends so; `url` begins with `**`."""

    def evaluate(self, expression: str, arg: Json = None) -> Json:
        """The value of an expression in the page, or what it answers if it is a function."""

    def wait_for_function(self, expression: str) -> object:
        """Wait until an expression is true."""

    def click(
        self, selector: str, *, button: Button = "left", position: Position | None = None
    ) -> None:
        """Click on an element, by the mouse: in its middle, or so far from its corner."""

    def fill(self, selector: str, value: str) -> None:
        """Write into a field, over what it holds."""
