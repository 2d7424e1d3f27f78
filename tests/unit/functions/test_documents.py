"""Documents: text out of files, PDF out of Markdown."""

from __future__ import annotations

import io

import docx
import pypdf
import pytest
from tests.unit.functions.running import error, services, value

from isthmus.expressions.functions.documents import worker
from isthmus.expressions.functions.documents.pdf import build_page_styles
from isthmus.expressions.functions.documents.worker import DocumentError, extract_text
from isthmus.expressions.host import Blob

LOCAL = services(documents_mode="local")
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _pdf(markdown: str, **options: object) -> Blob:
    found = value("$convertMdToPdf(m, o)", {"m": markdown, "o": options})
    assert isinstance(found, Blob)
    return found


def test_a_pdf_of_markdown_is_read_back() -> None:
    blob = _pdf("# Title\n\nHello **world**", title="The title", filename="r.pdf", pageSize="Letter")
    assert (blob.type, blob.name) == ("application/pdf", "r.pdf")
    reader = pypdf.PdfReader(io.BytesIO(blob.data))
    assert "Hello world" in reader.pages[0].extract_text()
    assert reader.metadata is not None
    assert reader.metadata.title == "The title"
    assert round(reader.pages[0].mediabox.width) == 612
    found = value("$parseDocument(f)", {"f": blob}, given=LOCAL)
    assert "Hello world" in str(found)


def test_a_pdf_reaches_no_file_and_no_server() -> None:
    blob = _pdf("![x](file:///etc/passwd) ![y](http://127.0.0.1:9/z)\n\n<img src='/etc/passwd'>ok")
    assert "ok" in pypdf.PdfReader(io.BytesIO(blob.data)).pages[0].extract_text()
    assert b"root:" not in blob.data


@pytest.mark.parametrize("markdown", ["''", "missing", "null", "5"])
def test_a_pdf_of_nothing_is_an_error(markdown: str) -> None:
    assert (
        error(f"$convertMdToPdf({markdown})").message == "Markdown content is required and must be a string"
    )


def test_page_options_become_css() -> None:
    css = build_page_styles(
        {"pageMargins": [1, 2, 3, 4], "displayHeaderFooter": True, "headerTemplate": '<b>"H"</b>'}
    )
    assert "margin: 2pt 3pt 4pt 1pt" in css
    assert '@top-center { content: "\\"H\\""; font-size: 9pt }' in css
    assert "margin: 18mm 5px 1cm 18mm" in build_page_styles(
        {"margin": {"right": 5, "bottom": "1cm", "left": "}x"}}
    )
    assert "@top-center" not in build_page_styles({"displayHeaderFooter": True, "headerTemplate": " "})
    assert "font-size: 20pt" in build_page_styles({"defaultStyle": {"fontSize": 20}})
    assert build_page_styles({"styles": "b { color: red }"}).endswith("b { color: red }")


@pytest.mark.parametrize("name", ["A0", "A1", "A2", "A3", "A4", "A5", "A6", "Letter", "Legal", "Ledger"])
def test_a_page_has_the_size_of_its_name(name: str) -> None:
    assert f"size: {name.lower()};" in build_page_styles({"pageSize": name})


@pytest.mark.parametrize("name", ["A7", "a4 } * { color: red", 4, None])
def test_a_page_of_an_unknown_size_is_a4(name: object) -> None:
    assert "{ size: a4; margin" in build_page_styles({"pageSize": name})


def test_a_tabloid_page_is_11_by_17_inches() -> None:
    page = pypdf.PdfReader(io.BytesIO(_pdf("x", pageSize="Tabloid").data)).pages[0]
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (792, 1224)


def test_parse_document_is_off_until_it_is_configured() -> None:
    assert error("$parseDocument('x', 'text/plain')").message == "parseDocument is not configured"
    remote = services(documents_mode="remote")
    assert error("$parseDocument('x', 'text/plain')", given=remote).message == (
        "API key not found in environment"
    )


def test_parse_document_reads_text_and_word() -> None:
    assert value("$parseDocument('héllo', 'text/plain')", given=LOCAL) == "héllo"
    assert value("$parseDocument($blob('hi').stream(), 'text/plain')", given=LOCAL) == "hi"
    document = docx.Document()
    document.add_paragraph("First")
    document.add_table(1, 2).rows[0].cells[0].text = "cell"
    written = io.BytesIO()
    document.save(written)
    data = {"f": Blob(written.getvalue(), WORD)}
    assert value("$parseDocument(f)", data, given=LOCAL) == "First\ncell\t"


@pytest.mark.parametrize("kind", ["", "application/json", "application/xml", "TEXT/csv; charset=utf-8"])
def test_texts_of_every_kind_are_read_as_they_are(kind: str) -> None:
    assert extract_text({"type": kind}, b"h\xff") == "h\ufffd".encode()


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png"])
def test_files_that_hold_no_text_are_not_read(kind: str) -> None:
    with pytest.raises(DocumentError, match=kind):
        extract_text({"type": kind}, b"h")


def test_a_pdf_of_200_pages_is_read_and_one_of_more_is_not() -> None:
    writer = pypdf.PdfWriter()
    for allowed in (True, False):
        for _ in range(200 if allowed else 1):
            writer.add_blank_page(10, 10)
        written = io.BytesIO()
        writer.write(written)
        data = {"f": Blob(written.getvalue(), "application/pdf")}
        if allowed:
            assert str(value("$parseDocument(f)", data, given=LOCAL)).strip() == ""
        else:
            assert "more than 200 pages" in error("$parseDocument(f)", data, given=LOCAL).message


def test_parse_document_says_what_it_cannot_read() -> None:
    assert "image/png" in error("$parseDocument('x', 'image/png')", given=LOCAL).message
    assert "cannot be used" in error("$parseDocument('x', 'application/pdf')", given=LOCAL).message
    error("$parseDocument(5, 'text/plain')", given=LOCAL)


def test_a_pdf_that_is_made_has_so_many_pages_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "limit_memory", lambda: None)  # it is that of a process for one document
    monkeypatch.setattr(worker, "_MAX_PAGES", 1)
    styles = {"styles": "@page { size: 100pt 200pt; margin: 0 } p + p { break-before: page }"}
    page = pypdf.PdfReader(io.BytesIO(worker.render_pdf(styles, b"<p>a</p>"))).pages[0]
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (100, 200)
    with pytest.raises(DocumentError, match="more than 1 pages"):
        worker.render_pdf(styles, b"<p>a</p><p>b</p>")
