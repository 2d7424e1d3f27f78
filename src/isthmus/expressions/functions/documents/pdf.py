"""`$convertMdToPdf` (`functions.md` §9): here with the extra `pdf`, or by a service."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import unquote

from isthmus.expressions.errors import function_error, not_configured_error
from isthmus.expressions.functions.arguments import input_text, setting
from isthmus.expressions.functions.documents.page import page_styles
from isthmus.expressions.functions.documents.worker_process import run_worker
from isthmus.expressions.functions.markdown.blocks import read_markdown
from isthmus.expressions.functions.markdown.to_html import html_of
from isthmus.expressions.functions.service_requests import Answer, Retry, document_service, exchange, has_port
from isthmus.expressions.host.blobs import Blob
from isthmus.expressions.javascript import to_json_text, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_md_to_pdf"]

_NAME: Final = "convertMdToPdf"
_EXTENDED: Final = re.compile(r"filename\*\s*=\s*(?:UTF-8'')?\"?([^\";]+)\"?", re.I)
_SIMPLE: Final = re.compile(r"filename\s*=\s*\"?([^\";]+)\"?", re.I)


async def convert_md_to_pdf(
    evaluation: Evaluation,
    markdown: object = UNDEFINED,
    options: object = UNDEFINED,
    asset_headers: object = UNDEFINED,
) -> Blob:
    """Markdown as a PDF file, made here with the extra `pdf`; images only from `data:` addresses.

    With `ISTHMUS_CONVERT_MD_TO_PDF=remote` the operator's service makes it, or that of the variables
    `documentParserApiUrl` and `documentParserApiKey`.

    Arguments:
        markdown: Markdown (GFM).
        options: `title`, `pageSize` (`A4`, `Letter`, …), `margin` (`top`, `bottom`, `left`, `right`),
            `displayHeaderFooter`, `headerTemplate`, `footerTemplate`, `styles` (CSS), `filename`;
            `pageMargins` (points: left, top, right, bottom) and `defaultStyle` are read too.
        assetHeaders: headers for images; used by the service only.
    Null and missing: an error.
    Errors: `Markdown content is required and must be a string`; `Document parser API key/URL not found in
        environment`; `PDF conversion failed (<status>)…`; more than 200 pages or 30 seconds.
    Example:
        $convertMdToPdf("")
        => error: Markdown content is required and must be a string
    """
    if not isinstance(markdown, str) or not markdown:
        raise function_error(_NAME, "Markdown content is required and must be a string")
    source = input_text(evaluation, markdown, _NAME)
    given = options if isinstance(options, Mapping) else {}
    filename = given.get("filename")
    name = filename if isinstance(filename, str) and filename else "document.pdf"
    if setting(evaluation, "pdf.mode", "local") == "remote":
        return await _remote(evaluation, source, given, asset_headers, name)
    title = given.get("title")
    head = f"<title>{escape(title)}</title>" if isinstance(title, str) else ""
    page = f"<!doctype html><meta charset=utf-8>{head}<body>{html_of(read_markdown(source))}"
    data = await run_worker(_NAME, "pdf", {"styles": page_styles(given)}, page.encode())
    return Blob(data, "application/pdf", name)


async def _remote(
    evaluation: Evaluation, markdown: str, options: Mapping[str, object], headers: object, name: str
) -> Blob:
    url, key = document_service(evaluation)
    for value, part in ((key, "key"), (url, "URL")):
        if not isinstance(value, str) or not value:
            raise function_error(_NAME, f"Document parser API {part} not found in environment")
    if not has_port(evaluation):
        raise not_configured_error(_NAME)
    assets = headers if isinstance(headers, Mapping) else {}
    body = {"markdown": markdown, "options": dict(options), "assetHeaders": dict(assets)}
    answer = await exchange(
        evaluation,
        _NAME,
        f"{to_text(url).rstrip('/')}/md-to-pdf",
        headers={
            "authorization": f"Bearer {to_text(key)}",
            "content-type": "application/json",
            "accept": "application/pdf",
        },
        body=to_json_text(body).encode(),
        retry=Retry(longest=30.0),
    )
    return _file(answer, name)


def _file(answer: Answer, default: str) -> Blob:
    if answer.status >= 400:
        raise function_error(_NAME, f"PDF conversion failed ({answer.status}){_details(answer.body)}")
    kind = answer.headers.get("content-type", "")
    if "application/pdf" not in kind:
        raise function_error(_NAME, f"Expected PDF but received: {kind}")
    disposition = answer.headers.get("content-disposition", "")
    if found := _EXTENDED.search(disposition):
        default = unquote(found[1])
    elif found := _SIMPLE.search(disposition):
        default = found[1]
    return Blob(answer.body, "application/pdf", default)


def _details(body: bytes) -> str:
    try:
        found = json.loads(body)
        message = found.get("message") if isinstance(found, dict) else None
    except ValueError:
        message = body[:500].decode("utf-8", "replace")
    return f": {message}" if message else ""
