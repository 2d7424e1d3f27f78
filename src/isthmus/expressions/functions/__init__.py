"""Registers the functions that extend or replace those of standard JSONata, by families.

`EXTENSIONS` are all of them; a `Family` can be registered alone. They are described for users in
`docs/reference/functions.md`, which is generated from their docstrings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from isthmus.expressions.functions import (
    csv,
    currency,
    datetimes,
    embeddings,
    empty_and_mapped_values,
    encoding_and_crypto,
    files,
    hierarchies,
    jsonata_overrides,
    lists_and_objects,
    parquet,
    parsing,
    query_strings,
    similarity,
    sql,
    text_splitter,
)
from isthmus.expressions.functions.documents.parse import parse_document
from isthmus.expressions.functions.documents.pdf import convert_md_to_pdf
from isthmus.expressions.functions.html.to_markdown import convert_html_to_markdown
from isthmus.expressions.functions.markdown.from_notion import (
    convert_notion_to_markdown,
    convert_notion_to_md,
)
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
    """Functions that are registered together. `preset`: the name that Truto's `truto-jsonata` package has for
    the group they belong to."""

    title: str
    preset: str
    functions: tuple[Function, ...]


def _make_function(name: str, call: Callable[..., Any], signature: str | None = None) -> Function:
    """Return the registration of a function that takes only the arguments of the expression.

    It is repeatable, as every function here that does not wait: a long evaluation may begin again, and a
    second call does no more than the first. Its result need not be the same (`$uuid`).
    """
    return Function(name, call, signature, is_repeatable=True)


def _make_evaluation_function(name: str, call: Callable[..., Any], signature: str | None = None) -> Function:
    """Return the registration of a function that takes the evaluation first: its limits, clock, settings."""
    return Function(name, call, signature, wants_evaluation=True, is_repeatable=True)


def _make_async_function(name: str, call: Callable[..., Any], *, wants_evaluation: bool = True) -> Function:
    """Return the registration of a coroutine function, which waits for a stream, a process or a server.
    `wants_evaluation`: it takes the evaluation first."""
    return Function(name, call, is_async=True, wants_evaluation=wants_evaluation)


FAMILIES: Final = (
    Family(
        "Encoding and cryptography",
        "core",
        (
            _make_evaluation_function("base64encode", encoding_and_crypto.base64encode),
            _make_evaluation_function("base64decode", encoding_and_crypto.base64decode),
            _make_evaluation_function("base64ToBlob", encoding_and_crypto.base64_to_blob),
            _make_async_function("digest", encoding_and_crypto.digest, wants_evaluation=False),
            _make_function("sign", encoding_and_crypto.sign),
            _make_evaluation_function("uuid", encoding_and_crypto.uuid),
        ),
    ),
    Family(
        "Files and binary data",
        "core",
        (
            _make_function("blob", files.blob),
            _make_async_function("bufferToString", files.buffer_to_string, wants_evaluation=False),
            _make_function("getArrayBuffer", files.get_array_buffer),
            _make_async_function("getDataUri", files.get_data_uri, wants_evaluation=False),
            _make_function("getMimeType", files.get_mime_type),
            _make_async_function("parseDocument", parse_document),
            _make_function("teeStream", files.tee_stream),
        ),
    ),
    Family(
        "Parsing",
        "core",
        (
            _make_evaluation_function("jsonParse", parsing.json_parse),
            _make_evaluation_function("parseQuery", query_strings.parse_query),
            _make_function("parseUrl", parsing.parse_url),
            _make_evaluation_function("stringifyQuery", query_strings.stringify_query),
            _make_function("toNumber", parsing.to_number),
        ),
    ),
    Family(
        "Values, currency, SQL rows",
        "core",
        (
            _make_function("convertCurrencyFromSubunit", currency.convert_currency_from_subunit),
            _make_evaluation_function("convertCurrencyToSubunit", currency.convert_currency_to_subunit),
            _make_function("firstNonEmpty", empty_and_mapped_values.first_non_empty),
            _make_function("mapValues", empty_and_mapped_values.map_values),
            _make_evaluation_function("removeEmpty", empty_and_mapped_values.remove_empty),
            _make_function("removeEmptyItems", empty_and_mapped_values.remove_empty_items),
            _make_evaluation_function("zipSqlResponse", sql.zip_sql_response),
        ),
    ),
    Family(
        "Similarity and hierarchies",
        "core",
        (
            _make_evaluation_function("diceCoefficient", similarity.dice_coefficient),
            _make_evaluation_function("mostSimilar", similarity.most_similar),
            _make_evaluation_function("dependencyGraph", hierarchies.dependency_graph),
            _make_evaluation_function("sortNodes", hierarchies.sort_nodes),
        ),
    ),
    Family(
        "In the place of JSONata's own",
        "core",
        (
            _make_evaluation_function("string", jsonata_overrides.string, "<x-b?:s>"),
            _make_function("keys", jsonata_overrides.keys, "<x-:a<s>>"),
            _make_function("each", jsonata_overrides.each, "<o-f:a>"),
            _make_function("sift", jsonata_overrides.sift, "<o-f?:o>"),
        ),
    ),
    Family(
        "Lists and objects",
        "core",
        (
            _make_evaluation_function("chunk", lists_and_objects.chunk),
            _make_function("compact", lists_and_objects.compact),
            _make_function("difference", lists_and_objects.difference),
            _make_function("find", lists_and_objects.find),
            _make_evaluation_function("flatten", lists_and_objects.flatten),
            _make_evaluation_function("flattenDeep", lists_and_objects.flatten_deep),
            _make_evaluation_function("flattenDepth", lists_and_objects.flatten_depth),
            _make_function("groupBy", lists_and_objects.group_by),
            _make_evaluation_function("join", jsonata_overrides.join),
            _make_function("keyBy", lists_and_objects.key_by),
            _make_function("lofilter", lists_and_objects.lofilter),
            _make_function("omit", lists_and_objects.omit),
            _make_function("orderBy", lists_and_objects.order_by),
            _make_function("pick", lists_and_objects.pick),
            _make_function("values", lists_and_objects.values),
            _make_evaluation_function("wrap", lists_and_objects.wrap),
        ),
    ),
    Family(
        "Date-times",
        "datetime",
        (
            _make_evaluation_function("dtFromIso", datetimes.dt_from_iso),
            _make_evaluation_function("dtFromFormat", datetimes.dt_from_format),
        ),
    ),
    Family(
        "Markdown",
        "markdown",
        (
            _make_evaluation_function("convertMarkdownToAdf", convert_markdown_to_adf),
            _make_evaluation_function("convertMarkdownToGoogleDocs", convert_markdown_to_google_docs),
            _make_async_function("convertMarkdownToHtml", convert_markdown_to_html),
            _make_evaluation_function("convertMarkdownToNotion", convert_markdown_to_notion),
            _make_evaluation_function("convertMarkdownToSlack", convert_markdown_to_slack),
            _make_async_function("convertMdToPdf", convert_md_to_pdf),
            _make_evaluation_function("convertNotionToMarkdown", convert_notion_to_markdown),
            _make_function("convertNotionToMd", convert_notion_to_md),
        ),
    ),
    Family("HTML", "html", (_make_async_function("convertHtmlToMarkdown", convert_html_to_markdown),)),
    Family(
        "Data formats",
        "data-formats",
        (
            _make_evaluation_function("convertQueryToSql", sql.convert_query_to_sql),
            _make_evaluation_function("jsonToCsv", csv.json_to_csv),
            _make_async_function("jsonToParquet", parquet.json_to_parquet),
            _make_evaluation_function("jsToXml", js_to_xml),
            _make_evaluation_function("xmlToJs", xml_to_js),
        ),
    ),
    Family(
        "AI",
        "ai",
        (
            _make_async_function("generateEmbeddingsCohere", embeddings.generate_embeddings_cohere),
            _make_evaluation_function(
                "recursiveCharacterTextSplitter", text_splitter.recursive_character_text_splitter
            ),
        ),
    ),
)

EXTENSIONS: Final = tuple(function for family in FAMILIES for function in family.functions)
