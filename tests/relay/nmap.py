"""What nmap's smtp-open-relay says of the same servers."""

import re
import subprocess
import xml.etree.ElementTree

from tests.harness import daemon
from tests.relay import lab


def ask(addresses):
    """{address: what the script says of it}, in words of our own."""
    done = subprocess.run(
        [daemon.find_program("nmap"), "-n", "-Pn", "-sT", "-p", str(lab.PORT),
         "--script", "smtp-open-relay", "--script-timeout", "60s",
         "--script-args", "smtp-open-relay.domain=" + lab.DOMAIN, "-oX", "-"]
        + list(addresses),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        check=True)
    answers = {address: "says nothing" for address in addresses}
    for host in xml.etree.ElementTree.fromstring(done.stdout).iter("host"):
        address = host.find("address").get("addr")
        for script in host.iter("script"):
            answers[address] = _in_short(script.get("output"))
    return answers


def _in_short(output):
    found = re.search(r"is an open relay \((\d+/\d+) tests\)", output)
    if found:
        return "open (%s)" % found.group(1)
    if "doesn't seem to be an open relay" in output:
        return "closed"
    if "authentication" in output:
        return "closed (authentication)"
    found = re.search(r"SMTP (\w+).*failed to receive", " ".join(
        output.split()))
    return "gave up (%s)" % found.group(1) if found else output.strip()
