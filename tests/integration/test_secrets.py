"""S48, from end to end: a secret is used in every way, and then looked for in every byte that a run leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
import pytest

from ergon.engine.redaction import forms_of

nbformat: Any = untyped_nbformat
v4: Any = untyped_nbformat.v4
ERGON = Path(sys.executable).with_name("ergon")
SECRET = 'hunter2/"tok+en"-ü\\of the house'
CHANGED = 'an-other/one+of-the-"house"'

STEPS = """
import base64, json, os, urllib.parse

def says(token, ctx, apart=False):
    ctx.log("log " + token)
    ctx.progress(0.5, "progress " + token)
    ctx.emit("mine", {token: [token]})
    ctx.once("key " + token, lambda: "once " + token)
    print("print", token, repr(token), json.dumps(json.dumps(token)), urllib.parse.quote_plus(token))
    print(base64.encodebytes(b"." * 50 + token.encode() * 5).decode())
    if apart:
        os.write(1, b"written " + token.encode())
    (ctx.output_folder().parent / "made.txt").write_text("file " + token)
    made = ctx.artifact(ctx.output_folder().parent / "made.txt", type="text")
    (ctx.output_folder().parent / "made.txt").unlink()
    return {"text": token, "large": (token + " ") * 9000, "bytes": token.encode() * 9, "made": made, token: 1}

def fails(token):
    text = "failed with " + token
    raise ValueError(text)
"""

WORKFLOW = """
ergon: 1
name: secretive
settings: {on_failure: finish}
parameters:
  - {name: named, type: secret}
steps:
  - {id: says, uses: "steps:says", cache: true, with: {token: "{{ secrets.HOUSE_TOKEN }}"}}
  - {id: apart, uses: "steps:says", run_on: process, with: {token: "{{ parameters.named }}", apart: true}}
  - {id: fails, uses: "steps:fails", with: {token: "{{ secrets.HOUSE_TOKEN }}"}}
  - {id: fails_apart, uses: "steps:fails", run_on: process, with: {token: "x {{ secrets.HOUSE_TOKEN }}"}}
  - id: shell
    uses: shell.run
    with: {command: ["echo", "{{ secrets.HOUSE_TOKEN }}"]}
  - id: book
    uses: notebook.run
    with: {path: book.ipynb, parameters: {token: "{{ secrets.HOUSE_TOKEN }}"}}
  - id: http
    uses: http.request
    with: {url: "URL/echo", headers: {X-Token: "Bearer {{ secrets.PLAIN_TOKEN }}"}}
  - id: http_fails
    uses: http.request
    with: {url: "URL/missing?key={{ secrets.PLAIN_TOKEN }}"}
  - id: child
    uses: workflow.run
    with: {path: child.ergon.yaml, parameters: {token: "{{ secrets.HOUSE_TOKEN }}"}}
"""
CHILD = """
ergon: 1
name: child
parameters: [{name: token, type: secret}]
steps:
  - {id: inner, uses: "steps:says", with: {token: "{{ parameters.token }}"}}
"""
PLAIN = "plain-token-0123456789"


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = str(self.headers["X-Token"]).encode()
        self.send_response(200 if self.path == "/echo" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def ergon(folder: Path, *arguments: str, token: str = SECRET) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "HOUSE_TOKEN": token, "PLAIN_TOKEN": PLAIN}
    return subprocess.run([ERGON, *arguments], cwd=folder, env=environment, capture_output=True, timeout=100)


def test_s48_no_byte_that_a_run_leaves_or_says_holds_a_secret(tmp_path: Path, url: str) -> None:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "steps.py").write_text(STEPS, "utf-8")
    (tmp_path / "main.ergon.yaml").write_text(WORKFLOW.replace("URL", url), "utf-8")
    (tmp_path / "child.ergon.yaml").write_text(CHILD, "utf-8")
    cells = [v4.new_code_cell("token = ''", metadata={"tags": ["parameters"]}), v4.new_code_cell("print(token)")]
    cells.append(v4.new_code_cell("raise ValueError(token)"))
    spec = {"name": "python3", "display_name": "Python"}
    nbformat.write(v4.new_notebook(metadata={"kernelspec": spec}, cells=cells), tmp_path / "book.ipynb")

    said = [ergon(tmp_path, "run", "main.ergon.yaml", "-p", "named=HOUSE_TOKEN", "--json")]
    assert said[0].returncode == 1, said[0].stderr.decode()
    ids = [run.name for run in (tmp_path / ".ergon" / "outputs").iterdir()]
    assert len(ids) == 1
    said += [ergon(tmp_path, *look, ids[0]) for look in (("show",), ("show", "--json", "--events"), ("logs",))]
    said.append(ergon(tmp_path, "resume", ids[0], token=CHANGED))
    said += [ergon(tmp_path, *look, ids[0]) for look in (("show", "--json", "--events"), ("logs",))]

    heard = b"".join(done.stdout + done.stderr for done in said)
    assert b"failed with ***" in heard
    assert b"print ***" in heard
    assert b"written ***" in heard
    left = {file: file.read_bytes() for file in (tmp_path / ".ergon").rglob("*") if file.is_file()}
    places = {"what was said": heard, **{str(file): data for file, data in left.items()}}
    forms = [form.encode() for secret in (SECRET, CHANGED, PLAIN) for form in forms_of(secret)]
    assert [(place, form) for place, data in places.items() for form in forms if form in data] == []


def test_s48_a_name_that_the_vault_has_not_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "child.ergon.yaml").write_text(CHILD, "utf-8")
    (tmp_path / "steps.py").write_text(STEPS, "utf-8")
    done = ergon(tmp_path, "run", "child.ergon.yaml", "-p", "token=ERGON_ABSENT_TOKEN")
    shown = (done.stdout + done.stderr).decode()
    assert done.returncode == 1
    assert "There is no secret 'ERGON_ABSENT_TOKEN'." in shown
    assert "Traceback" not in shown
