"""http.request, against servers on this machine only."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ergon.actions import http
from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, InputInvalid, PathRefused, Timeout
from ergon.testing.context import FakeContext

Run = Callable[..., Any]


class Server(ThreadingHTTPServer):
    """Answers by path, and remembers what it was asked."""

    daemon_threads = True
    url: str
    asked: list[dict[str, Any]]
    failures: list[tuple[int, dict[str, str]]]
    """Answers to give before the right one."""
    hold: threading.Event


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        request = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode("latin-1"),
        }
        self.server.asked.append(request)
        path = self.path.partition("?")[0]
        if self.server.failures:
            status, headers = self.server.failures.pop(0)
            if status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.answer(status, b"busy", **headers)
        elif path == "/echo":
            self.answer(200, json.dumps(request).encode(), Content_Type="application/json; charset=utf-8")
        elif path == "/text":
            self.answer(200, "blå".encode("latin-1"), Content_Type="text/plain; charset=latin-1")
        elif path == "/bytes":
            self.answer(200, b"\x00\xff" * 50_000, Content_Type="application/octet-stream")
        elif path == "/problem":
            self.answer(200, b'{"a": 1}', Content_Type="application/problem+json")
        elif path == "/liar":
            self.answer(200, b"{nonsense", Content_Type="application/json")
        elif path == "/bomb":
            body = gzip.compress(b"0" * 20_000_000)
            self.answer(200, body, Content_Type="text/plain", Content_Encoding="gzip")
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                self.close_connection = True
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif path == "/held":
            self.server.hold.wait(20)
            self.answer(200, b"late")
        elif path == "/there":
            self.answer(302, Location="/text")
        elif path == "/loop":
            self.answer(302, Location="/loop")
        elif path == "/empty":
            self.answer(204)
        else:
            self.answer(404, b"No such\n  page. " * 100)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  # as the base class calls them


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.url = f"http://127.0.0.1:{made.server_port}"
        made.asked, made.failures, made.hold = [], [], threading.Event()
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.hold.set()
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a hundredth of the time, and go to no proxy."""
    monkeypatch.setattr(http, "_backoff", lambda attempt: 0.01 * 2**attempt)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ask(run: Run) -> Run:
    def call(url: str, **inputs: object) -> Any:
        return run("http.request", url=url, **inputs)

    return call


def failure(ask: Run, url: str, **inputs: object) -> str:
    with pytest.raises(ActionFailed) as caught:
        ask(url, **inputs)
    text = str(caught.value)
    assert "\n" not in text
    return text


# ---- asking --------------------------------------------------------------------------------------------------


def test_json_is_read_and_parameters_and_headers_are_sent(ask: Run, server: Server) -> None:
    output = ask(f"{server.url}/echo?a=1", params={"b": "x y", "c": [1, 2]}, headers={"X-Mine": "yes"})
    assert output["status"] == 200
    assert output["headers"]["content-type"] == "application/json; charset=utf-8"
    assert output["json"]["path"] == "/echo?a=1&b=x+y&c=1&c=2"
    assert output["json"]["headers"]["x-mine"] == "yes"
    assert "body" not in output


def test_json_text_bytes_and_forms_are_sent(ask: Run, server: Server) -> None:
    url = f"{server.url}/echo"
    sent = ask(url, method="POST", json={"å": [1]})["json"]
    assert json.loads(sent["body"].encode("latin-1")) == {"å": [1]}
    assert sent["headers"]["content-type"] == "application/json"
    assert ask(url, method="PUT", data="text")["json"]["body"] == "text"
    assert ask(url, method="PATCH", data=b"\x00\xff")["json"]["body"] == "\x00\xff"
    form = ask(url, method="POST", data={"a": 1, "b": "x y"})["json"]
    assert (form["body"], form["headers"]["content-type"]) == ("a=1&b=x+y", "application/x-www-form-urlencoded")
    assert ask(url, method="DELETE")["json"]["method"] == "DELETE"


def test_other_answers(ask: Run, server: Server) -> None:
    assert ask(f"{server.url}/text")["body"] == "blå"
    assert ask(f"{server.url}/bytes")["body"] == b"\x00\xff" * 50_000
    assert ask(f"{server.url}/problem")["json"] == {"a": 1}
    assert ask(f"{server.url}/empty") == {**ask(f"{server.url}/empty"), "status": 204, "body": b""}
    assert ask(f"{server.url}/text", method="HEAD")["body"] == ""


def test_an_answer_that_only_says_that_it_is_json(ask: Run, server: Server) -> None:
    assert "not the JSON that it says it is" in failure(ask, f"{server.url}/liar")
    assert ask(f"{server.url}/liar", check=False)["body"] == "{nonsense"


def test_redirects_are_followed_unless_told(ask: Run, server: Server) -> None:
    output = ask(f"{server.url}/there")
    assert (output["body"], output["url"]) == ("blå", f"{server.url}/text")
    assert ask(f"{server.url}/there", follow_redirects=False)["status"] == 302
    assert "redirected without end" in failure(ask, f"{server.url}/loop")


def test_a_refusal_fails_the_step_or_may_be_looked_at(ask: Run, server: Server) -> None:
    said = failure(ask, f"{server.url}/gone?token=hidden")
    assert said.startswith(f"GET {server.url}/gone was answered with 404 Not Found: No such page. No such")
    assert "hidden" not in said
    assert len(said) < 400
    assert ask(f"{server.url}/gone", check=False)["status"] == 404
    assert len(server.asked) == 2, "what is not there is not asked for again"


# ---- files ---------------------------------------------------------------------------------------------------


def test_an_answer_is_streamed_into_a_file(ask: Run, server: Server, tmp_path: Path, context: FakeContext) -> None:
    output = ask(f"{server.url}/bytes", to="data/x.bin")
    data = (tmp_path / "data/x.bin").read_bytes()
    assert data == b"\x00\xff" * 50_000
    assert {name: output[name] for name in ("path", "size", "sha256")} == {
        "path": str(tmp_path / "data/x.bin"),
        "size": 100_000,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert "body" not in output
    assert context.progressed[-1][0] == 1.0


@pytest.mark.parametrize(("path", "options"), [("/cut", {"retries": 0}), ("/endless", {"max_mb": 1}), ("/gone", {})])
def test_a_file_is_whole_or_as_it_was(
    ask: Run, server: Server, tmp_path: Path, path: str, options: dict[str, Any]
) -> None:
    (tmp_path / "x.bin").write_text("before")
    failure(ask, f"{server.url}{path}", to="x.bin", **options)
    assert (tmp_path / "x.bin").read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["x.bin"]


def test_a_file_stays_in_the_workspace(ask: Run, server: Server, tmp_path: Path) -> None:
    with pytest.raises(PathRefused):
        ask(f"{server.url}/text", to="../x")
    (tmp_path / "folder").mkdir()
    assert "is a folder" in failure(ask, f"{server.url}/text", to="folder")


# ---- limits --------------------------------------------------------------------------------------------------


def test_too_large_an_answer_is_refused(ask: Run, server: Server) -> None:
    assert "larger than 0.05 MB" in failure(ask, f"{server.url}/bytes", max_mb=0.05)
    assert "larger than 1 MB" in failure(ask, f"{server.url}/endless", max_mb=1)
    assert "larger than 2 MB" in failure(ask, f"{server.url}/bomb", max_mb=2)


def test_a_server_that_does_not_answer_is_a_timeout(ask: Run, server: Server) -> None:
    with pytest.raises(Timeout, match=r"The request GET http://127.0.0.1:\d+/held took longer than its limit of 0.1 s"):
        ask(f"{server.url}/held?secret=1", timeout=0.1, retries=0)


def test_cancelling_ends_the_request(start: Run, server: Server) -> None:
    async def scenario() -> None:
        task = start("http.request", url=f"{server.url}/held")
        async with asyncio.timeout(20):
            while not server.asked:  # noqa: ASYNC110  # another thread does it
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - begun < 10


# ---- trying again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_what_may_pass_is_tried_again(ask: Run, server: Server, status: int, context: FakeContext) -> None:
    server.failures = [(status, {}), (status, {})]
    assert ask(f"{server.url}/text")["body"] == "blå"
    assert len(server.asked) == 3
    assert [level for level, _ in context.logged] == ["warning", "warning"]


def test_it_ends_after_its_retries(ask: Run, server: Server) -> None:
    server.failures = [(503, {})] * 5
    assert "503 Service Unavailable: busy" in failure(ask, f"{server.url}/text", retries=1)
    assert len(server.asked) == 2
    assert ask(f"{server.url}/text", retries=1, check=False)["status"] == 503


def test_a_500_is_not_tried_again(ask: Run, server: Server) -> None:
    server.failures = [(500, {})]
    assert "500" in failure(ask, f"{server.url}/text")
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "times"), [(429, 2), (503, 2), (502, 1), (504, 1)])
def test_a_post_that_may_have_been_carried_out_is_not_sent_twice(
    ask: Run, server: Server, status: int, times: int
) -> None:
    server.failures = [(status, {})]
    ask(f"{server.url}/echo", method="POST", json=1, check=False)
    assert len(server.asked) == times


def test_a_post_that_was_cut_off_is_not_sent_twice(ask: Run, server: Server) -> None:
    server.failures = [(0, {})]
    assert "failed" in failure(ask, f"{server.url}/echo", method="POST", json=1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_is_not_there_is_tried_again(ask: Run, context: FakeContext, method: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = failure(ask, f"http://127.0.0.1:{port}/x", method=method, retries=2)
    assert said.startswith(f"{method} http://127.0.0.1:{port}/x failed: ")
    assert len(context.logged) == 2


def test_the_server_says_when_to_try_again(ask: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    later = formatdate(time.time() + 30, usegmt=True)
    server.failures = [(503, {"Retry-After": "7"}), (429, {"Retry-After": later}), (503, {"Retry-After": "soon"})]
    assert ask(f"{server.url}/text", retries=3)["body"] == "blå"
    assert waits[0] == 7
    assert 25 < waits[1] <= 30
    assert waits[2] == 0.04
    server.failures = [(503, {"Retry-After": "9000"})]
    assert "503" in failure(ask, f"{server.url}/text")


def test_waits_grow_and_end_at_30_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert all(0.25 * 2**n <= http._backoff(n) <= 0.5 * 2**n for n in range(6))
    assert 15 <= http._backoff(20) <= 30


# ---- what cannot be asked ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "example.org", "file:///etc/passwd", "ftp://x/y", "http://", "http://[::1", "http://a:b/"]
)
def test_what_is_no_url_of_a_server_is_refused(ask: Run, url: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        ask(url)
    assert caught.value.field == "url"
    assert ActionCatalog().find("http.request").check({"url": url}, templated=frozenset())


def test_a_template_is_judged_later() -> None:
    made = ActionCatalog().find("http.request")
    assert made.check({"url": "{{ parameters.url }}"}, templated=frozenset({"url"})) == []


def test_json_and_data_exclude_each_other(ask: Run) -> None:
    with pytest.raises(InputInvalid, match="not both"):
        ask("http://localhost/", json=1, data="x")
    assert (
        ActionCatalog().find("http.request").check({"url": "http://a/", "json": 1, "data": "x"}, templated=frozenset())
    )


def test_a_header_that_cannot_be_sent_is_told(ask: Run, server: Server) -> None:
    assert "failed" in failure(ask, f"{server.url}/text", headers={"X": "a\r\nInjected: yes"}, retries=0)
    assert not server.asked


def test_passwords_are_sent_and_not_shown(ask: Run, server: Server) -> None:
    url = server.url.replace("http://", "http://user:hunter2@")
    assert "authorization" in ask(f"{url}/echo")["json"]["headers"]
    assert "hunter2" not in failure(ask, f"{url}/gone")
