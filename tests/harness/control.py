"""A client of the control API (docs/CONTROL_API.md) over its Unix socket."""

import http.client
import json
import socket
import urllib.parse

TIMEOUT_SECONDS = 120.0


class ApiError(Exception):
    """The daemon answered, and the answer was no (RFC 9457)."""

    def __init__(self, status, body):
        super().__init__("%d %s" % (status, body))
        self.status = status
        try:
            self.code = json.loads(body).get("code", "")
        except ValueError:
            self.code = ""


class OutcomeUnknown(Exception):
    """The connection broke before the answer came."""


class _UnixConnection(http.client.HTTPConnection):

    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Control:
    """Keeps one connection; for one thread."""

    def __init__(self, path):
        self._path = path
        self._connection = None

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(self, method, path, body=None, query=None, headers=None):
        """The parsed JSON of the answer."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        data = None if body is None else json.dumps(body)
        sent = dict(headers or {})
        if data is not None:
            sent["Content-Type"] = "application/json"
        fresh = self._connection is None
        if fresh:
            self._connection = _UnixConnection(self._path)
        try:
            self._connection.request(method, path, data, sent)
            response = self._connection.getresponse()
            text = response.read().decode("utf-8")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not fresh and method == "GET":
                # The server closes idle connections; reading twice is safe.
                return self.request(method, path, body, None, headers)
            raise OutcomeUnknown(str(error)) from error
        if response.will_close:
            self.close()
        if response.status >= 400:
            raise ApiError(response.status, text)
        return json.loads(text)

    def change(self, changes, **more):
        """Posts changes, each a dict; one batch, all or nothing."""
        return self.request("POST", "/v1/changes",
                            dict(more, changes=changes))

    def listings(self, list_name, page_size=5000):
        """Every listing of the list, page by page."""
        cursor = ""
        while True:
            query = {"list": list_name, "limit": page_size}
            if cursor:
                query["cursor"] = cursor
            page = self.request("GET", "/v1/listings", query=query)
            yield from page["listings"]
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return
