"""A model hub on 127.0.0.1 that can fail, and a cache with the layout of huggingface_hub."""

import json
import os
import re
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TINY = Path(__file__).parents[2] / "fixtures" / "tiny-qwen3"
NAME, COMMIT = "owner/tiny-qwen3", "0123456789abcdef0123456789abcdef01234567"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
FILES = {
    path.relative_to(TINY).as_posix(): path.read_bytes()
    for path in sorted(TINY.rglob("*"))
    if path.is_file() and path.name != "golden.safetensors"
}
CODE = dict.fromkeys(("modeling.py", "pytorch_model.bin", "a.pt", "onnx/m.onnx", "q.gguf"), b"never")


@dataclass
class FakeHub:
    """The files of a hub, its failures, and the requests that it received."""

    files: dict[str, bytes] = field(default_factory=lambda: {**FILES, **CODE})
    fails: dict[str, tuple[int, str]] = field(default_factory=dict)  # "tree" or a file -> status, error code
    breaks: int = 0  # how many downloads of the weights end halfway
    interrupts: bool = False  # send Ctrl-C halfway through the weights
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, "tree" or a file, range

    agents: set[str] = field(default_factory=set)  # the user agents of the requests

    def counts(self) -> Counter[str]:
        """Count the files that were requested by GET."""
        return Counter(what for method, what, _ in self.asked if method == "GET")


class HubServer(ThreadingHTTPServer):
    """A server of a FakeHub on a free port."""

    def __init__(self, fake: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        fake, path = self.server.fake, unquote(urlsplit(self.path).path)
        is_tree = path == f"/api/models/{NAME}/tree/{COMMIT}"
        what = "tree" if is_tree else path.removeprefix(f"/{NAME}/resolve/{COMMIT}/")
        fake.asked.append((self.command, what, self.headers.get("Range", "")))
        fake.agents.add(self.headers.get("User-Agent", ""))
        if what in fake.fails:
            status, code = fake.fails[what]
            self.answer(status, b"", {"X-Error-Code": code} if code else {})
        elif is_tree:
            listing = [
                {"type": "file", "path": name, "size": len(data), "oid": sha256(data).hexdigest()[:40]}
                for name, data in fake.files.items()
            ]
            self.answer(200, json.dumps(listing).encode(), {"Content-Type": "application/json"})
        else:
            self.serve(what, fake.files[what])

    def serve(self, what: str, data: bytes) -> None:
        fake = self.server.fake
        start = int((re.findall(r"bytes=(\d+)-", self.headers.get("Range", "")) or ["0"])[0])
        headers = {"ETag": f'"{sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if what == WEIGHTS:  # like the real hub: it offers another protocol too, which is not served here
            headers |= {"X-Xet-Hash": "0" * 64, "X-Xet-Refresh-Route": "http://127.0.0.1:1/"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        halfway = what == WEIGHTS and self.command == "GET" and (fake.breaks > 0 or fake.interrupts)
        self.answer(206 if start else 200, data[start:], headers, cut=halfway)
        if halfway:
            fake.breaks -= 1
            if fake.interrupts:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            self.close_connection = True

    def answer(self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the signature of the base class)
        """Print nothing on stderr."""


def fill(cache: Path, files: dict[str, bytes], *, listed: dict[str, bytes] | None = None) -> Path:
    """Lay files out like huggingface_hub: blobs, a snapshot of links to them, and maybe the file list."""
    repository = cache / ("models--" + NAME.replace("/", "--"))
    folder = repository / "snapshots" / COMMIT
    for name, data in files.items():
        blob = repository / "blobs" / sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(os.path.relpath(blob, (folder / name).parent))
    if listed is not None:
        tree = {name: {"size": len(data), "blob_id": "0" * 40} for name, data in listed.items()}
        (repository / "trees").mkdir()
        content = json.dumps({"format_version": 1, "files": tree})
        (repository / "trees" / f"{COMMIT}.json").write_text(content, encoding="utf-8")
    return folder


def without(*names: str) -> dict[str, bytes]:
    return {name: data for name, data in FILES.items() if name not in names}


def sharded(*shards: str) -> dict[str, bytes]:
    index = {"weight_map": {f"weight {number}": shard for number, shard in enumerate(shards)}}
    return {**without(WEIGHTS), INDEX: json.dumps(index).encode()}
