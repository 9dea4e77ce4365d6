"""What schemathesis has to know beyond the document.

The audience of a token is the address of its call, so every call has a token of its own. Names that are made up lead to
nobody, so every second call that is as the document wants it is about a client that is there.
"""

import os
import zlib

import requests.auth
import schemathesis
from schemathesis.generation import GenerationMode

import client
import frames

URL, KEY = os.environ["EMULATOR_URL"], os.environ["EMULATOR_ACCESS_KEY"]
FRAMES = "application/octet-stream"

inhabitant = client.Client(URL, KEY)


class TokenForTheAddress(requests.auth.AuthBase):
    """Signs the address as it goes over the wire, without its query."""

    def __call__(self, request):
        audience = request.url.split("?")[0]
        request.headers["Authorization"] = f"Bearer {client.token(audience, KEY)}"
        return request


schemathesis.auth.set_from_requests(TokenForTheAddress())
schemathesis.openapi.media_type(FRAMES, frames.invocations())


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    names = case.path_parameters or {}
    if "hub" in names and is_every_second(case):
        inhabitant.be_there()
        there = {"hub": client.HUB, "user": client.USER, "group": client.GROUP, "connectionId": inhabitant.connection_id}
        case.path_parameters = {name: there.get(name, value) for name, value in names.items()}
        case.query = {name: value for name, value in (case.query or {}).items() if name != "application"}
    if "streamId" in names and case.media_type == FRAMES:
        case.body = frames.stream_item(names["streamId"], case.body)


def is_every_second(case):
    """The same for the same case in every run."""
    return zlib.crc32(repr((case.operation.label, case.path_parameters)).encode()) % 2 == 0
