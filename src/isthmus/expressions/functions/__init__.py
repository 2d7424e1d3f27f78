"""The functions of the dialect (`functions.md`): one module a family, each function registered here, once.

`EXTENSIONS` extend or replace those of standard JSONata. A `Family` can be registered alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from isthmus.expressions.functions import (
    csv,
    datetimes,
    embeddings,
    encoding_and_crypto,
    files,
    hierarchies,
    jsonata_overrides,
    lists_and_objects,
    parquet,
    parsing,
    similarity,
    sql,
    text_splitter,
    values,
)
from isthmus.expressions.functions.documents.parse import parse_document
from isthmus.expressions.functions.documents.pdf import convert_md_to_pdf
from isthmus.expressions.functions.html.convert import convert_html_to_markdown
from isthmus.expressions.functions.markdown.from_notion import convert_notion_to_markdown
from isthmus.expressions.functions.markdown.notion_single import convert_notion_to_md
from isthmus.expressions.functions.markdown.to_adf import convert_markdown_to_adf
from isthmus.expressions.functions.markdown.to_google_docs import convert_markdown_to_google_docs
from isthmus.expressions.functions.markdown.to_html import convert_markdown_to_html
from isthmus.expressions.functions.markdown.to_notion import convert_markdown_to_notion
from isthmus.expressions.functions.markdown.to_slack import convert_markdown_to_slack
from isthmus.expressions.functions.xml.read import xml_to_js
from isthmus.expressions.functions.xml.write import js_to_xml
from isthmus.expressions.library import Function

__all__ = ["EXTENSIONS", "FAMILIES", "Family"]


@dataclass(frozen=True, slots=True)
class Family:
    """Functions that are registered together. `preset` is the original's name of the group they are in."""

    title: str
    preset: str
    functions: tuple[Function, ...]


def _plain(name: str, call: Callable[..., Any], signature: str | None = None) -> Function:
    return Function(name, call, signature, is_repeatable=True)


def _evaluated(name: str, call: Callable[..., Any], signature: str | None = None) -> Function:
    """A function that is given the evaluation: its limits, clock, randomness, settings."""
    return Function(name, call, signature, wants_evaluation=True, is_repeatable=True)


def _awaited(name: str, call: Callable[..., Any], *, evaluated: bool = True) -> Function:
    """A function that may have to wait: for a stream, a process, a server."""
    return Function(name, call, is_async=True, wants_evaluation=evaluated)


FAMILIES: Final = (
    Family(
        "Encoding and cryptography",
        "core",
        (
            _evaluated("base64encode", encoding_and_crypto.base64encode),
            _evaluated("base64decode", encoding_and_crypto.base64decode),
            _evaluated("base64ToBlob", encoding_and_crypto.base64_to_blob),
            _awaited("digest", encoding_and_crypto.digest, evaluated=False),
            _plain("sign", encoding_and_crypto.sign),
            _evaluated("uuid", encoding_and_crypto.uuid),
        ),
    ),
    Family(
        "Files and binary data",
        "core",
        (
            _plain("blob", files.blob),
            _awaited("bufferToString", files.buffer_to_string, evaluated=False),
            _plain("getArrayBuffer", files.get_array_buffer),
            _awaited("getDataUri", files.get_data_uri, evaluated=False),
            _plain("getMimeType", files.get_mime_type),
            _awaited("parseDocument", parse_document),
            _plain("teeStream", files.tee_stream),
        ),
    ),
    Family(
        "Parsing",
        "core",
        (
            _evaluated("jsonParse", parsing.json_parse),
            _evaluated("parseQuery", parsing.parse_query),
            _plain("parseUrl", parsing.parse_url),
            _evaluated("stringifyQuery", parsing.stringify_query),
            _plain("toNumber", parsing.to_number),
        ),
    ),
    Family(
        "Values, currency, SQL rows",
        "core",
        (
            _plain("convertCurrencyFromSubunit", values.convert_currency_from_subunit),
            _evaluated("convertCurrencyToSubunit", values.convert_currency_to_subunit),
            _plain("firstNonEmpty", values.first_non_empty),
            _plain("mapValues", values.map_values),
            _evaluated("removeEmpty", values.remove_empty),
            _plain("removeEmptyItems", values.remove_empty_items),
            _evaluated("zipSqlResponse", values.zip_sql_response),
        ),
    ),
    Family(
        "Similarity and hierarchies",
        "core",
        (
            _evaluated("diceCoefficient", similarity.dice_coefficient),
            _evaluated("mostSimilar", similarity.most_similar),
            _evaluated("dependencyGraph", hierarchies.dependency_graph),
            _evaluated("sortNodes", hierarchies.sort_nodes),
        ),
    ),
    Family(
        "In the place of JSONata's own",
        "core",
        (
            _evaluated("string", jsonata_overrides.string, "<x-b?:s>"),
            _plain("keys", jsonata_overrides.keys, "<x-:a<s>>"),
            _plain("each", jsonata_overrides.each, "<o-f:a>"),
            _plain("sift", jsonata_overrides.sift, "<o-f?:o>"),
        ),
    ),
    Family(
        "Lists and objects",
        "core",
        (
            _evaluated("chunk", lists_and_objects.chunk),
            _plain("compact", lists_and_objects.compact),
            _plain("difference", lists_and_objects.difference),
            _plain("find", lists_and_objects.find),
            _evaluated("flatten", lists_and_objects.flatten),
            _evaluated("flattenDeep", lists_and_objects.flatten_deep),
            _evaluated("flattenDepth", lists_and_objects.flatten_depth),
            _plain("groupBy", lists_and_objects.group_by),
            _evaluated("join", jsonata_overrides.join),
            _plain("keyBy", lists_and_objects.key_by),
            _plain("lofilter", lists_and_objects.lofilter),
            _plain("omit", lists_and_objects.omit),
            _plain("orderBy", lists_and_objects.order_by),
            _plain("pick", lists_and_objects.pick),
            _plain("values", lists_and_objects.values),
            _evaluated("wrap", lists_and_objects.wrap),
        ),
    ),
    Family(
        "Date-times",
        "datetime",
        (
            _evaluated("dtFromIso", datetimes.dt_from_iso),
            _evaluated("dtFromFormat", datetimes.dt_from_format),
        ),
    ),
    Family(
        "Markdown",
        "markdown",
        (
            _evaluated("convertMarkdownToAdf", convert_markdown_to_adf),
            _evaluated("convertMarkdownToGoogleDocs", convert_markdown_to_google_docs),
            _awaited("convertMarkdownToHtml", convert_markdown_to_html),
            _evaluated("convertMarkdownToNotion", convert_markdown_to_notion),
            _evaluated("convertMarkdownToSlack", convert_markdown_to_slack),
            _awaited("convertMdToPdf", convert_md_to_pdf),
            _evaluated("convertNotionToMarkdown", convert_notion_to_markdown),
            _plain("convertNotionToMd", convert_notion_to_md),
        ),
    ),
    Family("HTML", "html", (_awaited("convertHtmlToMarkdown", convert_html_to_markdown),)),
    Family(
        "Data formats",
        "data-formats",
        (
            _evaluated("convertQueryToSql", sql.convert_query_to_sql),
            _evaluated("jsonToCsv", csv.json_to_csv),
            _awaited("jsonToParquet", parquet.json_to_parquet),
            _evaluated("jsToXml", js_to_xml),
            _evaluated("xmlToJs", xml_to_js),
        ),
    ),
    Family(
        "AI",
        "ai",
        (
            _awaited("generateEmbeddingsCohere", embeddings.generate_embeddings_cohere),
            _evaluated("recursiveCharacterTextSplitter", text_splitter.recursive_character_text_splitter),
        ),
    ),
)

EXTENSIONS: Final = tuple(function for family in FAMILIES for function in family.functions)
