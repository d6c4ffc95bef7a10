"""Many mail servers in one program: all addresses of its host, each of a kind.

  python3 kill_targets_main.py TARGETS.json SOCKET CATCHER DOMAIN

TARGETS.json tells the kind of each address. What they relay waits in memory
until the catcher has taken or refused it for good, whoever dies meanwhile.
Everything is noted, and told on the Unix socket: "state" and "log" give a line
of JSON.
"""

import asyncio
import json
import os
import random
import re
import sys
import time

PORT = 25
TOKEN = re.compile("[a-z2-7]{32}")
# Servers take a moment for a command, that sessions last long enough to be cut.
MAX_REPLY_SECONDS = 0.03
# From taking a message to its first try at the catcher.
MAX_DELAY_SECONDS = 3.0
RETRY_SECONDS = 0.25
TIMEOUT_SECONDS = 20.0


class Mail:
    """A message on its way to the catcher."""

    storing = 0  # how many it has just now, and has not answered

    def __init__(self, kind, address, sender, recipient, text):
        self.text = text
        self.sender = sender
        self.recipient = recipient
        self.note = {
            "kind": kind,
            "address": address,
            "token": recipient.split("@")[0],
            "tries": 0,
            "outcome": None,  # or "taken", "refused"
            # Did a try end after the message was sent, without a yes or no?
            "unsure": False,
        }

    async def deliver(self):
        await asyncio.sleep(random.uniform(0, MAX_DELAY_SECONDS))
        while self.note["outcome"] is None:
            self.note["tries"] += 1
            try:
                await asyncio.wait_for(self._try(), TIMEOUT_SECONDS)
            except (OSError, EOFError, asyncio.TimeoutError):
                pass
            if self.note["outcome"] is None:
                await asyncio.sleep(RETRY_SECONDS)

    async def _try(self):
        sent = False
        reader, writer = await asyncio.open_connection(
            CATCHER, PORT, local_addr=(self.note["address"], 0))

        async def ask(command):
            if command is not None:
                writer.write(command.encode() + b"\r\n")
            while True:
                line = await reader.readline()
                if not line.endswith(b"\n"):
                    raise EOFError
                if line[3:4] != b"-":
                    return line.decode().strip()

        try:
            await ask(None)
            for command in ("EHLO relay.test", "MAIL FROM:<%s>" % self.sender,
                            "RCPT TO:<%s>" % self.recipient, "DATA"):
                reply = await ask(command)
                if reply[0] == "5":
                    self.note.update(outcome="refused", reply=reply)
                if reply[0] not in "23":
                    return
            sent = True
            Mail.storing += 1
            reply = await ask(self.text + "\r\n.")
            if reply[0] in "25":
                self.note.update(reply=reply, outcome=(
                    "taken" if reply[0] == "2" else "refused"))
                writer.write(b"QUIT\r\n")
        finally:
            Mail.storing -= sent
            if sent and self.note["outcome"] is None:
                self.note["unsure"] = True
            writer.close()


class Servers:

    def __init__(self, kinds):
        self.kinds = kinds
        self.connections = []
        self.mail = []
        self.open = 0
        self.known = set()  # who was told to come back later
        self._tasks = set()

    def state(self):
        return {"open": self.open, "connections": len(self.connections),
                "pending": len(self._tasks), "storing": Mail.storing}

    def log(self):
        return {"connections": self.connections,
                "mail": [mail.note for mail in self.mail]}

    def send(self, *args):
        mail = Mail(*args)
        self.mail.append(mail)
        task = asyncio.ensure_future(mail.deliver())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def serve(self, reader, writer):
        self.open += 1
        note = {"address": writer.get_extra_info("sockname")[0],
                "start": time.monotonic(), "end": None, "recipients": [],
                "taken": []}
        self.connections.append(note)
        try:
            await Session(self, note, reader, writer).run()
        except (OSError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()
            note["end"] = time.monotonic()
            self.open -= 1
            self.known.add(note["address"])


class Session:

    def __init__(self, servers, note, reader, writer):
        self.servers = servers
        self.note = note
        self.address = note["address"]
        self.kind = servers.kinds.get(self.address, "stray")
        self.is_known = self.address in servers.known
        self.reader = reader
        self.writer = writer
        self.sender = self.token = None

    async def run(self):
        self.say("220 relay.test ESMTP")
        while True:
            line = await self.reader.readline()
            if not line:
                return
            await asyncio.sleep(random.uniform(0, MAX_REPLY_SECONDS))
            command = line.decode().strip()
            verb = command[:4].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "RCPT":
                self.rcpt(command[8:])
            elif verb == "DATA":
                if not await self.data():
                    return
            else:
                if verb == "MAIL":
                    self.sender = command[10:].strip("<>")
                self.say("250 fine")

    def say(self, line):
        self.writer.write(line.encode() + b"\r\n")

    def rcpt(self, recipient):
        self.note["recipients"].append(recipient)
        if self.kind in ("closed", "stray") or (
                self.kind == "percent" and "%" not in recipient):
            self.say("550 no relaying")
        elif self.kind == "greylist" and not self.is_known:
            self.say("450 come back later")
        else:
            self.token = TOKEN.search(recipient).group()
            self.say("250 fine")

    async def data(self):
        self.say("354 go on")
        lines = []
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                return False
            if line == b".\r\n":
                break
            lines.append(line.decode().rstrip("\r\n"))
        # Taken, whether or not the answer still gets there.
        self.note["taken"].append(self.token)
        text = "\r\n".join(["Received: by relay.test"] + lines)
        if self.kind in ("open", "percent", "greylist"):
            self.servers.send("message", self.address, self.sender,
                              "%s@%s" % (self.token, DOMAIN), text)
        elif self.kind == "bounce" and self.sender.endswith("@" + DOMAIN):
            self.servers.send("bounce", self.address, "", self.sender,
                              "To: %s\r\n\r\nundeliverable" % self.sender)
        self.say("250 taken")
        return True


async def tell(servers, reader, writer):
    what = await reader.readline()
    told = servers.log() if what == b"log\n" else servers.state()
    writer.write(json.dumps(told).encode() + b"\n")
    await writer.drain()
    writer.close()


async def run(targets, path):
    with open(targets, encoding="utf-8") as file:
        servers = Servers(json.load(file))
    smtp = await asyncio.start_server(servers.serve, "0.0.0.0", PORT,
                                      backlog=1024)
    told = await asyncio.start_unix_server(
        lambda reader, writer: tell(servers, reader, writer), path + ".new")
    # Whoever finds the socket finds everything listening.
    os.rename(path + ".new", path)
    async with smtp, told:
        await asyncio.Event().wait()


if __name__ == "__main__":
    TARGETS, SOCKET, CATCHER, DOMAIN = sys.argv[1:]
    asyncio.run(run(TARGETS, SOCKET))
