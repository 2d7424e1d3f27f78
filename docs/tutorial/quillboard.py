"""Quillboard, an invented product: the people of a newspaper, behind a key. Standard library only.

python3 docs/tutorial/quillboard.py 8750
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

KEY = "quill-key"
PEOPLE = [
    {"id": 1, "given_name": "Ida", "family_name": "Okafor", "mail": "ida@paper.example", "role": "editor"},
    {"id": 2, "given_name": "Jon", "family_name": "Vik", "mail": "jon@paper.example", "role": "reporter"},
    {"id": 3, "given_name": "Sol", "family_name": "Marin", "mail": None, "role": "reporter"},
    {"id": 4, "given_name": "Pia", "family_name": "Roth", "mail": "pia@paper.example", "role": "printer"},
    {"id": 5, "given_name": "Tom", "family_name": "Abe", "mail": "tom@paper.example", "role": "editor"},
]
for person in PEOPLE:
    person |= {"created": 1714550000 + person["id"], "changed": 1714560000 + person["id"]}


class Quillboard(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if self.headers.get("X-Quill-Key") != KEY:
            return self.answer(401, {"problem": "The key is not known."})
        if url.path == "/people":
            return self.answer(200, self.page(dict(parse_qsl(url.query))))
        for each in PEOPLE:
            if url.path == f"/people/{each['id']}":
                return self.answer(200, each)
        return self.answer(404, {"problem": "There is nobody of that number."})

    def page(self, query):
        """`size` people after the one with the number `after`."""
        size, after = int(query.get("size", 2)), int(query.get("after", "p0")[1:])
        rest = [each for each in PEOPLE if each["id"] > after]
        last = rest[:size][-1]["id"] if rest else 0
        return {"entries": rest[:size], "next": f"p{last}" if len(rest) > size else None}

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Quillboard).serve_forever()
