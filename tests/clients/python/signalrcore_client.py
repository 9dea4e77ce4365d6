"""A client with the library signalrcore, which works with threads."""

import logging

import driver
from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.types import HttpTransportType, HubProtocolEncoding

PROTOCOLS = {"JSON": HubProtocolEncoding.text, "MessagePack": HubProtocolEncoding.binary}


def main():
    wanted = driver.options()
    hub = connection(wanted)
    hub.on_open(lambda: driver.report("opened"))
    hub.on_reconnect(lambda: driver.report("opened"))
    hub.on_close(lambda: driver.report("closed"))
    for target in wanted["targets"]:
        hub.on(target, lambda values, target=target: driver.report("received", message=[target, *values]))
    try:
        hub.start()
    except Exception as error:  # The library raises what it meets, of any class.
        driver.report("refused", reason=repr(error))
        return
    obey(hub)


def connection(wanted):
    token = wanted.get("token")
    options = {"access_token_factory": lambda: token} if token else {}
    if "transport" in wanted:
        options["transport"] = HttpTransportType(wanted["transport"])
    return (
        HubConnectionBuilder()
        .with_url(wanted["url"], options=options)
        .with_hub_protocol(PROTOCOLS[wanted["protocol"]])
        .configure_logging(logging.CRITICAL)
        .with_automatic_reconnect({"type": "raw", "reconnect_interval": 1, "max_attempts": 5})
        .build()
    )


def obey(hub):
    for order in driver.orders():
        if order == "cut":
            driver.cut()
        else:
            hub.stop()
            return


main()
