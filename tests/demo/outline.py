"""What is on a page, as somebody hears it who has it read out."""

import re
from html.parser import HTMLParser

_EMPTY = {"meta", "wbr"}
_HEADING = re.compile(r"h([1-6])")
# In between of these, words are in one breath.
_INLINE = {"a", "code", "span", "strong", "wbr"}


class Outline(HTMLParser):
    """A page that was read.

    Attributes:
        tags: Each start tag with its attributes.
        open: The elements that no end tag has closed yet.
        headings: The level and the text of each heading.
        names: The text of each name that is set as code.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.names: list[str] = []
        self._said: list[str] = []
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        """All of its text."""
        return " ".join("".join(self._said).split())

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [str(found[name]) for _, found in self.tags if name in found]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self._said.append("" if tag in _INLINE else " ")
        if tag not in _EMPTY:
            self.open.append(tag)
        if found := _HEADING.fullmatch(tag):
            self.headings.append((int(found[1]), ""))
        if tag == "code":
            self.names.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self._said.append(data)
        if any(map(_HEADING.fullmatch, self.open)):
            level, text = self.headings.pop()
            self.headings.append((level, text + data))
        if "code" in self.open:
            self.names[-1] += data
