"""A server on loopback that speaks the tools' protocols and says always the same.

It follows the parts of them on which clients stumble: Ollama's native routes stream one JSON object
per line unless told not to, OpenAI's send events only when told to, and a body that is no JSON, or
lacks what the route needs, is refused.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ("Light ", "is ", "scattered.")
ANSWER = "".join(WORDS)
NEEDED = {
    "/api/generate": ("model", "prompt"),
    "/api/chat": ("model", "messages"),
    "/v1/chat/completions": ("messages",),
    "/v1/completions": ("prompt",),
    "/completion": ("prompt",),
}


class Handler(BaseHTTPRequestHandler):
    """One request; the server keeps what was asked in `asked`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Health, version and models."""
        answers = {
            "/": "Ollama is running",
            "/health": {"status": "ok"},
            "/api/version": {"version": "0.33.0"},
            "/v1/models": {"object": "list", "data": [{"id": "a-model", "object": "model"}]},
        }
        self.server.asked.append((self.path, None))
        if self.path not in answers:
            return self._answer({"error": "no such route"}, 404)
        return self._answer(answers[self.path])

    def do_POST(self) -> None:
        """An answer, whole or in pieces."""
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(text)
        except ValueError as error:
            return self._answer({"error": f"not JSON: {error}"}, 400)
        self.server.asked.append((self.path, body))
        missing = [name for name in NEEDED.get(self.path, ("a route",)) if name not in body]
        if missing:
            return self._answer({"error": f"{self.path} needs {missing[0]}"}, 400)
        if self.path.startswith("/api/"):
            if body.get("stream", True):
                return self._pieces(
                    map(json.dumps, _ollama_pieces(self.path)), "application/x-ndjson"
                )
            return self._answer(_ollama(self.path, ANSWER, done=True))
        if self.path == "/completion":
            return self._answer({"content": ANSWER, "stop": True})
        if body.get("stream"):
            return self._pieces(_events(), "text/event-stream")
        return self._answer(_openai(self.path, ANSWER))

    def _answer(self, content: object, status: int = 200) -> None:
        text = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _pieces(self, lines: Iterator[str], kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        for line in lines:
            self.wfile.write(line.encode() + b"\n")
        self.close_connection = True


def _ollama(path: str, text: str, *, done: bool) -> dict[str, object]:
    told = (
        {"message": {"role": "assistant", "content": text}}
        if "chat" in path
        else {"response": text}
    )
    return {"model": "a-model", "created_at": "2026-11-22T00:00:00Z", "done": done, **told}


def _ollama_pieces(path: str) -> Iterator[dict[str, object]]:
    for word in WORDS:
        yield _ollama(path, word, done=False)
    yield _ollama(path, "", done=True)


def _openai(path: str, text: str) -> dict[str, object]:
    chat = {"message": {"role": "assistant", "content": text}}
    choice = {"index": 0, "finish_reason": "stop", **(chat if "chat" in path else {"text": text})}
    return {
        "id": "1",
        "object": "completion",
        "created": 1,
        "model": "a-model",
        "choices": [choice],
    }


def _events() -> Iterator[str]:
    for word in (*WORDS, None):
        choice = {"index": 0, "delta": {"content": word} if word else {}, "finish_reason": None}
        chunk = {"id": "1", "object": "chunk", "created": 1, "model": "m", "choices": [choice]}
        yield f"data: {json.dumps(chunk)}\n"
    yield "data: [DONE]\n"


@contextlib.contextmanager
def model_server() -> Iterator[ThreadingHTTPServer]:
    """A running server on a free port of this machine; `asked` lists its requests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
