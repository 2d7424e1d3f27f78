"""Collects the reads of the input per context, and moves them to where the context starts.

`properties.email` of one context is a path in a tree of reads. While code is written, a read is only a marker
in the text. At the end each marker becomes either the read itself (used once) or a local variable (used more
often, or from inside a loop or function), and shared prefixes are read once. A dict is asked through its
bound `get`; anything else goes to the runtime.
"""

from __future__ import annotations

import re
from typing import Final

from isthmus.expressions.compiler.python_source import Block, Constants, make_constant_code

__all__ = ["InputReads", "Read", "Source"]

_MARKER: Final = re.compile("\x00([a-z]?)([0-9]+)\x00")


class Source:
    """A Python variable that reads start from, and the bookmark behind its assignment.

    is_root: the root of the input, where a list is one value.
    level: how many loops and functions enclose it.
    """

    __slots__ = ("bookmark", "children", "code", "is_root", "level")

    def __init__(self, code: str, bookmark: Block, level: int, *, is_root: bool = False) -> None:
        self.code = code
        self.bookmark = bookmark
        self.level = level
        self.is_root = is_root
        self.children: dict[str, Read] = {}


class Read:
    """One name read from a source or from another read.

    Three ways to use it: as a value, as a value of the result (final), and as the start of further steps
    (`is_inner`, or `children`). `is_far`: it is used in a loop or function inside its context.
    """

    __slots__ = ("children", "is_far", "is_inner", "name", "number")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.is_far = False
        self.is_inner = False
        self.children: dict[str, Read] = {}


class InputReads:
    """All reads of one program."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.sources: list[Source] = []
        self.text: dict[str, str] = {}
        self._count = 0
        self._uses: dict[str, int] = {}

    def add_source(self, code: str, bookmark: Block, level: int, *, is_root: bool = False) -> Source:
        """Register a Python variable from which reads start; they are written at `bookmark`.

        `level`: how many loops and functions enclose it. `is_root`: it is the root of the input.
        """
        source = Source(code, bookmark, level, is_root=is_root)
        self.sources.append(source)
        return source

    def add_value_read(self, source: Source, names: list[str], level: int, *, final: bool) -> str:
        """Register a read of the value at a path, and return its marker; `level` is where it is used."""
        read = self._find_or_add(source, names)
        read.is_far = read.is_far or level != source.level
        return f"\x00{'r' if final else 'v'}{read.number}\x00"

    def add_inner_read(self, source: Source, names: list[str]) -> str:
        """Register a read that further steps start from, and return the marker of its variable."""
        read = self._find_or_add(source, names)
        read.is_inner = True
        return f"\x00p{read.number}\x00"

    def add_each_read(self, source: Source, names: list[str]) -> str:
        """Work as `add_inner_read`, with an undefined item for each input that lacks the last name, since
        it is filtered."""
        read = self._find_or_add(source, names)
        return f"\x00e{read.number}\x00"

    def _find_or_add(self, source: Source, names: list[str]) -> Read:
        """Return the read at the end of a path of names from a source."""
        holder: Source | Read = source
        for name in names:
            read = holder.children.get(name)
            if read is None:
                self._count += 1
                read = holder.children[name] = Read(name, self._count)
            holder = read
        assert isinstance(holder, Read)
        return holder

    def write_reads(self, main: Block) -> None:
        """Write the reads at their bookmarks, and decide what each marker stands for."""
        for line in main.iterate_lines():
            if "\x00" in line:
                for letter, number in _MARKER.findall(line):
                    self._uses[letter + number] = self._uses.get(letter + number, 0) + 1
        for source in self.sources:
            if source.children:
                self._write_reads_below(source.bookmark, source.code, list(source.children.values()), source)

    def _write_reads_below(self, block: Block, code: str, reads: list[Read], source: Source | None) -> None:
        """Write the reads of one source, or (with `source` None) of one read, and those below them."""
        prefix = "root_" if source is not None and source.is_root else ""
        self._write_leaf_reads(block, code, reads, prefix, is_context=source is not None)
        for read in reads:
            mark = f"e{read.number}"
            if self._uses.get(mark):
                name = make_constant_code(read.name, self.constants)
                function = f"read_{prefix}each" if source is None or prefix else "read_context_each"
                block.add_line(
                    f"_{mark} = {code}.get({name}, U) if type({code}) is dict"
                    f" else {function}(E, {code}, {name})"
                )
                self.text[mark] = f"_{mark}"
            if not (read.children or (read.is_inner and self._uses.get(f"p{read.number}"))):
                continue
            name = make_constant_code(read.name, self.constants)
            held = f"_p{read.number}"  # the generator's own names have no underscore
            block.add_line(
                f"{held} = {code}.get({name}, U) if type({code}) is dict"
                f" else read_{prefix}step(E, {code}, {name})"
            )
            self.text[f"p{read.number}"] = held
            if read.children:
                self._write_reads_below(block, held, list(read.children.values()), None)

    def _write_leaf_reads(
        self, block: Block, code: str, reads: list[Read], prefix: str, *, is_context: bool
    ) -> None:
        """Write the reads whose values are used, and decide what their markers stand for."""
        for final in (False, True):
            letter = "r" if final else "v"
            used = [read for read in reads if self._uses.get(f"{letter}{read.number}")]
            if not used:
                continue
            ask = f"{code}.get"
            kind = "plain_" if final else ""
            if len(used) > 1:
                self._count += 1
                ask = f"_{'h' if final else 'g'}{self._count}"
                otherwise = f"make_{kind}{prefix or ('' if is_context else 'leaf_')}getter"
                block.add_line(f"{ask} = {code}.get if type({code}) is dict else {otherwise}(E, {code})")
            for read in used:
                name = make_constant_code(read.name, self.constants)
                text = f"{ask}({name}, U)"
                if len(used) == 1:
                    text = (
                        f"({text} if type({code}) is dict else read_{kind}{prefix}field(E, {code}, {name}))"
                    )
                mark = f"{letter}{read.number}"
                if read.is_far or self._uses[mark] > 1:
                    block.add_line(f"_{mark} = {text}")
                    text = f"_{mark}"
                self.text[mark] = text

    def resolve_markers(self, line: str) -> str:
        """Return the line with its markers replaced."""
        if "\x00" not in line:
            return line
        return _MARKER.sub(lambda match: self.text[match.group(1) + match.group(2)], line)
