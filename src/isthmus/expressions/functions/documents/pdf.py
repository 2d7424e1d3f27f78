"""`$convertMdToPdf`: Markdown as a PDF file, made in a worker process or by the operator's service.

The options of the function become the style sheet of the page. The worker needs the extra `pdf`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import unquote

from isthmus.expressions.errors import make_function_error, make_not_configured_error
from isthmus.expressions.functions.arguments import check_input_text, get_options, get_setting
from isthmus.expressions.functions.documents.worker_process import run_worker
from isthmus.expressions.functions.markdown.blocks import parse_markdown
from isthmus.expressions.functions.markdown.to_html import write_html
from isthmus.expressions.functions.service_requests import (
    RetryPolicy,
    ServiceResponse,
    get_document_service,
    has_fetcher,
    post_with_retry,
)
from isthmus.expressions.host.blobs import Blob
from isthmus.expressions.javascript import format_number_text, is_number, to_json_text, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["build_page_styles", "convert_md_to_pdf"]

_NAME: Final = "convertMdToPdf"
_EXTENDED_FILENAME: Final = re.compile(r"filename\*\s*=\s*(?:UTF-8'')?\"?([^\";]+)\"?", re.I)
_SIMPLE_FILENAME: Final = re.compile(r"filename\s*=\s*\"?([^\";]+)\"?", re.I)
_PAGE_SIZES: Final = {
    **{name: name for name in ("a0", "a1", "a2", "a3", "a4", "a5", "a6", "letter", "legal", "ledger")},
    "tabloid": "11in 17in",  # CSS has no name for it
}
_CSS_LENGTH: Final = re.compile(r"\d+(?:\.\d+)?(?:mm|cm|in|px|pt)?")
_TAGS: Final = re.compile(r"<[^>]*>")
_SIDES: Final = ("top", "right", "bottom", "left")
_BASE_STYLES: Final = """body { font-family: sans-serif; font-size: 11pt; line-height: 1.4 }
table { border-collapse: collapse } th, td { border: 1px solid #999; padding: 3pt 6pt }
pre, code { font-family: monospace; font-size: 10pt } pre { white-space: pre-wrap }
img { max-width: 100% } blockquote { border-left: 3pt solid #ccc; margin-left: 0; padding-left: 9pt }"""


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
        options: `title`, `pageSize` (`A0` to `A6`, `Letter`, `Legal`, `Tabloid`, `Ledger`), `margin` (`top`,
            `bottom`, `left`, `right`), `displayHeaderFooter`, `headerTemplate`, `footerTemplate`, `styles`
            (CSS), `filename`; `pageMargins` (points: left, top, right, bottom) and `defaultStyle` are read
            too.
        assetHeaders: headers for images; used by the service only.
    Null and missing: an error.
    Errors: `Markdown content is required and must be a string`; `Document parser API key/URL not found in
        environment`; `PDF conversion failed (<status>)…`; more than 200 pages or 30 seconds.
    Example:
        $convertMdToPdf("")
        => error: Markdown content is required and must be a string
    """
    if not isinstance(markdown, str) or not markdown:
        raise make_function_error(_NAME, "Markdown content is required and must be a string")
    source = check_input_text(evaluation, markdown, _NAME)
    options = get_options(options)
    filename = options.get("filename")
    name = filename if isinstance(filename, str) and filename else "document.pdf"
    if get_setting(evaluation, "pdf.mode", "local") == "remote":
        return await _convert_by_service(evaluation, source, options, asset_headers, name)
    title = options.get("title")
    head = f"<title>{escape(title)}</title>" if isinstance(title, str) else ""
    page = f"<!doctype html><meta charset=utf-8>{head}<body>{write_html(parse_markdown(source))}"
    data = await run_worker(_NAME, "pdf", {"styles": build_page_styles(options)}, page.encode())
    return Blob(data, "application/pdf", name)


async def _convert_by_service(
    evaluation: Evaluation, markdown: str, options: Mapping[str, object], headers: object, name: str
) -> Blob:
    """Return the PDF that the operator's service makes; raises ExpressionError where there is none or it
    fails."""
    url, key = get_document_service(evaluation)
    for value, part in ((key, "key"), (url, "URL")):
        if not isinstance(value, str) or not value:
            raise make_function_error(_NAME, f"Document parser API {part} not found in environment")
    if not has_fetcher(evaluation):
        raise make_not_configured_error(_NAME)
    body = {"markdown": markdown, "options": dict(options), "assetHeaders": dict(get_options(headers))}
    response = await post_with_retry(
        evaluation,
        _NAME,
        f"{to_text(url).rstrip('/')}/md-to-pdf",
        headers={
            "authorization": f"Bearer {to_text(key)}",
            "content-type": "application/json",
            "accept": "application/pdf",
        },
        body=to_json_text(body).encode(),
        retry=RetryPolicy(longest=30.0),
    )
    return _convert_response_to_blob(response, name)


def _convert_response_to_blob(response: ServiceResponse, default: str) -> Blob:
    """Return the PDF under the name that the service gives it, else `default`; raises ExpressionError for
    no PDF."""
    if response.status >= 400:
        raise make_function_error(
            _NAME, f"PDF conversion failed ({response.status}){_get_error_details(response.body)}"
        )
    kind = response.headers.get("content-type", "")
    if "application/pdf" not in kind:
        raise make_function_error(_NAME, f"Expected PDF but received: {kind}")
    disposition = response.headers.get("content-disposition", "")
    if match := _EXTENDED_FILENAME.search(disposition):
        default = unquote(match[1])
    elif match := _SIMPLE_FILENAME.search(disposition):
        default = match[1]
    return Blob(response.body, "application/pdf", default)


def _get_error_details(body: bytes) -> str:
    """Return the service's own message behind a colon; `""` where there is none."""
    try:
        answer = json.loads(body)
        message = answer.get("message") if isinstance(answer, dict) else None
    except ValueError:
        message = body[:500].decode("utf-8", "replace")
    return f": {message}" if message else ""


def build_page_styles(options: Mapping[str, object]) -> str:
    """Return the CSS of a PDF: page size, margins, header and footer, default text, then the caller's own
    CSS."""
    size = options.get("pageSize")
    rules = [f"size: {_PAGE_SIZES.get(size.lower(), 'a4') if isinstance(size, str) else 'a4'}"]
    rules.append(f"margin: {' '.join(_choose_margins(options))}")
    if options.get("displayHeaderFooter") is True:
        rules.append(_write_margin_box("top-center", options.get("headerTemplate"), ""))
        rules.append(
            _write_margin_box(
                "bottom-center", options.get("footerTemplate"), 'counter(page) " / " counter(pages)'
            )
        )
    own_styles = options.get("styles")
    page = "; ".join(rule for rule in rules if rule)
    return "\n".join(
        [
            _BASE_STYLES,
            f"@page {{ {page} }}",
            _write_default_style(options),
            own_styles if isinstance(own_styles, str) else "",
        ]
    )


def _choose_margins(options: Mapping[str, object]) -> list[str]:
    """Return CSS lengths for top, right, bottom, left; `pageMargins` has points for left, top, right,
    bottom."""
    points = options.get("pageMargins")
    if isinstance(points, list) and len(points) == 4 and all(is_number(point) for point in points):
        left, top, right, bottom = (f"{format_number_text(point)}pt" for point in points if is_number(point))
        return [top, right, bottom, left]
    margin = get_options(options.get("margin"))
    return [_to_css_length(margin.get(side)) for side in _SIDES]


def _to_css_length(value: object) -> str:
    """Return a number as pixels, a CSS length as it is, `18mm` for anything else."""
    if is_number(value):
        return f"{format_number_text(value)}px"
    return value if isinstance(value, str) and _CSS_LENGTH.fullmatch(value) else "18mm"


def _write_margin_box(place: str, template: object, default: str) -> str:
    """Return a CSS margin box with a template's text (without its tags), else with `default`; `""` for
    none."""
    content = default
    if isinstance(template, str) and template.strip():
        line = _TAGS.sub("", template).strip().replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        content = f'"{line}"'
    return f"@{place} {{ content: {content}; font-size: 9pt }}" if content else ""


def _write_default_style(options: Mapping[str, object]) -> str:
    """Return the CSS of the option `defaultStyle`; `""` without a font size."""
    style = options.get("defaultStyle")
    size = style.get("fontSize") if isinstance(style, Mapping) else None
    return f"body {{ font-size: {format_number_text(size)}pt }}" if is_number(size) else ""
