"""Mail servers that no software of Debian's is: scripted_main.py."""

import os
import sys

from tests.relay import lab

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "scripted_main.py")


class Scripted(lab.Server):

    name = "a scripted server"

    def __init__(self, scratch, kind, address):
        super().__init__(scratch, address)
        self.configure(kind)

    def configure(self, kind):
        self._kind = kind

    def argv(self):
        return [sys.executable, _PROGRAM, self._kind, self.address,
                str(lab.PORT), lab.TESTER]
