"""Reads the address of a server of embeddings."""

import httpx2

from embedding_gate.endpoint.forms import OLLAMA, OPENAI, TEI, Form
from embedding_gate.errors import EndpointError

__all__ = ["is_address", "read_address"]

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
