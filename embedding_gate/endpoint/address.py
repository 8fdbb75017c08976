"""Reads the address of a server of embeddings, and keeps to the first host that its name led to."""

import socket
import ssl
from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import ip_address

import httpx2

from embedding_gate.endpoint.forms import OLLAMA, OPENAI, TEI, Form
from embedding_gate.errors import EndpointError

__all__ = ["Place", "certificates", "is_address", "read_address"]

_OWN = {"ollama": OLLAMA, "tei": TEI}
_HINT = "write http://HOST:PORT/v1/embeddings, ollama:HOST:PORT or tei:HOST:PORT"


def is_address(spec: str) -> bool:
    """Tell whether a subject is meant to be a server."""
    return spec.partition(":")[0].lower() in ("http", "https", *_OWN)


def read_address(spec: str) -> tuple[Form, str]:
    """Return the form of API, and the URL that takes texts.

    Raises:
        EndpointError: it is none of the three addresses, or it holds a key.

    """
    scheme, _, rest = spec.partition(":")
    form = _OWN.get(scheme, OPENAI)
    text = spec if form is OPENAI else f"{'' if '://' in rest else 'http://'}{rest}".rstrip("/") + form.path
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise EndpointError("the address of the server", f"is no URL ({error})", hint=_HINT) from error
    if url.userinfo or url.query or url.fragment:
        what = "may hold no user, query or fragment"
        raise EndpointError("the address of the server", what, hint="put the key into the environment")
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 80) < 65536:
        raise EndpointError(spec, "is no address of a server", hint=_HINT)
    if form is OPENAI and not url.path.rstrip("/").endswith("/embeddings"):
        usual = url.copy_with(path="/v1/embeddings")
        raise EndpointError(
            spec,
            "does not end in /embeddings",
            hint=f"did you mean {usual}, ollama:HOST:PORT or tei:HOST:PORT?",
        )
    return form, str(url)


@dataclass(frozen=True)
class Place:
    """Where a server is. A name is looked up once: if it leads elsewhere later, nothing is sent there.

    url: that takes texts. timeout: seconds that one try of a connection may take.
    """

    url: httpx2.URL
    timeout: float

    @cached_property
    def _address(self) -> str | None:
        """The address that the host's name led to first, or None where there is none, or where it is one."""
        host = self.url.host
        try:
            ip_address(host)
        except ValueError:
            return self._look_up(host)
        return None

    def request(self) -> tuple[httpx2.URL, dict[str, str], dict[str, str]]:
        """Return the URL, the headers and the extensions of a request. TLS still checks the host's name."""
        if self._address is None:
            return self.url, {}, {}
        named = {"Host": self.url.netloc.decode("ascii")}
        return self.url.copy_with(host=self._address), named, {"sni_hostname": self.url.host}

    def _look_up(self, host: str) -> str | None:
        port = self.url.port or {"https": 443}.get(self.url.scheme, 80)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return None  # the request then fails, and says why
        for *_, address in found:
            try:
                socket.create_connection((str(address[0]), port), timeout=self.timeout).close()
            except OSError:
                continue
            return str(address[0])
        return None


@cache
def certificates(scheme: str) -> ssl.SSLContext:
    """Read the certificates that servers are known by: once, and for https alone. It takes 0.1 s."""
    if scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
    return httpx2.create_ssl_context(trust_env=False)
