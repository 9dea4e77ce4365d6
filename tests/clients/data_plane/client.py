"""A SignalR client that is there, and answers whatever it is asked with the arguments of the question."""

import json
import threading
import time

import jwt
import requests
import websocket

HUB, USER, GROUP = "inhabited", "somebody", "together"
_RECORD_SEPARATOR = "\x1e"


def token(audience, key, **claims):
    """A token for one address; where the port counts is for the service to say."""
    return jwt.encode({"aud": audience, "exp": int(time.time()) + 300, **claims}, key, "HS256")


class Client:
    """The only connection of the hub. It comes back when it is closed, as a user with a group."""

    def __init__(self, url, key):
        self._url, self._key = url, key
        self.connection_id, self._socket = None, None

    def be_there(self):
        """Connects unless it is connected, and joins its group."""
        if self._socket is None or not self._socket.connected:
            self._connect()
        membership = f"{self._url}/api/hubs/{HUB}/users/{USER}/groups/{GROUP}"
        authorization = {"Authorization": f"Bearer {token(membership, self._key)}"}
        requests.put(membership, headers=authorization, timeout=10).raise_for_status()

    def _connect(self):
        audience = f"{self._url}/client/?hub={HUB}"
        access_token = token(audience, self._key, nameid=USER)
        negotiate = f"{self._url}/client/negotiate?hub={HUB}&negotiateVersion=1"
        authorization = {"Authorization": f"Bearer {access_token}"}
        negotiated = requests.post(negotiate, headers=authorization, timeout=10).json()
        address = f"{audience}&id={negotiated['connectionToken']}&access_token={access_token}"
        socket = websocket.create_connection(address.replace("http", "ws", 1), timeout=60)
        self._write(socket, {"protocol": "json", "version": 1})
        socket.recv()
        self.connection_id, self._socket = negotiated["connectionId"], socket
        threading.Thread(target=self._listen, args=[socket], daemon=True).start()

    def _listen(self, socket):
        try:
            while frame := socket.recv():
                for text in frame.split(_RECORD_SEPARATOR)[:-1]:
                    self._hear(socket, json.loads(text))
        except (OSError, websocket.WebSocketException):
            pass
        finally:
            socket.close()

    def _hear(self, socket, message):
        if message["type"] == 1 and "invocationId" in message:
            answer = {"type": 3, "invocationId": message["invocationId"], "result": message["arguments"]}
            self._write(socket, answer)
        elif message["type"] == 7:
            socket.close()

    @staticmethod
    def _write(socket, message):
        socket.send(json.dumps(message) + _RECORD_SEPARATOR)
