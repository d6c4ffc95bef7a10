"""Mail servers that no software of Debian's is: each does one thing, as a
program of its own: python3 scripted_main.py KIND ADDRESS PORT CATCHER

They are real servers on real sockets; what is told apart is what they do with
the mail that they take.
"""

import smtplib
import socket
import socketserver
import sys
import threading
import time


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Session(socketserver.StreamRequestHandler):
    """Takes all mail, and does nothing with it."""

    kind = ""
    catcher = ("", 25)
    errors_allowed = 1000
    seen = set()

    def say(self, line):
        self.wfile.write(line.encode("latin-1") + b"\r\n")

    def handle(self):
        if self.kind == "busy":
            self.say("421 scripted.test too busy")
            return
        self.say("220 scripted.test ESMTP")
        self.sender, self.recipients, self.errors = "", [], 0
        while True:
            line = self.rfile.readline(4096)
            if not line:
                return
            command = line.decode("latin-1").strip()
            if self.kind == "tarpit":
                time.sleep(3600)
            if not self.one(command):
                return

    def one(self, command):
        verb = command[:4].upper()
        if verb == "QUIT":
            self.say("221 bye")
            return False
        if verb == "DATA":
            self.data()
        elif verb == "RCPT":
            self.rcpt(command)
        else:
            if verb == "MAIL":
                self.sender = command[10:]
            if verb == "RSET":
                self.recipients = []
            self.say("250 fine")
        return self.errors < self.errors_allowed

    def rcpt(self, command):
        refused = None
        if self.kind == "five-errors":
            refused = "550 no relaying"
        elif self.kind == "greylist" and self.client_address[0] not in self.seen:
            refused = "450 come back later"
        if refused is None:
            self.recipients.append(command[8:].split(">")[0].lstrip("<"))
            self.say("250 fine")
            return
        self.errors += 1
        if self.errors >= self.errors_allowed:
            self.say("421 too many errors")
        else:
            self.say(refused)

    def data(self):
        self.say("354 go on")
        lines = []
        while True:
            line = self.rfile.readline(4096)
            if line in (b".\r\n", b""):
                break
            lines.append(line)
        self.say("250 taken")
        message = b"".join(lines)
        if self.kind == "bounce":
            self.later(self.bounce, message, self.sender)
        elif self.kind == "greylist":
            self.later(self.relay, message, list(self.recipients))
        self.recipients = []

    def later(self, work, *args):
        threading.Thread(target=work, args=args, daemon=True).start()

    def bounce(self, message, sender):
        address = sender.split(">")[0].lstrip("<")
        text = ("From: <>\r\nTo: %s\r\nSubject: undeliverable\r\n\r\n"
                % address).encode() + message
        self.deliver("", [address], text)

    def relay(self, message, recipients):
        self.deliver(self.sender.split(">")[0].lstrip("<"), recipients, message)

    def deliver(self, sender, recipients, text):
        with smtplib.SMTP(*self.catcher, timeout=30,
                          source_address=(self.server.server_address[0], 0)
                          ) as smtp:
            smtp.sendmail(sender, recipients, text)

    def finish(self):
        super().finish()
        self.seen.add(self.client_address[0])


def main():
    kind, address, port, catcher = sys.argv[1:]
    Session.kind = kind
    Session.catcher = (catcher, 25)
    if kind == "five-errors":
        Session.errors_allowed = 5
    with Server((address, int(port)), Session) as server:
        server.request_queue_size = 64
        server.socket.listen(64)
        server.serve_forever()


if __name__ == "__main__":
    socket.setdefaulttimeout(300)
    main()
