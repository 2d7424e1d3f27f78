"""`$xmlToJs`. The parser is expat; entities that a document declares itself are refused."""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

from isthmus.expressions.errors import function_error, limit_error
from isthmus.expressions.functions.arguments import input_text
from isthmus.expressions.functions.xml.options import XmlOptions, xml_options
from isthmus.expressions.javascript import MAX_DATA_DEPTH, describe_kind, to_number, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["xml_to_js"]

Json = dict[str, object]


def xml_to_js(evaluation: Evaluation, xml: object = UNDEFINED, options: object = UNDEFINED) -> Json:
    """An XML document as an object.

    Compact, the default: elements are fields, repeated ones lists; text is `_text`, attributes are
    `_attributes`, and there are `_cdata`, `_comment`, `_doctype`, `_instruction` and `_declaration`. Blank
    text is left out.

    Arguments:
        xml: one document.
        options: they replace the default `{"compact": true}` as a whole; without `compact` the result is the
            tree of `elements`. `trim`, `nativeType`, `nativeTypeAttributes`, `alwaysArray`, `alwaysChildren`,
            `ignoreText` (`Attributes`, `Comment`, …), `textKey` (`attributesKey`, …).
    Null and missing: missing is an error; null and `""` give `{}`.
    Errors: `xmlToJs: …` with line and column for what is no XML.
    Example:
        $xmlToJs("<a x='1'><b>t</b><b>u</b></a>").a.b._text
        => ["t", "u"]
    """
    if xml is UNDEFINED:
        raise function_error("xmlToJs", f"xmlToJs: the XML is {describe_kind(xml)}")
    source = input_text(evaluation, to_text(xml), "xmlToJs") if isinstance(xml, str) else ""
    chosen = xml_options(options)
    if not source.strip():
        return {}
    builder: _Compact | _Tree = (_Compact if chosen.compact else _Tree)(chosen, evaluation)
    _parse(source.lstrip(), builder, evaluation)
    return builder.root


class _Builder:
    """`stack` holds the open elements, the document first; text collects until something else comes."""

    def __init__(self, options: XmlOptions, evaluation: Evaluation) -> None:
        self.options = options
        self.evaluation = evaluation
        self.root: Json = {}
        self.stack: list[Json] = [self.root]
        self.nodes = 0
        self.text: list[str] = []
        self.cdata: list[str] | None = None

    def count(self) -> None:
        self.nodes += 1
        if self.nodes > self.evaluation.limits.xml_nodes:
            raise self.evaluation.limit_error("xml_nodes", "xmlToJs")
        if len(self.stack) > MAX_DATA_DEPTH:
            raise limit_error("xmlToJs", "data_depth", MAX_DATA_DEPTH)

    def add(self, part: str, value: object) -> None:
        """A part that is no element: text, comment and the like."""
        raise NotImplementedError

    def element(self, name: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def declaration(self, attributes: Json) -> None:
        raise NotImplementedError

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.flush()
        self.count()
        self.element(name, attributes)

    def end(self, name: str) -> None:
        self.flush()
        self.stack.pop()

    def characters(self, data: str) -> None:
        (self.text if self.cdata is None else self.cdata).append(data)

    def part(self, part: str, value: object) -> None:
        self.flush()
        self.count()
        if part not in self.options.ignored:
            self.add(part, value)

    def cdata_start(self) -> None:
        self.flush()
        self.cdata = []

    def cdata_end(self) -> None:
        data, self.cdata = "".join(self.cdata or ()), None
        self.part("cdata", data)

    def flush(self) -> None:
        if not self.text:
            return
        data = "".join(self.text)
        self.text = []
        if "text" in self.options.ignored or (not self.options.keep_blanks and not data.strip()):
            return
        if self.options.trim:
            data = data.strip()
        self.count()
        self.add("text", native(data) if self.options.native else data)

    def attributes(self, given: dict[str, str]) -> Json:
        if not self.options.native_attributes:
            return dict(given)
        return {name: native(value) for name, value in given.items()}


class _Compact(_Builder):
    def put(self, key: str, value: object, listed: bool) -> None:
        place = self.stack[-1]
        there = place.get(key, UNDEFINED)
        if there is UNDEFINED:
            place[key] = [value] if listed else value
        elif isinstance(there, list):
            there.append(value)
        else:
            place[key] = [there, value]

    def add(self, part: str, value: object) -> None:
        key = self.options.keys[part]
        self.put(key, value, self.options.listed(key))

    def element(self, name: str, attributes: dict[str, str]) -> None:
        made: Json = {}
        if attributes and "attributes" not in self.options.ignored:
            made[self.options.keys["attributes"]] = self.attributes(attributes)
        self.put(name, made, self.options.listed(name))
        self.stack.append(made)

    def declaration(self, attributes: Json) -> None:
        if "declaration" not in self.options.ignored:
            inner = {self.options.keys["attributes"]: attributes}
            self.root[self.options.keys["declaration"]] = inner


class _Tree(_Builder):
    def child(self, node: Json) -> None:
        elements = self.stack[-1].setdefault(self.options.keys["elements"], [])
        assert isinstance(elements, list)
        elements.append(node)

    def add(self, part: str, value: object) -> None:
        keys = self.options.keys
        if part == "instruction" and isinstance(value, dict):
            ((name, body),) = value.items()
            self.child({keys["type"]: part, keys["name"]: name, keys["instruction"]: body})
        else:
            self.child({keys["type"]: part, keys[part]: value})

    def element(self, name: str, attributes: dict[str, str]) -> None:
        keys = self.options.keys
        made: Json = {keys["type"]: "element", keys["name"]: name}
        if attributes and "attributes" not in self.options.ignored:
            made[keys["attributes"]] = self.attributes(attributes)
        if self.options.always_children:
            made[keys["elements"]] = []
        self.child(made)
        self.stack.append(made)

    def declaration(self, attributes: Json) -> None:
        if "declaration" not in self.options.ignored:
            inner = {self.options.keys["attributes"]: attributes}
            self.root[self.options.keys["declaration"]] = inner


def native(value: str) -> object:
    """Text as the number or boolean that it shows, else itself."""
    number = to_number(value)
    if number == number:
        return number
    return {"true": True, "false": False}.get(value.lower(), value)


def _parse(source: str, builder: _Builder, evaluation: Evaluation) -> None:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = False
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.CommentHandler = lambda data: builder.part("comment", data)
    parser.ProcessingInstructionHandler = lambda name, data: builder.part("instruction", {name: data})
    parser.StartCdataSectionHandler = builder.cdata_start
    parser.EndCdataSectionHandler = builder.cdata_end
    parser.XmlDeclHandler = _declaration(builder)
    parser.StartDoctypeDeclHandler = _doctype(builder)
    parser.EntityDeclHandler = _no_entities
    parser.ExternalEntityRefHandler = lambda *_: 0
    try:
        for start in range(0, len(source), 65_536):
            evaluation.charge(20_000)
            parser.Parse(source[start : start + 65_536].encode("utf-8", "replace"), False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise function_error(
            "xmlToJs", f"xmlToJs: {reason}\nLine: {error.lineno - 1}\nColumn: {error.offset}"
        ) from None


def _declaration(builder: _Builder) -> Callable[[str, str | None, int], None]:
    def handle(version: str, encoding: str | None, standalone: int) -> None:
        attributes: Json = {"version": version}
        if encoding is not None:
            attributes["encoding"] = encoding
        if standalone >= 0:
            attributes["standalone"] = "yes" if standalone else "no"
        builder.declaration(attributes)

    return handle


def _doctype(builder: _Builder) -> Callable[[str, str | None, str | None, bool], None]:
    def handle(name: str, system: str | None, public: str | None, has_subset: bool) -> None:
        out = name
        if public is not None:
            out += f' PUBLIC "{public}" "{system}"'
        elif system is not None:
            out += f' SYSTEM "{system}"'
        builder.part("doctype", out)

    return handle


def _no_entities(name: str, *_: object) -> None:
    raise function_error(
        "xmlToJs", f"xmlToJs: the document declares the entity {name}; entities are not expanded"
    )
