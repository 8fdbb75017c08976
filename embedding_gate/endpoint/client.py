"""A client of a server of embeddings. It asks the host that was named, and no other."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

import httpx2
import numpy as np
from numpy.typing import NDArray

from embedding_gate.endpoint.address import Place, certificates, read_address
from embedding_gate.endpoint.forms import Form, read_vector
from embedding_gate.endpoint.reply import Reply, Secret
from embedding_gate.errors import EndpointError

__all__ = ["KEY_VARIABLE", "Client", "Reply", "open_client"]

KEY_VARIABLE = "EMBEDDING_GATE_API_KEY"
_TEXTS = 32  # texts of a request: text-embeddings-inference takes no more by default
_CHARACTERS = 4096  # of more texts, as long as no server refused them: a fault may need a larger request
_LARGEST = 1 << 28  # bytes of an answer: that to 2,048 texts in 4,096 dimensions has less
_LITTLE = 65536  # bytes of the receive buffer of a slow reader, so that the server has to wait for it
# No connection is kept so long that the server closes it first: uvicorn does so after five seconds.
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=2)
_HINTS = {
    401: "set {key} to the server's key",
    403: "set {key} to the server's key",
    404: "check the path, most often /v1/embeddings; "
    "if the server calls the model by another name, pass --served-as=NAME",
    413: "the server takes less at once; raise its limits",
    429: "the server is busy; wait, or raise its limits",
}

Vectors = NDArray[np.float32]


def open_client(
    spec: str, model: str, *, timeout: float = 60.0, key_variable: str = KEY_VARIABLE
) -> "Client":
    """Return a client. Nothing is sent before the first call.

    spec: ``http(s)://HOST:PORT/v1/embeddings``, ``ollama:HOST:PORT`` or ``tei:HOST:PORT``.
    model: the name that requests ask for.
    timeout: seconds that a call may take.
    key_variable: the environment variable that holds the server's key, if it has one.

    Raises:
        EndpointError: the address has none of these forms, or the key cannot be sent.

    """
    form, url = read_address(spec)
    if not (os.environ.get(key_variable, "").isascii() and os.environ.get(key_variable, "").isprintable()):
        raise EndpointError(key_variable, "holds characters that no header can", hint="set it again")
    secret = Secret(os.environ.get(key_variable, "").strip())
    return Client(form, url, model, timeout=timeout, secret=secret, key_variable=key_variable)


class Client:
    """A client. Threads may share it.

    form, url, model: how it asks, whom, and for which model.
    offers: what the form of API has.
    """

    def __init__(
        self, form: Form, url: str, model: str, *, timeout: float, secret: Secret, key_variable: str
    ) -> None:
        self.form, self.url, self.model = form, url, model
        self.offers = form.offers
        self._timeout, self._secret, self._key_variable = timeout, secret, key_variable
        self._place = Place(httpx2.URL(url), timeout)
        self._http = self._connections()
        self._takes_many = True  # until it refuses more than 32 texts in a request
        self._failed = False  # whether the server failed once: it may then close connections that are kept

    def _connections(self, **more: Any) -> httpx2.Client:
        transport = httpx2.HTTPTransport(
            verify=certificates(self._place.url.scheme),
            trust_env=False,
            limits=_LIMITS,
            **more,
        )
        return httpx2.Client(
            transport=transport,
            trust_env=False,
            timeout=self._timeout,
            headers={**self._secret.headers(), "Content-Type": "application/json"},
        )

    def encode(self, texts: Sequence[str], *, truncate_dim: int | None = None) -> Vectors:
        """Return the vectors (N, D) float32 in the order of the texts; (0, 0) of no text.

        More than 32 texts go in one request if they are short and the server takes them.

        Raises:
            EndpointError: no answer in time, an error, or an answer that is not N finite vectors of one
                width. Nothing is asked again, except the texts of a refused request of more than 32.

        """
        more = {} if truncate_dim is None else {"dimensions": truncate_dim}
        is_little = self._takes_many and sum(map(len, texts)) <= _CHARACTERS
        most = max(len(texts), _TEXTS) if is_little else _TEXTS
        found: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), most):
            some = list(texts[start : start + most])
            reply = self.post(self.form.body(some, self.model, **more))
            if reply.status != 200 and len(some) > _TEXTS:
                self._takes_many = False
                return self.encode(texts, truncate_dim=truncate_dim)
            found += self.vectors(reply, len(some))
        self._check_widths(found)
        return np.stack(found) if found else np.empty((0, 0), dtype=np.float32)

    def vectors(self, reply: Reply, count: int) -> list[NDArray[np.float32]]:
        """Read a reply: ``count`` vectors (D,) in the order of the texts.

        Raises:
            EndpointError: it has a status other than 200, or other content.

        """
        if reply.status != 200:
            hint = _HINTS.get(reply.status, "read what the server says, and its log")
            raise self._error(reply.short, hint.format(key=self._key_variable, model=self.model))
        if reply.json is None:
            raise self._error(f"what is not JSON: {reply.short}", "check the path")
        try:
            rows = self.form.rows(reply.json)
            if len(rows) != count:
                raise ValueError(f"holds {len(rows)} vectors for {count} texts")
            found = [_numbered(row, number) for number, row in enumerate(rows)]
        except ValueError as error:
            raise self._error(f"an answer that {error}", "the server is at fault; see its log") from error
        self._check_widths(found)
        return found

    def _check_widths(self, found: Sequence[NDArray[np.float32]]) -> None:
        widths = sorted({len(vector) for vector in found})
        if len(widths) > 1:
            raise self._error(f"vectors of {str(widths[:4])[1:-1]} components", "is it a model that embeds?")

    def post(self, body: Any) -> Reply:
        """Send a request, whatever is in it, and return the answer, whatever it is. bytes go as they are.

        Raises:
            EndpointError: there was no answer, none in time, or a redirection.

        """
        usual = self._connections() if self._failed else nullcontext(self._http)
        with usual as http, self._sent(http, body) as response:
            reply = self._read(response)
        self._failed |= reply.status >= 500
        return reply

    def abandon(self, body: Any, *, after: float = 0.001) -> None:
        """Send a request, and close its connection after so many seconds without an answer.

        Raises:
            EndpointError: the server cannot be reached.

        """
        with self._connections() as http:
            try:
                with self._sent(http, body, timeout=after):
                    return
            except EndpointError as error:
                if not isinstance(error.__cause__, httpx2.TimeoutException):
                    raise

    @contextmanager
    def unread(self, body: Any) -> Iterator[Callable[[], Reply]]:
        """Send a request, and read its answer only when the function that this yields is called.

        Raises:
            EndpointError: as for post.

        """
        little = [(SOL_SOCKET, SO_RCVBUF, _LITTLE)]
        with self._connections(socket_options=little) as http, self._sent(http, body) as response:
            yield lambda: self._read(response)

    @contextmanager
    def _sent(
        self, http: httpx2.Client, body: Any, timeout: float | None = None
    ) -> Iterator[httpx2.Response]:
        content = body if isinstance(body, bytes) else json.dumps(body, allow_nan=False).encode("ascii")
        limits = httpx2.Timeout(self._timeout, read=timeout or self._timeout)
        try:
            url, named, more = self._place.request()
            with http.stream(
                "POST", url, content=content, timeout=limits, headers=named, extensions=more
            ) as response:
                if response.is_redirect:
                    target = httpx2.URL(response.headers.get("location", "")).host or "another path"
                    raise self._error(
                        f"a redirection to {target}, where nothing is sent", "name the address itself"
                    )
                yield response
        except httpx2.TimeoutException as error:
            raise self._error(
                f"no whole answer in {timeout or self._timeout:g} s", "see the server's log"
            ) from error
        except httpx2.ConnectError as error:
            hint = "write http:// if the server has no TLS" if "SSL" in str(error) else "start the server"
            raise self._error(f"nothing ({error})", f"{hint}, or correct host and port") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            hint = "see the server's log; if many ask at once, let it queue more connections"
            raise self._error(f"no whole answer ({error})", hint) from error

    def _read(self, response: httpx2.Response) -> Reply:
        end, parts, size = time.monotonic() + self._timeout, [], 0
        for part in response.iter_bytes():
            parts.append(part)
            if (size := size + len(part)) > _LARGEST:
                raise self._error(f"more than {_LARGEST >> 20} MiB", "ask for fewer texts at once")
            if time.monotonic() > end:
                raise httpx2.ReadTimeout("it comes in drops")
        text = b"".join(parts).decode("utf-8", "replace")
        try:
            content = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError):
            content = None
        return Reply(response.status_code, content, self.clean(text))

    def _error(self, came: str, hint: str) -> EndpointError:
        return EndpointError(f"POST {self.url}, model {self.model!r}", f"gave {self.clean(came)}", hint=hint)

    def clean(self, text: str) -> str:
        """Return a text that came from the server without the key."""
        return self._secret.hidden_in(text)

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        self._http.close()
        self._http = self._connections()


def _numbered(row: Any, number: int) -> NDArray[np.float32]:
    try:
        return read_vector(row)
    except ValueError as error:
        raise ValueError(f"is wrong: vector {number} {error}") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
