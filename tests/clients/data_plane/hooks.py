"""What schemathesis has to know beyond the document.

The audience of a token is the address of its call, so every call has a token of its own. Names that are made up lead to
nobody, so every second call that is as the document wants it is sent to a client that is there; that is done to the
request on its way, because schemathesis takes a case that is changed afterwards for a wrong one.
"""

import os
import re
import urllib.parse
import zlib

import requests.auth
import schemathesis
from hypothesis import strategies
from schemathesis.core import NOT_SET
from schemathesis.generation import GenerationMode

import client
import frames

URL, KEY = os.environ["EMULATOR_URL"], os.environ["EMULATOR_ACCESS_KEY"]
FRAMES = "application/octet-stream"
FILTERS = [
    "startswith(userId, 'some')",
    "'together' in groups and not (userId eq null)",
    "length(connectionId) gt 3 or userId in ('a', 'b')",
    "false",
]

inhabitant = client.Client(URL, KEY)
called = None


@schemathesis.hook
def before_call(context, case, kwargs):
    global called
    called = case


class OnItsWay(requests.auth.AuthBase):
    """Signs the address as it goes over the wire, without its query."""

    def __call__(self, request):
        if is_as_documented(called):
            if "hub" in called.path_parameters and is_every_second(called):
                request.url = address_of_inhabitant(called.path, request.url)
            if "streamId" in called.path_parameters and called.media_type == FRAMES:
                put_into_stream(request)
        audience = request.url.split("?")[0]
        request.headers["Authorization"] = f"Bearer {client.token(audience, KEY)}"
        return request


schemathesis.auth.set_from_requests(OnItsWay())
schemathesis.openapi.media_type(FRAMES, frames.invocations())
schemathesis.openapi.media_type("application/x-msgpack", frames.packed_messages())
schemathesis.openapi.format("odata-filter", strategies.sampled_from(FILTERS))


def is_as_documented(case):
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


def is_every_second(case):
    """The same for the same case in every run."""
    # What is not set would be written with its address, which is another one in every run.
    body = None if case.body is NOT_SET else case.body
    told = (case.operation.label, case.path_parameters, case.query, body)
    return zlib.crc32(repr(told).encode()) % 2 == 0


def address_of_inhabitant(path, url):
    """The same call, for names behind which somebody is."""
    inhabitant.be_there()
    names = {"hub": client.HUB, "user": client.USER, "group": client.GROUP, "streamId": "0"}
    names["connectionId"] = inhabitant.connection_id
    query = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True)
    query = urllib.parse.urlencode([(name, value) for name, value in query if name != "application"])
    return URL + re.sub(r"\{(\w+)\}", lambda name: names[name[1]], path) + (f"?{query}" if query else "")


def put_into_stream(request):
    """Makes an item of the stream in the address out of a framed message."""
    stream = urllib.parse.unquote(urllib.parse.urlsplit(request.url).path.split("/")[-2])
    request.body = frames.stream_item(stream, request.body)
    request.prepare_content_length(request.body)
