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
    """Functions that are registered together. `preset` is the original's name of the group they belong to."""

    title: str
    preset: str
    functions: tuple[Function, ...]


def _function(name: str, call: Callable[..., Any], signature: str | None = None) -> Function:
    """A function of its arguments alone."""
    return Function(name, call, signature, is_repeatable=True)


def _function_of_evaluation(name: str, call: Callable[..., Any], signature: str | None = None) -> Function:
    """A function whose first argument is the evaluation: its limits, clock, randomness, settings."""
    return Function(name, call, signature, wants_evaluation=True, is_repeatable=True)


def _async_function(name: str, call: Callable[..., Any], *, evaluated: bool = True) -> Function:
    """A function that may have to wait: for a stream, a process, a server."""
    return Function(name, call, is_async=True, wants_evaluation=evaluated)


FAMILIES: Final = (
    Family(
        "Encoding and cryptography",
        "core",
        (
            _function_of_evaluation("base64encode", encoding_and_crypto.base64encode),
            _function_of_evaluation("base64decode", encoding_and_crypto.base64decode),
            _function_of_evaluation("base64ToBlob", encoding_and_crypto.base64_to_blob),
            _async_function("digest", encoding_and_crypto.digest, evaluated=False),
            _function("sign", encoding_and_crypto.sign),
            _function_of_evaluation("uuid", encoding_and_crypto.uuid),
        ),
    ),
    Family(
        "Files and binary data",
        "core",
        (
            _function("blob", files.blob),
            _async_function("bufferToString", files.buffer_to_string, evaluated=False),
            _function("getArrayBuffer", files.get_array_buffer),
            _async_function("getDataUri", files.get_data_uri, evaluated=False),
            _function("getMimeType", files.get_mime_type),
            _async_function("parseDocument", parse_document),
            _function("teeStream", files.tee_stream),
        ),
    ),
    Family(
        "Parsing",
        "core",
        (
            _function_of_evaluation("jsonParse", parsing.json_parse),
            _function_of_evaluation("parseQuery", query_strings.parse_query),
            _function("parseUrl", parsing.parse_url),
            _function_of_evaluation("stringifyQuery", query_strings.stringify_query),
            _function("toNumber", parsing.to_number),
        ),
    ),
    Family(
        "Values, currency, SQL rows",
        "core",
        (
            _function("convertCurrencyFromSubunit", currency.convert_currency_from_subunit),
            _function_of_evaluation("convertCurrencyToSubunit", currency.convert_currency_to_subunit),
            _function("firstNonEmpty", empty_and_mapped_values.first_non_empty),
            _function("mapValues", empty_and_mapped_values.map_values),
            _function_of_evaluation("removeEmpty", empty_and_mapped_values.remove_empty),
            _function("removeEmptyItems", empty_and_mapped_values.remove_empty_items),
            _function_of_evaluation("zipSqlResponse", sql.zip_sql_response),
        ),
    ),
    Family(
        "Similarity and hierarchies",
        "core",
        (
            _function_of_evaluation("diceCoefficient", similarity.dice_coefficient),
            _function_of_evaluation("mostSimilar", similarity.most_similar),
            _function_of_evaluation("dependencyGraph", hierarchies.dependency_graph),
            _function_of_evaluation("sortNodes", hierarchies.sort_nodes),
        ),
    ),
    Family(
        "In the place of JSONata's own",
        "core",
        (
            _function_of_evaluation("string", jsonata_overrides.string, "<x-b?:s>"),
            _function("keys", jsonata_overrides.keys, "<x-:a<s>>"),
            _function("each", jsonata_overrides.each, "<o-f:a>"),
            _function("sift", jsonata_overrides.sift, "<o-f?:o>"),
        ),
    ),
    Family(
        "Lists and objects",
        "core",
        (
            _function_of_evaluation("chunk", lists_and_objects.chunk),
            _function("compact", lists_and_objects.compact),
            _function("difference", lists_and_objects.difference),
            _function("find", lists_and_objects.find),
            _function_of_evaluation("flatten", lists_and_objects.flatten),
            _function_of_evaluation("flattenDeep", lists_and_objects.flatten_deep),
            _function_of_evaluation("flattenDepth", lists_and_objects.flatten_depth),
            _function("groupBy", lists_and_objects.group_by),
            _function_of_evaluation("join", jsonata_overrides.join),
            _function("keyBy", lists_and_objects.key_by),
            _function("lofilter", lists_and_objects.lofilter),
            _function("omit", lists_and_objects.omit),
            _function("orderBy", lists_and_objects.order_by),
            _function("pick", lists_and_objects.pick),
            _function("values", lists_and_objects.values),
            _function_of_evaluation("wrap", lists_and_objects.wrap),
        ),
    ),
    Family(
        "Date-times",
        "datetime",
        (
            _function_of_evaluation("dtFromIso", datetimes.dt_from_iso),
            _function_of_evaluation("dtFromFormat", datetimes.dt_from_format),
        ),
    ),
    Family(
        "Markdown",
        "markdown",
        (
            _function_of_evaluation("convertMarkdownToAdf", convert_markdown_to_adf),
            _function_of_evaluation("convertMarkdownToGoogleDocs", convert_markdown_to_google_docs),
            _async_function("convertMarkdownToHtml", convert_markdown_to_html),
            _function_of_evaluation("convertMarkdownToNotion", convert_markdown_to_notion),
            _function_of_evaluation("convertMarkdownToSlack", convert_markdown_to_slack),
            _async_function("convertMdToPdf", convert_md_to_pdf),
            _function_of_evaluation("convertNotionToMarkdown", convert_notion_to_markdown),
            _function("convertNotionToMd", convert_notion_to_md),
        ),
    ),
    Family("HTML", "html", (_async_function("convertHtmlToMarkdown", convert_html_to_markdown),)),
    Family(
        "Data formats",
        "data-formats",
        (
            _function_of_evaluation("convertQueryToSql", sql.convert_query_to_sql),
            _function_of_evaluation("jsonToCsv", csv.json_to_csv),
            _async_function("jsonToParquet", parquet.json_to_parquet),
            _function_of_evaluation("jsToXml", js_to_xml),
            _function_of_evaluation("xmlToJs", xml_to_js),
        ),
    ),
    Family(
        "AI",
        "ai",
        (
            _async_function("generateEmbeddingsCohere", embeddings.generate_embeddings_cohere),
            _function_of_evaluation(
                "recursiveCharacterTextSplitter", text_splitter.recursive_character_text_splitter
            ),
        ),
    ),
)

EXTENSIONS: Final = tuple(function for family in FAMILIES for function in family.functions)
