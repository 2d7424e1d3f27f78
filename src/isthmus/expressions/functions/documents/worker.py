"""The program of the process that reads and writes documents: `python -m … {pdf|text}`.

It reads one line of JSON and a body from standard input and writes the result to standard output. On an error
it writes one line to standard error and exits with status 1. It limits its own time and memory, and no
library in it is given a way to fetch.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

__all__ = ["MAX_MEMORY_BYTES", "MAX_SECONDS", "main"]

MAX_MEMORY_BYTES: Final = 512 * 1024 * 1024
MAX_SECONDS: Final = 30
_MAX_PAGES: Final = 200
_MISSING_EXTRA: Final = "the extra `{0}` is not installed: pip install 'isthmus[{0}]'"


class DocumentError(Exception):
    """Why the document cannot be used, in words for the caller."""


def main() -> int:
    """Run the task that the first argument names; the exit status."""
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    head = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    work = {"pdf": render_pdf, "text": extract_text}[sys.argv[1]]
    try:
        sys.stdout.buffer.write(work(head, body))
    except DocumentError as error:
        sys.stderr.write(str(error))
        return 1
    except MemoryError:
        sys.stderr.write("the document needs more memory than is allowed")
        return 1
    except Exception as error:  # foreign libraries raise all sorts for foreign files
        sys.stderr.write(f"the document cannot be used ({type(error).__name__})")
        return 1
    return 0


def limit_memory() -> None:
    """Limit the memory of this process; called after the imports, which map more than they use."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


def _import_library(module: str, extra: str) -> Any:
    """Return the module; raises DocumentError where the extra that brings it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise DocumentError(_MISSING_EXTRA.format(extra)) from None


def extract_text(head: Mapping[str, Any], body: bytes) -> bytes:
    """Return the text in UTF-8 of a PDF, a Word document or a text file, by its media type `head["type"]`."""
    kind = str(head["type"]).partition(";")[0].strip().lower()
    if kind == "application/pdf":
        return _extract_pdf_text(body).encode()
    if kind == "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
        return _extract_word_text(body).encode()
    if kind.startswith("text/") or kind in {"application/json", "application/xml", ""}:
        return body.decode("utf-8", "replace").encode()
    raise DocumentError(f"files of type {kind} cannot be read here")


def _extract_pdf_text(body: bytes) -> str:
    """Return the text of a PDF, a blank line between pages; raises DocumentError for too many pages."""
    library = _import_library("pypdf", "documents")
    limit_memory()
    reader = library.PdfReader(io.BytesIO(body))
    if len(reader.pages) > _MAX_PAGES:
        raise DocumentError(f"the document has more than {_MAX_PAGES} pages")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def _extract_word_text(body: bytes) -> str:
    """Return the text of a Word document: its paragraphs, then the rows of its tables."""
    library = _import_library("docx", "documents")
    limit_memory()
    document = library.Document(io.BytesIO(body))
    lines = [paragraph.text for paragraph in document.paragraphs]
    for table in document.tables:
        lines.extend("\t".join(cell.text for cell in row.cells) for row in table.rows)
    return "\n".join(lines)


def render_pdf(head: Mapping[str, Any], body: bytes) -> bytes:
    """Return a PDF of the HTML in `body`, with the CSS in `head["styles"]`.

    Images come from `data:` addresses only: no file and no server is reached.
    """
    library, urls = _import_library("weasyprint", "pdf"), _import_library("weasyprint.urls", "pdf")
    limit_memory()

    fetcher = urls.URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    styles = [library.CSS(string=str(head["styles"]), url_fetcher=fetcher)]
    document = library.HTML(string=body.decode(), url_fetcher=fetcher).render(stylesheets=styles)
    if len(document.pages) > _MAX_PAGES:
        raise DocumentError(f"the document has more than {_MAX_PAGES} pages")
    return bytes(document.write_pdf())


if __name__ == "__main__":
    sys.exit(main())
