"""Reading pages in tests: elements, and the promises that every page keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Element:
    """One start tag with its attributes and the text inside it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page's elements in order."""

    source: str
    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index].tag == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def values(self) -> dict[str, list[str]]:
        """What a browser would send if the form were posted as it stands."""
        found: dict[str, list[str]] = {}
        select = ""
        for element in self.elements:
            name = element.attributes.get("name", "")
            kind = element.attributes.get("type", "text")
            if element.tag == "select":
                select = name
            elif element.tag == "option" and "selected" in element.attributes and select:
                found.setdefault(select, []).append(element.attributes["value"])
            elif element.tag == "textarea":
                found.setdefault(name, []).append(element.text.removeprefix("\n"))
            elif element.tag == "input" and name:
                if kind in {"radio", "checkbox"} and "checked" not in element.attributes:
                    continue
                unsaid = "on" if kind == "checkbox" else ""
                found.setdefault(name, []).append(element.attributes.get("value", unsaid))
        return found

    def faults(self) -> list[str]:
        """Promises of every page that this one breaks."""
        found: list[str] = []
        ids = [e.attributes["id"] for e in self.elements if "id" in e.attributes]
        found += [f"id {i} twice" for i in set(ids) if ids.count(i) > 1]
        labels = {e.attributes.get("for") for e in self.all("label")}
        for element in self.elements:
            attributes = element.attributes
            found += _forbidden(element)
            for reference in attributes.get("aria-describedby", "").split():
                if reference not in ids:
                    found.append(f"{element.tag} is described by {reference}, which is not there")
            found += self._unlabeled(element, labels)
        if len(self.all("h1")) != 1:
            found.append("not exactly one h1")
        if not any(e.attributes.get("class") == "skip" for e in self.all("a")):
            found.append("no skip link")
        found += [f"{word} is shown" for word in ("NaN", "None", "nan%") if self._shows(word)]
        return found

    def _unlabeled(self, element: Element, labels: set[str | None]) -> list[str]:
        attributes = element.attributes
        if element.tag not in {"input", "select", "textarea"}:
            return []
        if attributes.get("type") == "hidden" or "aria-label" in attributes:
            return []
        if attributes.get("id") in labels or attributes.get("name") in self._wrapped():
            return []
        return [f"no label for {attributes.get('name')}"]

    def _wrapped(self) -> set[str]:
        """Names of the filters, which stand inside their labels."""
        return {"q", "kind", "status", "team", "site", "sort", "since", "until", "layer"}

    def _shows(self, word: str) -> bool:
        body = next((e.text for e in self.all("body")), "")
        return word in body.split()


def _forbidden(element: Element) -> list[str]:
    """What the content policy would refuse."""
    attributes = element.attributes
    found = [f"{name} on {element.tag}" for name in attributes if name.startswith("on")]
    if "style" in attributes or element.tag == "style":
        found.append(f"inline style on {element.tag}")
    if element.tag == "script" and (element.text.strip() or not attributes.get("src")):
        found.append("inline script")
    for name in ("src", "href"):
        value = attributes.get(name, "")
        if element.tag in {"script", "link", "img"} and "//" in value:
            found.append(f"{value} comes from elsewhere")
        if value.startswith("javascript:"):
            found.append("javascript: address")
    return found
