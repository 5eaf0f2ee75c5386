"""Serves `app.py` of the working directory on a free port, until standard input ends."""

import sys
import threading

from werkzeug.serving import make_server

sys.path.insert(0, ".")
from app import app  # noqa: E402

server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
