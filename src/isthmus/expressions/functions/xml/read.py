"""`$xmlToJs`: XML as an object. The parser is expat; a document type with declarations is refused."""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

from isthmus.expressions.errors import make_function_error, make_limit_error
from isthmus.expressions.functions.arguments import check_input_text
from isthmus.expressions.functions.xml.options import XmlOptions, parse_options
from isthmus.expressions.javascript import MAX_DATA_DEPTH, describe_kind, to_number, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["xml_to_js"]

JsonObject = dict[str, object]


def xml_to_js(evaluation: Evaluation, xml: object = UNDEFINED, options: object = UNDEFINED) -> JsonObject:
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
    Errors: `xmlToJs: …` with line and column for what is no XML, and for a document type with declarations.
    Example:
        $xmlToJs("<a x='1'><b>t</b><b>u</b></a>").a.b._text
        => ["t", "u"]
    """
    if xml is UNDEFINED:
        raise make_function_error("xmlToJs", f"xmlToJs: the XML is {describe_kind(xml)}")
    source = check_input_text(evaluation, to_text(xml), "xmlToJs") if isinstance(xml, str) else ""
    chosen = parse_options(options)
    if not source.strip():
        return {}
    builder: _CompactBuilder | _TreeBuilder = (_CompactBuilder if chosen.compact else _TreeBuilder)(
        chosen, evaluation
    )
    _parse_xml(source.lstrip(), builder, evaluation)
    return builder.root


class _Builder:
    """Builds the result from the parser's events (`on_…`); subclasses know its shape.

    `stack` holds the open elements, the document first. Text is collected until another event comes.
    """

    def __init__(self, options: XmlOptions, evaluation: Evaluation) -> None:
        self.options = options
        self.evaluation = evaluation
        self.root: JsonObject = {}
        self.stack: list[JsonObject] = [self.root]
        self.nodes = 0
        self.text: list[str] = []
        self.cdata: list[str] | None = None

    def count_node(self) -> None:
        """Count one node; raises ExpressionError where they are too many or nested too deep."""
        self.nodes += 1
        if self.nodes > self.evaluation.limits.xml_nodes:
            raise self.evaluation.make_limit_error("xml_nodes", "xmlToJs")
        if len(self.stack) > MAX_DATA_DEPTH:
            raise make_limit_error("xmlToJs", "data_depth", MAX_DATA_DEPTH)

    def add_part(self, part: str, value: object) -> None:
        """Add a part of the open element that is no element: text, comment and the like."""
        raise NotImplementedError

    def open_element(self, name: str, attributes: dict[str, str]) -> None:
        """Add an element to the open one, and make it the open one."""
        raise NotImplementedError

    def set_declaration(self, attributes: JsonObject) -> None:
        """Keep the XML declaration (`<?xml …?>`)."""
        if "declaration" not in self.options.ignored:
            inner = {self.options.keys["attributes"]: attributes}
            self.root[self.options.keys["declaration"]] = inner

    def on_start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle a start tag."""
        self.flush_text()
        self.count_node()
        self.open_element(name, attributes)

    def on_end(self, name: str) -> None:
        """Handle an end tag."""
        self.flush_text()
        self.stack.pop()

    def on_characters(self, data: str) -> None:
        """Collect a piece of text or of a CDATA section."""
        (self.text if self.cdata is None else self.cdata).append(data)

    def on_part(self, part: str, value: object) -> None:
        """Handle a comment, instruction, document type or CDATA section."""
        self.flush_text()
        self.count_node()
        if part not in self.options.ignored:
            self.add_part(part, value)

    def on_cdata_start(self) -> None:
        """Begin to collect a CDATA section."""
        self.flush_text()
        self.cdata = []

    def on_cdata_end(self) -> None:
        """Add the CDATA section that was collected."""
        data, self.cdata = "".join(self.cdata or ()), None
        self.on_part("cdata", data)

    def flush_text(self) -> None:
        """Add the text collected so far, unless the options leave it out."""
        if not self.text:
            return
        data = "".join(self.text)
        self.text = []
        if "text" in self.options.ignored or (not self.options.keep_blanks and not data.strip()):
            return
        if self.options.trim:
            data = data.strip()
        self.count_node()
        self.add_part("text", _to_native(data) if self.options.native else data)

    def convert_attributes(self, attributes: dict[str, str]) -> JsonObject:
        """Return the attributes of an XML element, with numbers and booleans if the options ask for them."""
        if not self.options.native_attributes:
            return dict(attributes)
        return {name: _to_native(value) for name, value in attributes.items()}


class _CompactBuilder(_Builder):
    """Elements are fields of their parent by name; repeated ones are lists."""

    def put_field(self, key: str, value: object, listed: bool) -> None:
        """Set a field of the open element; a second value makes it a list, as `listed` does at once."""
        parent = self.stack[-1]
        existing = parent.get(key, UNDEFINED)
        if existing is UNDEFINED:
            parent[key] = [value] if listed else value
        elif isinstance(existing, list):
            existing.append(value)
        else:
            parent[key] = [existing, value]

    def add_part(self, part: str, value: object) -> None:
        """Set the part as a field of the open element."""
        key = self.options.keys[part]
        self.put_field(key, value, self.options.is_listed(key))

    def open_element(self, name: str, attributes: dict[str, str]) -> None:
        """Set the element as a field of the open one, and make it the open one."""
        element: JsonObject = {}
        if attributes and "attributes" not in self.options.ignored:
            element[self.options.keys["attributes"]] = self.convert_attributes(attributes)
        self.put_field(name, element, self.options.is_listed(name))
        self.stack.append(element)


class _TreeBuilder(_Builder):
    """Each element lists its parts, in order, in `elements`."""

    def append_child(self, node: JsonObject) -> None:
        """Add a node to the parts of the open element."""
        elements = self.stack[-1].setdefault(self.options.keys["elements"], [])
        assert isinstance(elements, list)
        elements.append(node)

    def add_part(self, part: str, value: object) -> None:
        """Append the part to `elements` of the open element."""
        keys = self.options.keys
        if part == "instruction" and isinstance(value, dict):
            ((name, body),) = value.items()
            self.append_child({keys["type"]: part, keys["name"]: name, keys["instruction"]: body})
        else:
            self.append_child({keys["type"]: part, keys[part]: value})

    def open_element(self, name: str, attributes: dict[str, str]) -> None:
        """Append the element to `elements` of the open one, and make it the open one."""
        keys = self.options.keys
        element: JsonObject = {keys["type"]: "element", keys["name"]: name}
        if attributes and "attributes" not in self.options.ignored:
            element[keys["attributes"]] = self.convert_attributes(attributes)
        if self.options.always_children:
            element[keys["elements"]] = []
        self.append_child(element)
        self.stack.append(element)


def _to_native(value: str) -> object:
    """Return the number or boolean that a text shows, else the text itself."""
    number = to_number(value)
    if number == number:
        return number
    return {"true": True, "false": False}.get(value.lower(), value)


def _parse_xml(source: str, builder: _Builder, evaluation: Evaluation) -> None:
    """Feed the document to `builder`; raises ExpressionError with line and column for malformed XML."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = False
    parser.StartElementHandler = builder.on_start
    parser.EndElementHandler = builder.on_end
    parser.CharacterDataHandler = builder.on_characters
    parser.CommentHandler = lambda data: builder.on_part("comment", data)
    parser.ProcessingInstructionHandler = lambda name, data: builder.on_part("instruction", {name: data})
    parser.StartCdataSectionHandler = builder.on_cdata_start
    parser.EndCdataSectionHandler = builder.on_cdata_end
    parser.XmlDeclHandler = _make_declaration_handler(builder)
    parser.StartDoctypeDeclHandler = _make_doctype_handler(builder)
    parser.ExternalEntityRefHandler = lambda *_: 0
    try:
        for start in range(0, len(source), 65_536):
            evaluation.charge(20_000)
            parser.Parse(source[start : start + 65_536].encode("utf-8", "replace"), False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise make_function_error(
            "xmlToJs", f"xmlToJs: {reason}\nLine: {error.lineno - 1}\nColumn: {error.offset}"
        ) from None


def _make_declaration_handler(builder: _Builder) -> Callable[[str, str | None, int], None]:
    """Return the handler of expat for the XML declaration."""

    def handle(version: str, encoding: str | None, standalone: int) -> None:
        """Hand the attributes of the declaration to the builder."""
        attributes: JsonObject = {"version": version}
        if encoding is not None:
            attributes["encoding"] = encoding
        if standalone >= 0:
            attributes["standalone"] = "yes" if standalone else "no"
        builder.set_declaration(attributes)

    return handle


def _make_doctype_handler(builder: _Builder) -> Callable[[str, str | None, str | None, bool], None]:
    """Return the handler of expat for the document type; it keeps names and addresses. Its declarations may
    make a small document large, so a document with any is refused."""

    def handle(name: str, system: str | None, public: str | None, has_subset: bool) -> None:
        """Hand the text of the document type to the builder. Raises ExpressionError for declarations."""
        if has_subset:
            raise make_function_error(
                "xmlToJs", f"xmlToJs: the document type {name} holds declarations, which are not read"
            )
        out = name
        if public is not None:
            out += f' PUBLIC "{public}" "{system}"'
        elif system is not None:
            out += f' SYSTEM "{system}"'
        builder.on_part("doctype", out)

    return handle
