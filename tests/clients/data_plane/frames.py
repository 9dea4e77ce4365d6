"""Bodies of `application/octet-stream`, a MessagePack map from hub protocol to a framed message, and of
`application/x-msgpack`, the message itself."""

import json

import msgpack
from hypothesis import strategies

RECORD_SEPARATOR = b"\x1e"

_values = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-(2**31), 2**31) | strategies.text(max_size=20),
    lambda value: strategies.lists(value, max_size=3) | strategies.dictionaries(strategies.text(max_size=5), value, max_size=3),
    max_leaves=5,
)
_protocols = strategies.lists(strategies.sampled_from(["json", "messagepack"]), min_size=1, max_size=2, unique=True)


@strategies.composite
def invocations(draw):
    """What the SDK sends when it knows the hub protocols of the clients."""
    target, arguments = draw(strategies.text(min_size=1, max_size=20)), draw(strategies.lists(_values, max_size=3))
    as_json = {"type": 1, "target": target, "arguments": arguments}
    return pack(draw(_protocols), as_json, [1, {}, None, target, arguments, []])


@strategies.composite
def packed_messages(draw):
    """A message, which as an item of a stream is a value like any other."""
    target, arguments = draw(strategies.text(min_size=1, max_size=20)), draw(strategies.lists(_values, max_size=3))
    return msgpack.packb({"target": target, "arguments": arguments})


def stream_item(stream, body):
    """An item of `stream` that carries the bytes of `body`, for the same protocols."""
    as_json = {"type": 2, "invocationId": stream, "item": len(body)}
    return pack(list(msgpack.unpackb(body)), as_json, [2, {}, stream, body])


def pack(protocols, as_json, as_messagepack):
    frames = {
        "json": lambda: json.dumps(as_json).encode() + RECORD_SEPARATOR,
        "messagepack": lambda: with_length(msgpack.packb(as_messagepack)),
    }
    return msgpack.packb({protocol: frames[protocol]() for protocol in protocols})


def with_length(message):
    """Puts the length before a message: base 128, least significant group first."""
    length, groups = len(message), bytearray()
    while length > 0x7F:
        groups.append(length & 0x7F | 0x80)
        length >>= 7
    groups.append(length)
    return bytes(groups) + message
