"""A client with the library pysignalr, which works with asyncio."""

import asyncio
import logging

import driver
from pysignalr.client import SignalRClient
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

PROTOCOLS = {"JSON": JSONProtocol, "MessagePack": MessagepackProtocol}


async def main():
    logging.disable()
    wanted = driver.options()
    client = connection(wanted)
    client.on_open(lambda: reported("opened"))
    client.on_close(lambda: reported("closed"))
    for target in wanted["targets"]:
        client.on(target, lambda values, target=target: reported("received", message=[target, *values]))
    running = asyncio.create_task(client.run())
    obeying = asyncio.create_task(obey())
    await asyncio.wait([running, obeying], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        driver.report("refused", reason=repr(running.exception()))
    # Neither library nor documentation offers another way to stop.
    running.cancel()
    obeying.cancel()


def connection(wanted):
    token = wanted.get("token")
    # The library's own factory would be asked only after the connection has been made.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return SignalRClient(wanted["url"], protocol=PROTOCOLS[wanted["protocol"]](), headers=headers, retry_count=1)


async def obey():
    orders = driver.orders()
    while await asyncio.to_thread(next, orders) == "cut":
        driver.cut()


async def reported(event, **details):
    driver.report(event, **details)


asyncio.run(main())
