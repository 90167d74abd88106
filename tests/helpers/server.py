"""A web server on this machine."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """A web server on this machine: ``pages`` by path, ``hits`` in order."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.declared: dict[str, int] = {}
        self.stall = threading.Event()
        self.stalled: set[str] = set()
        self.hits: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.hits.append(self.path)
                if self.path in outer.stalled:
                    outer.stall.wait(20)
                    return
                if self.path not in outer.pages:
                    self.send_error(404)
                    return
                body = outer.pages[self.path]
                self.send_response(200)
                length = outer.declared.get(self.path, len(body))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def hold(self, contents: dict[str, bytes]) -> None:
        for name, content in contents.items():
            self.pages[f"/{name}.gz"] = gzip.compress(content)

    def close(self) -> None:
        self.stall.set()
        self.http.shutdown()
        self.http.server_close()
