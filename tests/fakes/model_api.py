"""Play a model's API for a coding agent on this machine: ask for one command, then say "done".

It speaks the Messages API, the Responses API, chat completions and `generateContent`, streamed or
not. Each request body is kept: what stands there is what a provider would have received.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SHELLS = ("Bash", "bash", "shell", "exec_command", "local_shell", "run_shell_command", "shell_command")
USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "prompt_tokens": 1, "completion_tokens": 1}


class Model:
    """The script: *command* is asked for once, with the first shell that is offered."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.bodies: list[str] = []
        self.url = ""

    def find_shell(self, body: dict[str, Any], answered: str) -> tuple[str, dict[str, Any]] | None:
        """Return the tool to call and its arguments; None if there is none, or one was called before."""
        if answered in json.dumps(body):
            return None
        for tool in list_tools(body):
            name = tool.get("name", "")
            if name in SHELLS:
                schema = json.dumps(tool)
                arguments: dict[str, Any] = {"command": self.command, "description": "look"}
                if '"cmd"' in schema:
                    arguments = {"cmd": self.command}
                elif '"workdir"' in schema and '"array"' in schema.partition('"command"')[2][:60]:
                    arguments = {"command": ["bash", "-lc", self.command]}
                return name, arguments
        return None


def list_tools(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for tool in body.get("tools", []):
        if "functionDeclarations" in tool:
            yield from tool["functionDeclarations"]
        else:
            yield tool.get("function", tool)


def to_events(events: list[tuple[str, dict[str, Any]]]) -> bytes:
    return "".join(f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n" for name, data in events).encode()


def play_messages(model: Model, body: dict[str, Any]) -> tuple[str, bytes]:
    call = model.find_shell(body, '"tool_result"')
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", "m"), "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": USAGE}  # fmt: skip
    if not body.get("stream"):
        done = {**message, "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"}
        return "application/json", json.dumps(done).encode()
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta: dict[str, Any] = {"type": "text_delta", "text": "done"}
    if call:
        block = {"type": "tool_use", "id": "toolu_1", "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
    stop = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    return "text/event-stream", to_events(
        [
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": block}),
            ("content_block_delta", {"index": 0, "delta": delta}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": stop, "usage": USAGE}),
            ("message_stop", {}),
        ]
    )


def play_responses(model: Model, body: dict[str, Any]) -> tuple[str, bytes]:
    call = model.find_shell(body, '"function_call_output"')
    item: dict[str, Any] = {"type": "message", "role": "assistant", "id": "i1",
                            "content": [{"type": "output_text", "text": "done"}]}  # fmt: skip
    if call:
        item = {"type": "function_call", "id": "i1", "call_id": "c1", "name": call[0], "arguments": json.dumps(call[1])}
    done = {"id": "r1", "object": "response", "status": "completed", "output": [item], "usage": USAGE}
    if not body.get("stream"):
        return "application/json", json.dumps(done).encode()
    return "text/event-stream", to_events(
        [
            ("response.created", {"response": {"id": "r1", "status": "in_progress", "output": []}}),
            ("response.output_item.added", {"output_index": 0, "item": item}),
            ("response.output_item.done", {"output_index": 0, "item": item}),
            ("response.completed", {"response": done}),
        ]
    )


def play_chat(model: Model, body: dict[str, Any]) -> tuple[str, bytes]:
    call = model.find_shell(body, '"role": "tool"')
    delta: dict[str, Any] = {"role": "assistant", "content": "done"}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        delta = {"role": "assistant", "content": None,
                 "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}  # fmt: skip
    finish = "tool_calls" if call else "stop"
    head = {"id": "c1", "created": 1, "model": body.get("model", "m")}
    if not body.get("stream"):
        choice = {"index": 0, "message": delta, "finish_reason": finish}
        return "application/json", json.dumps({**head, "choices": [choice], "usage": USAGE}).encode()
    rows = [
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": USAGE},
    ]  # fmt: skip
    return "text/event-stream", ("".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n").encode()


def play_generate(model: Model, body: dict[str, Any], streamed: bool) -> tuple[str, bytes]:
    call = model.find_shell(body, '"functionResponse"')
    part: dict[str, Any] = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": "done"}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}  # fmt: skip
    if streamed:
        return "text/event-stream", f"data: {json.dumps(answer)}\n\n".encode()
    return "application/json", json.dumps(answer).encode()


def play(model: Model, path: str, body: dict[str, Any]) -> tuple[str, bytes] | None:
    if "count_tokens" in path or ":countTokens" in path:
        return "application/json", json.dumps({"input_tokens": 1, "totalTokens": 1}).encode()
    if "GenerateContent" in path or ":generateContent" in path:
        return play_generate(model, body, "stream" in path)
    if path.startswith("/v1/messages") or path.startswith("/messages"):
        return play_messages(model, body)
    if "/responses" in path:
        return play_responses(model, body)
    return play_chat(model, body) if "/chat/completions" in path else None


@contextmanager
def serve(command: str) -> Iterator[Model]:
    """Serve the API on this machine; `url` of the model is its address."""
    model = Model(command)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.reply(404, "application/json", b"{}")

        do_HEAD = do_GET

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
            model.bodies.append(data.decode("utf-8", "replace"))
            try:
                body = json.loads(data or b"{}")
            except ValueError:
                body = {}
            answer = play(model, self.path, body)
            self.reply(200, *answer) if answer else self.reply(404, "application/json", b"{}")

        def reply(self, code: int, kind: str, data: bytes) -> None:
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
