"""Parses the text inside a Markdown block (GFM): emphasis, code, links, images, HTML tags, autolinks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.functions.markdown.links import find_bracket_pairs, parse_link_target
from isthmus.expressions.functions.markdown.tokens import Token, merge_texts
from isthmus.expressions.javascript import enter_level
from isthmus.expressions.meter import charge_current

__all__ = ["References", "parse_inline"]

References = Mapping[str, tuple[str, str]]
"""Label (normalised) -> address and title."""

_SPECIAL_TEXT: Final = re.compile(r" {2,}\n|[\\`*_~!\[<]|(?:https?|ftp)://|www\.", re.I)
_ESCAPABLE: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_TAG: Final = re.compile(
    r"<!--(?:-?>|[\s\S]*?(?:-->|$))|</[a-zA-Z][\w:-]*\s*>|"
    r"<[a-zA-Z][\w-]*(?:\s+[a-zA-Z:_][\w.:-]*(?:\s*=\s*\"[^\"]*\"|\s*=\s*'[^']*'|\s*=\s*[^\s\"'=<>`]+)?)*\s*/?>"
)
_HTML_SECTIONS: Final = (("<?", "?>"), ("<![CDATA[", "]]>"), ("<!", ">"))
_AUTOLINK: Final = re.compile(r"<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s\x00-\x1f<>]*)>")
_EMAIL: Final = r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*[A-Za-z0-9])+(?![-_])"
_EMAIL_AUTOLINK: Final = re.compile(rf"<({_EMAIL})>")
_BARE_EMAIL: Final = re.compile(rf"(?<![A-Za-z0-9._+-]){_EMAIL}")
_BARE_URL: Final = re.compile(r"(?:(?:https?|ftp)://|www\.)(?:[a-zA-Z0-9-]+\.?)+[^\s<]*", re.I)
_TRAILING_ENTITY: Final = re.compile(r"&[a-zA-Z0-9]{1,32};$")
_BACKTICKS: Final = re.compile(r"`+")


@dataclass(slots=True)
class _Delimiter:
    """A run of `*` or `_` of `length` characters, of which `count` are not matched yet."""

    mark: str
    count: int
    length: int
    opens: bool
    closes: bool

    def to_token(self) -> Token:
        """Return the characters that are left of the run, as plain text."""
        return Token("text", self.mark * self.count, self.mark * self.count)


_Node = Token | _Delimiter


def parse_inline(
    source: str, references: References, level: int = 0, *, in_link: bool = False
) -> list[Token]:
    """Return the tokens of one block's text; their sources joined are that text.

    `references`: the link definitions of the document. `level`: how deep marks are nested. `in_link`: links
    inside are plain text.
    """
    return _InlineReader(source, references, enter_level(level, "Markdown", 20), in_link).read()


class _InlineReader:
    """Reads one text from left to right; `position` is the place reached."""

    def __init__(self, source: str, references: References, level: int, in_link: bool) -> None:
        self.source = source
        self.references = references
        self.level = level
        self.in_link = in_link
        self.position = 0
        self.nodes: list[_Node] = []
        self.pairs = find_bracket_pairs(source) if "[" in source else {}
        self.unclosed: set[str] = set()
        """Markers that have no end further on, so that none is sought twice."""

    def read(self) -> list[Token]:
        """Return the tokens of the whole text."""
        source = self.source
        plain = 0
        while match := _SPECIAL_TEXT.search(source, self.position):
            charge_current(20)
            start = self.position = match.start()
            node = self.read_special(match.group())
            if node is None:
                self.position = start + 1
                continue
            if plain < start:
                self.add_text(source[plain:start])
            self.nodes.append(node)
            plain = self.position
        if plain < len(source):
            self.add_text(source[plain:])
        return merge_texts(_match_emphasis(self.nodes))

    def read_special(self, lead: str) -> _Node | None:
        """Read the token at this place and move past it; None where the character stands for itself."""
        match lead[0]:
            case "\\":
                return self.read_backslash()
            case " ":
                return self.take_line_break(lead)
            case "`":
                return self.read_codespan()
            case "*" | "_":
                return self.read_delimiter(lead)
            case "~":
                return self.read_strikethrough()
            case "!" | "[":
                return self.read_link(is_image=lead == "!")
            case "<":
                return self.read_angle_bracket()
        return None if self.in_link else self.read_bare_url()

    def take_line_break(self, raw: str) -> Token:
        """Return a hard line break of the source text `raw`, moving past it."""
        self.position += len(raw)
        return Token("br", raw)

    def add_text(self, text: str) -> None:
        """Add plain text, with the e-mail addresses in it as links."""
        position = 0
        if "@" in text and not self.in_link:
            for match in _BARE_EMAIL.finditer(text):
                if match.start() > position:
                    plain = text[position : match.start()]
                    self.nodes.append(Token("text", plain, plain))
                self.nodes.append(_make_link(match.group(), f"mailto:{match.group()}", match.group()))
                position = match.end()
        if position < len(text):
            self.nodes.append(Token("text", text[position:], text[position:]))

    def read_backslash(self) -> Token | None:
        """Return an escaped character, or a hard line break; None for a backslash that stands for itself."""
        following = self.source[self.position + 1 : self.position + 2]
        if following == "\n":
            return self.take_line_break("\\\n")
        if following not in _ESCAPABLE or not following:
            return None
        self.position += 2
        return Token("escape", "\\" + following, following)

    def read_codespan(self) -> Token:
        """Return a code span; the backticks as text where nothing closes them."""
        run = _BACKTICKS.match(self.source, self.position)
        assert run is not None
        ticks = run.group()
        if ticks not in self.unclosed:
            for closing in _BACKTICKS.finditer(self.source, run.end()):
                if closing.group() == ticks:
                    raw = self.source[self.position : closing.end()]
                    inner = self.source[run.end() : closing.start()].replace("\n", " ")
                    if inner.strip() and inner[0] == inner[-1] == " ":
                        inner = inner[1:-1]
                    self.position = closing.end()
                    return Token("codespan", raw, inner)
            self.unclosed.add(ticks)
        self.position = run.end()
        return Token("text", ticks, ticks)

    def read_delimiter(self, mark: str) -> _Delimiter:
        """Return a run of `*` or `_`, and whether it can open or close emphasis."""
        start = end = self.position
        while end < len(self.source) and self.source[end] == mark:
            end += 1
        before = self.source[start - 1] if start else " "
        after = self.source[end] if end < len(self.source) else " "
        is_left_flanking = not after.isspace() and (
            not _is_punctuation(after) or before.isspace() or _is_punctuation(before)
        )
        is_right_flanking = not before.isspace() and (
            not _is_punctuation(before) or after.isspace() or _is_punctuation(after)
        )
        self.position = end
        if mark == "_":
            is_left_flanking, is_right_flanking = (
                is_left_flanking and (not is_right_flanking or _is_punctuation(before)),
                is_right_flanking and (not is_left_flanking or _is_punctuation(after)),
            )
        return _Delimiter(mark, end - start, end - start, is_left_flanking, is_right_flanking)

    def read_strikethrough(self) -> Token:
        """Return a struck text between `~` or `~~`; the tildes as text where nothing closes them."""
        start = end = self.position
        while end < len(self.source) and self.source[end] == "~":
            end += 1
        mark = self.source[start:end]
        if len(mark) > 2 or mark in self.unclosed or self.source[end : end + 1].isspace():
            self.position = end
            return Token("text", mark, mark)
        closing = re.compile(rf"(?<![\s~\\]){mark}(?!~)").search(self.source, end + 1)
        if closing is None:
            self.unclosed.add(mark)
            self.position = end
            return Token("text", mark, mark)
        inner = self.source[end : closing.start()]
        self.position = closing.end()
        children = parse_inline(inner, self.references, self.level, in_link=self.in_link)
        return Token("del", f"{mark}{inner}{mark}", inner, children)

    def read_angle_bracket(self) -> Token | None:
        """Return an autolink, an e-mail address or HTML in angle brackets; None where `<` stands for
        itself."""
        if match := _AUTOLINK.match(self.source, self.position):
            self.position = match.end()
            return _make_link(match.group(), match[1], match[1])
        if match := _EMAIL_AUTOLINK.match(self.source, self.position):
            self.position = match.end()
            return _make_link(match.group(), f"mailto:{match[1]}", match[1])
        if match := _TAG.match(self.source, self.position):
            self.position = match.end()
            return Token("html", match.group(), match.group())
        for opening, closing in _HTML_SECTIONS:
            if self.source.startswith(opening, self.position) and closing not in self.unclosed:
                end = self.source.find(closing, self.position + len(opening))
                if end >= 0:
                    raw = self.source[self.position : end + len(closing)]
                    self.position = end + len(closing)
                    return Token("html", raw, raw)
                self.unclosed.add(closing)
        return None

    def read_bare_url(self) -> Token | None:
        """Return a link of an address without angle brackets; None inside a word, or where it is no
        address."""
        before = self.source[self.position - 1] if self.position else " "
        match = _BARE_URL.match(self.source, self.position)
        if match is None or before.isalnum():
            return None
        url = _trim_bare_url(match.group())
        self.position += len(url)
        return _make_link(url, f"http://{url}" if url[:4].lower() == "www." else url, url)

    def read_link(self, *, is_image: bool) -> Token | None:
        """Return a link or image; None where the bracket stands for itself."""
        opening = self.position + 1 if is_image else self.position
        if self.source[opening : opening + 1] != "[" or (self.in_link and not is_image):
            return None
        closing = self.pairs.get(opening)
        if closing is None:
            return None
        label = self.source[opening + 1 : closing]
        target = self.read_target(closing + 1, label)
        if target is None:
            return None
        end, href, title = target
        raw = self.source[self.position : end]
        self.position = end
        if is_image:
            return Token("image", raw, label, href=href, title=title)
        children = parse_inline(label, self.references, self.level, in_link=True)
        return Token("link", raw, label, children, href=href, title=title)

    def read_target(self, after: int, label: str) -> tuple[int, str, str] | None:
        """Return the end, address and title of a link, from what follows its label or from a reference.

        None where there is no target.
        """
        if self.source[after : after + 1] == "(":
            target = parse_link_target(self.source, after)
            if target is not None:
                return target
        end = after
        if self.source[after : after + 1] == "[":
            closing = self.pairs.get(after)
            if closing is not None:
                end = closing + 1
                label = self.source[after + 1 : closing] or label
        reference = self.references.get(" ".join(label.split()).casefold().upper())
        return None if reference is None else (end, *reference)


def _trim_bare_url(url: str) -> str:
    """Return the address without the punctuation behind it, and without a closing bracket that it does not
    open."""
    surplus = url.count(")") - url.count("(")
    end = len(url)
    while end:
        last = url[end - 1]
        if last == ")" and surplus > 0:
            surplus -= 1
        elif last == ";" and (match := _TRAILING_ENTITY.search(url, max(0, end - 34), end)):
            end = match.start()
            continue
        elif last not in "?!.,:;*_'\"~":
            break
        end -= 1
    return url[:end]


def _make_link(raw: str, href: str, text: str) -> Token:
    """Return a link token with plain text inside."""
    return Token("link", raw, text, [Token("text", text, text)], href=href)


def _is_punctuation(character: str) -> bool:
    """Return whether a character is Unicode punctuation or a symbol."""
    return unicodedata.category(character)[0] in "PS"


def _match_emphasis(nodes: list[_Node]) -> list[Token]:
    """Return the tokens with runs of `*` and `_` matched from the inside out, by CommonMark's delimiter
    algorithm."""
    done: list[_Node] = []
    # Per kind of closer: the index in `done` below which there is no opener for it, so none is sought twice.
    bottoms: dict[tuple[str, bool, int], int] = {}
    for node in nodes:
        charge_current(4)
        if isinstance(node, _Delimiter) and node.closes:
            key = (node.mark, node.opens, node.length % 3)
            while node.count:
                index = _find_opener(done, node, bottoms.get(key, 0))
                if index is None:
                    bottoms[key] = len(done)
                    break
                _wrap_in_emphasis(done, index, node)
                for kind, bottom in bottoms.items():
                    bottoms[kind] = min(bottom, index + 1)
            if not node.count:
                continue
        done.append(node)
    return [node.to_token() if isinstance(node, _Delimiter) else node for node in done]


def _find_opener(done: list[_Node], closer: _Delimiter, bottom: int) -> int | None:
    """Return the place in `done`, from `bottom` up, of the nearest run that `closer` closes; None for
    none."""
    charge_current(len(done) - bottom)
    for index in range(len(done) - 1, bottom - 1, -1):
        node = done[index]
        if not isinstance(node, _Delimiter) or node.mark != closer.mark or not node.opens:
            continue
        both = node.closes or closer.opens
        if both and (node.length + closer.length) % 3 == 0 and (node.length % 3 or closer.length % 3):
            continue
        return index
    return None


def _wrap_in_emphasis(done: list[_Node], index: int, closer: _Delimiter) -> None:
    """Replace the opener at `index` and what follows it in `done` by one emphasis token."""
    opener = done[index]
    assert isinstance(opener, _Delimiter)
    width = 2 if opener.count >= 2 and closer.count >= 2 else 1
    inner = merge_texts(
        [node.to_token() if isinstance(node, _Delimiter) else node for node in done[index + 1 :]]
    )
    text = "".join(token.raw for token in inner)
    mark = opener.mark * width
    opener.count -= width
    closer.count -= width
    done[index + (1 if opener.count else 0) :] = [
        Token("strong" if width == 2 else "em", f"{mark}{text}{mark}", text, inner)
    ]
