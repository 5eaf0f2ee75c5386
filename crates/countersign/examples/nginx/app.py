"""An application behind nginx, in which no token is seen: who it is stands in X-Auth-User."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(BaseHTTPRequestHandler):
    def do_GET(self):
        pages = {
            "/healthz": "well",
            "/me": self.headers.get("X-Auth-User", "nobody"),
            "/admin": "hello, admin",
        }
        page = pages.get(self.path)
        body = (page or "not found").encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    # For nginx alone: nobody else may reach it, or they could say who they are.
    port = int(os.environ.get("PORT", "9000"))
    ThreadingHTTPServer(("127.0.0.1", port), Application).serve_forever()
