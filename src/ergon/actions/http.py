"""HTTP: requests to servers."""

from __future__ import annotations

import asyncio
import email.utils
import functools
import json as jsonlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from ergon.actions.action import action
from ergon.actions.writing import Sink, replacing, told
from ergon.errors import ActionFailed, InputInvalid, Timeout
from ergon.model.base import Duration
from ergon.ports import Context, Problem

if TYPE_CHECKING:
    from httpx import AsyncClient, Request, Response

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_BUSY: Final = frozenset({429, 503})
_AGAIN: Final = frozenset({429, 502, 503, 504})
_LONGEST_WAIT: Final = 120.0
_MEGABYTE: Final = 1_000_000

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
Plain = str | int | float | bool


def _check(config: Mapping[str, object]) -> list[Problem]:
    url = config.get("url")
    faults = []
    if isinstance(url, str) and "{{" not in url and (fault := _url_fault(url)):
        faults.append(Problem(("url",), f"Input 'url' of http.request: {fault}."))
    if config.get("json") is not None and config.get("data") is not None:
        faults.append(Problem(("data",), "Input 'data' of http.request: give json or data, not both."))
    return faults


def _url_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return "it must begin with http:// or https://"
        return "" if parts.hostname and (parts.port or 0) >= 0 else "it names no server"
    except ValueError as error:
        return f"it is no URL: {error}"


@action(
    "http.request",
    check=_check,
    example="""
    id: fetch
    uses: http.request
    with:
      url: https://example.org/weather.json
      params: {city: Oslo}
    """,
)
async def request(
    url: str,
    method: Method = "GET",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Plain | list[Plain] | None] | None = None,
    json: object = None,
    data: str | bytes | Mapping[str, Plain] | None = None,
    to: Annotated[str, Field(min_length=1)] | None = None,
    timeout: Duration = 30.0,
    retries: Annotated[int, Field(ge=0, le=20)] = 2,
    follow_redirects: bool = True,
    check: bool = True,
    max_mb: Annotated[float, Field(gt=0)] = 100,
    *,
    ctx: Context,
) -> dict[str, object]:
    """Sends a request and gives the answer.

    The output is `{status, url, headers}` with the body as `json` where the server says that it is JSON,
    else as `body`: text, or bytes for other media. With `to` the body is streamed into a file, and the
    output has `path`, `size` and `sha256` instead.

    Connection failures and the statuses 429, 502, 503 and 504 are retried with growing waits, or after the
    time that the server asks for in `Retry-After`. POST and PATCH, which may have been carried out, are
    retried only where the server was not reached or says that it is busy (429, 503).

    Args:
        url: Where to; http or https.
        method: The method.
        headers: Headers to send.
        params: Parameters to add to the URL.
        json: A value to send as JSON.
        data: Text or bytes to send, or a mapping to send as a form.
        to: A file to write the body to, whole or not at all.
        timeout: The longest wait for the server to connect, send or take a piece of data.
        retries: How often to try again.
        follow_redirects: Whether to go where the server sends us.
        check: Whether a status of 400 or more fails the step.
        max_mb: The largest body that is taken, in megabytes.
    """
    if fault := _url_fault(url):
        raise InputInvalid(action="http.request", field="url", reason=fault)
    if json is not None and data is not None:
        raise InputInvalid(action="http.request", field="data", reason="give json or data, not both")
    async with _client(timeout, follow_redirects) as client:
        made = _request(client, method, url, headers, params, json, data)
        exchange = _Exchange(client, made, retries, timeout, check, max_mb, ctx)
        return await exchange.run(ctx.path(to, write=True) if to is not None else None, to or "")


@asynccontextmanager
async def _client(timeout: float, follow_redirects: bool) -> AsyncIterator[AsyncClient]:
    import httpx

    async with httpx.AsyncClient(
        timeout=timeout, follow_redirects=follow_redirects, verify=_certificates(), headers={"user-agent": "ergon"}
    ) as client:
        yield client


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Give the certificates to trust; they take 20 ms to load."""
    import httpx

    return httpx.create_ssl_context()


def _request(
    client: AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    params: Mapping[str, Any] | None,
    json: object,
    data: Any,
) -> Request:
    import httpx

    body: dict[str, Any] = {"json": json} if json is not None else {}
    if isinstance(data, str | bytes):
        body = {"content": data}
    elif data is not None:
        body = {"data": dict(data)}
    try:
        whole = httpx.URL(url).copy_merge_params(params or {})
        return client.build_request(method, whole, headers=headers, **body)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise ActionFailed(f"The request cannot be made: {str(error).rstrip('.')}.") from None


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and its answer, over as many attempts as it takes."""

    client: AsyncClient
    request: Request
    retries: int
    timeout: float
    check: bool
    max_mb: float
    context: Context

    @property
    def shown(self) -> str:
        """The request in words, without passwords and parameters."""
        url = self.request.url
        port = f":{url.port}" if url.port else ""
        return f"{self.request.method} {url.scheme}://{url.host}{port}{url.path}"

    async def run(self, file: Path | None, name: str) -> dict[str, object]:
        """Send it until there is an answer to keep."""
        for attempt in range(self.retries + 1):
            is_last = attempt == self.retries
            wait = await self._once(file, name, attempt, is_last=is_last)
            if isinstance(wait, dict):
                return wait
            self.context.log(f"{self.shown} is tried again in {wait:.1f} s.", "warning")
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt gives an answer or raises")

    async def _once(self, file: Path | None, name: str, attempt: int, *, is_last: bool) -> dict[str, object] | float:
        """Try once; gives the output, or how many seconds to wait before the next time."""
        import httpx

        response: Response | None = None
        try:
            response = await self.client.send(self.request, stream=True)
            if not is_last and self._is_retried(response.status_code):
                wait = _asked(response, attempt)
                if wait is not None:
                    return wait
            return await self._take(response, file, name)
        except httpx.TimeoutException as error:
            if is_last or not self._was_not_sent(error):
                raise Timeout(seconds=self.timeout, what=f"request {self.shown}") from None
        except httpx.TransportError as error:
            if is_last or not self._was_not_sent(error):
                raise ActionFailed(f"{self.shown} failed: {_reason(error)}.") from None
        except httpx.TooManyRedirects:
            raise ActionFailed(f"{self.shown} is redirected without end.") from None
        except httpx.HTTPError as error:
            raise ActionFailed(f"{self.shown} failed: {_reason(error)}.") from None
        finally:
            if response is not None:
                await response.aclose()
        return _backoff(attempt)

    def _is_retried(self, status: int) -> bool:
        return status in (_AGAIN if self.request.method in _IDEMPOTENT else _BUSY)

    def _was_not_sent(self, error: Exception) -> bool:
        """Say whether trying again is safe: the server was not reached, or a second request changes nothing."""
        import httpx

        return self.request.method in _IDEMPOTENT or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)

    async def _take(self, response: Response, file: Path | None, name: str) -> dict[str, object]:
        """Read the answer."""
        output: dict[str, object] = {
            "status": response.status_code,
            "url": str(response.url),
            "headers": dict(response.headers),
        }
        if self.check and response.status_code >= 400:
            raise await self._refusal(response)
        if file is None:
            content = b"".join([chunk async for chunk in self._chunks(response)])
            return output | self._body(response, content)
        with told(name):
            async with _replacing(file) as sink:
                async for chunk in self._chunks(response):
                    sink.write(chunk)
        return output | {"path": str(file), "size": sink.size, "sha256": sink.sha256}

    async def _chunks(self, response: Response) -> AsyncIterator[bytes]:
        """Give the body in pieces, and say how far it is; raises `ActionFailed` if it is too large."""
        limit = int(self.max_mb * _MEGABYTE)
        length = int(response.headers.get("content-length", "0")) if _is_plain(response) else 0
        taken = 0
        hint = "Raise `max_mb` if that is what you want."
        if length > limit:
            raise ActionFailed(f"The answer to {self.shown} is larger than {self.max_mb:g} MB.", hint=hint)
        async for chunk in response.aiter_bytes():
            taken += len(chunk)
            if taken > limit:
                raise ActionFailed(f"The answer to {self.shown} is larger than {self.max_mb:g} MB.", hint=hint)
            self.context.progress(min(taken / length, 1.0) if length else None, f"{taken / _MEGABYTE:.1f} MB")
            yield chunk

    async def _refusal(self, response: Response) -> ActionFailed:
        text = ""
        async for chunk in response.aiter_bytes():
            text += chunk.decode("utf-8", "replace")
            if len(text) > 300:
                break
        said = " ".join(text.split())[:200].rstrip(".")
        status = f"{response.status_code} {response.reason_phrase}".strip()
        return ActionFailed(f"{self.shown} was answered with {status}{': ' + said if said else ''}.")

    def _body(self, response: Response, content: bytes) -> dict[str, object]:
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if (media == "application/json" or media.endswith("+json")) and content:
            try:
                return {"json": jsonlib.loads(content)}
            except (ValueError, RecursionError) as error:
                if self.check:
                    message = f"The answer to {self.shown} is not the JSON that it says it is: {error}."
                    raise ActionFailed(message) from None
        is_text = media.startswith("text/") or media.endswith(("json", "xml", "javascript", "yaml", "urlencoded"))
        return {"body": content.decode(response.encoding or "utf-8", "replace") if is_text else content}


@asynccontextmanager
async def _replacing(file: Path) -> AsyncIterator[Sink]:
    """Write a file whole or not at all, without keeping the engine's loop while the disk does its part."""
    manager = replacing(file)
    sink = await asyncio.to_thread(manager.__enter__)
    try:
        yield sink
    except BaseException as error:
        manager.__exit__(type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(manager.__exit__, None, None, None)


def _is_plain(response: Response) -> bool:
    """Say whether the length that the server gives is that of what we count."""
    return "content-encoding" not in response.headers and response.headers.get("content-length", "").isdigit()


def _asked(response: Response, attempt: int) -> float | None:
    """Give the wait that the server asks for, else our own; None if it asks for more than we wait."""
    given = response.headers.get("retry-after", "").strip()
    if given.isdigit():
        wait = float(given)
    elif given:
        try:
            wait = max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
        except ValueError:
            wait = _backoff(attempt)
    else:
        wait = _backoff(attempt)
    return wait if wait <= _LONGEST_WAIT else None


def _backoff(attempt: int) -> float:
    """Give 0.25 to 0.5 s before the second attempt, doubled for each further one, at most 30 s."""
    return float(min(30.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0))


def _reason(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    text = " ".join((str(error) or str(cause) or type(error).__name__).split())
    return text.rstrip(".")


ACTIONS: Final = (request,)
