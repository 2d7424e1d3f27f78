"""The process in which documents are read and written: `python -m … {pdf|text}`.

Reads one JSON line and a body from standard input, writes the result to standard output; a problem goes to
standard error as one line and ends it with status 1. It sets its own limits first and has no network: no
library here is given a way to fetch.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

__all__ = ["MEMORY", "SECONDS", "main"]

MEMORY: Final = 512 * 1024 * 1024
SECONDS: Final = 30
_PAGES: Final = 200
_MISSING: Final = "the extra `{0}` is not installed: pip install 'isthmus[{0}]'"


class Problem(Exception):
    """What to tell the caller."""


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    head = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    work = {"pdf": write_pdf, "text": read_text}[sys.argv[1]]
    try:
        sys.stdout.buffer.write(work(head, body))
    except Problem as problem:
        sys.stderr.write(str(problem))
        return 1
    except MemoryError:
        sys.stderr.write("the document needs more memory than is allowed")
        return 1
    except Exception as error:  # foreign libraries raise all sorts for foreign files
        sys.stderr.write(f"the document cannot be used ({type(error).__name__})")
        return 1
    return 0


def limit_memory() -> None:
    """After the imports, which map more than they use."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def _needed(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise Problem(_MISSING.format(extra)) from None


def read_text(head: Mapping[str, Any], body: bytes) -> bytes:
    """The text of a PDF, a Word document or a text file, by its media type."""
    kind = str(head["type"]).partition(";")[0].strip().lower()
    if kind == "application/pdf":
        return _pdf_text(body).encode()
    if kind == "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
        return _word_text(body).encode()
    if kind.startswith("text/") or kind in {"application/json", "application/xml", ""}:
        return body.decode("utf-8", "replace").encode()
    raise Problem(f"files of type {kind} cannot be read here")


def _pdf_text(body: bytes) -> str:
    library = _needed("pypdf", "documents")
    limit_memory()
    reader = library.PdfReader(io.BytesIO(body))
    if len(reader.pages) > _PAGES:
        raise Problem(f"the document has more than {_PAGES} pages")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def _word_text(body: bytes) -> str:
    library = _needed("docx", "documents")
    limit_memory()
    document = library.Document(io.BytesIO(body))
    lines = [paragraph.text for paragraph in document.paragraphs]
    for table in document.tables:
        lines.extend("\t".join(cell.text for cell in row.cells) for row in table.rows)
    return "\n".join(lines)


def write_pdf(head: Mapping[str, Any], body: bytes) -> bytes:
    """A PDF of the HTML in `body`; `head["styles"]` is CSS. Assets are `data:` addresses or nothing: no file
    and no server is reached."""
    library, urls = _needed("weasyprint", "pdf"), _needed("weasyprint.urls", "pdf")
    limit_memory()

    fetcher = urls.URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    styles = [library.CSS(string=str(head["styles"]), url_fetcher=fetcher)]
    document = library.HTML(string=body.decode(), url_fetcher=fetcher).render(stylesheets=styles)
    if len(document.pages) > _PAGES:
        raise Problem(f"the document has more than {_PAGES} pages")
    return bytes(document.write_pdf())


if __name__ == "__main__":
    sys.exit(main())
