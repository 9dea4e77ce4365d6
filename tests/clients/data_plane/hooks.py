"""What schemathesis has to know beyond the document: a token per request, since its audience is the address."""

import os
import time

import jwt
import requests.auth
import schemathesis

ACCESS_KEY = os.environ["DATA_PLANE_ACCESS_KEY"]


class TokenForTheAddress(requests.auth.AuthBase):
    """Signs the address as it goes over the wire, without its query."""

    def __call__(self, request):
        audience = request.url.split("?")[0]
        token = jwt.encode({"aud": audience, "exp": int(time.time()) + 300}, ACCESS_KEY, "HS256")
        request.headers["Authorization"] = f"Bearer {token}"
        return request


schemathesis.auth.set_from_requests(TokenForTheAddress())
