"""What a fault of a server is, the lists that each joins where it is written, and how steps are changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.faults.registry import GITHUB
from tests.support.endpoints import FORMS
from tests.support.server import Service, Texts, Vectors

__all__ = [
    "BENIGN",
    "FAULTS",
    "OLLAMA",
    "OPENAI",
    "TEI",
    "EndpointFault",
    "always",
    "answers",
    "benign",
    "edits",
    "fails_on",
    "fault",
    "reads",
]

OPENAI, OLLAMA, TEI = FORMS
Inject = Callable[[Service], None]


@dataclass(frozen=True)
class EndpointFault:
    """A change of the right server.

    source: the public thread where it was found, "" for a correct variant.
    killer: the check that must be red, "" for a correct variant.
    form: the address by which it is asked.
    """

    name: str
    source: str
    killer: str
    form: str
    inject: Inject


FAULTS: list[EndpointFault] = []
BENIGN: list[EndpointFault] = []


def fault(name: str, killer: str, source: str, form: str = OPENAI) -> Callable[[Inject], Inject]:
    """Return the decorator that declares a fault. source: OWNER/REPOSITORY#NUMBER."""

    def declare(inject: Inject) -> Inject:
        thread = GITHUB + source.replace("#", "/issues/")
        FAULTS.append(EndpointFault(name, thread, killer, form, inject))
        return inject

    return declare


def benign(name: str, form: str = OPENAI) -> Callable[[Inject], Inject]:
    """Return the decorator that declares a correct variant."""

    def declare(inject: Inject) -> Inject:
        BENIGN.append(EndpointFault(name, "", "", form, inject))
        return inject

    return declare


def answers(service: Service, change: Callable[[Any, Texts], Any], form: str = "openai") -> None:
    """Let a function of content and texts change each answer of a form."""
    right = getattr(service, form)

    def changed(vectors: Vectors, encoding: str, texts: Texts, body: dict[str, Any]) -> Any:
        return change(right(vectors, encoding, texts, body), texts)

    service.patch(**{form: changed})


def edits(service: Service, change: Callable[[Any, Request], Any]) -> None:
    """Let a function of content and request change each answer, where it is sent."""
    right = service.found

    async def found(request: Request, body: dict[str, Any]) -> Response:
        answer = await right(request, body)
        return JSONResponse(change(json.loads(bytes(answer.body)), request))

    service.patch(found=found)


def reads(service: Service, change: Callable[[Any], Any]) -> None:
    """Let a function change the input before it is read."""
    right = service.texts
    service.patch(texts=lambda given, ids_allowed: right(change(given), ids_allowed=ids_allowed))


def fails_on(service: Service, wrong: Callable[[str], bool]) -> None:
    """Let a text be an error of the server."""
    right = service.text

    def text(given: str) -> str:
        if wrong(given):
            raise RuntimeError("the model has failed")
        return right(given)

    service.patch(text=text)


def always(value: Any) -> Callable[..., Any]:
    """Return a step that gives one value, whatever it gets."""
    return lambda *_, **__: value
