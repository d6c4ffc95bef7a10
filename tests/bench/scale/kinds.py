"""IPv6 and domain names, and reasons that differ from listing to listing."""

import contextlib
import signal

from tests.bench.scale import cost
from tests.bench.scale import data
from tests.bench.scale import memory
from tests.bench.scale import servers
from tests.bench.scale import start
from tests.harness import daemon


@contextlib.contextmanager
def prepared(*all_servers):
    """{name: server}, each with its data and started; ended afterwards."""
    with contextlib.ExitStack() as ends:
        for server in all_servers:
            ends.callback(server.end, signal.SIGKILL)
            server.prepare()
            server.start()
        yield {server.name: server for server in all_servers}


def one_kind(work, kind, size, args):
    """{"cpu", "memory"} of echo, rbld and rbldnsd."""
    print("%d listings, %s" % (size, kind), flush=True)
    files = data.Files(work, size, kind)
    with daemon.Scratch(mode=0o755) as scratch, prepared(
            servers.Echo(scratch, files), servers.Rbld(scratch, files),
            servers.Rbldnsd(scratch, files)) as all_servers:
        found = {"size": size, "cpu": cost.measure(
            all_servers, files.queries(), args.rounds, args.seconds)}
        found["memory"] = {name: memory.resident(server)
                           for name, server in all_servers.items()}
        found["index"] = memory.index(all_servers["rbld"])
    return found


def measure_kinds(work, size, args):
    return {kind: one_kind(work, kind, size, args)
            for kind in ("ipv6", "names")}


def measure_reasons(work, size, args):
    """Two rblds, whose listings have three reasons, or each one of its own."""
    print("%d listings, three reasons and each its own" % size, flush=True)
    with daemon.Scratch(mode=0o755) as one, \
            daemon.Scratch(mode=0o755) as other:
        few = servers.Rbld(one, data.Files(work, size, values=3))
        each = servers.Rbld(other, data.Files(work, size, values="each"))
        few.name, each.name = "three", "each"
        with prepared(servers.Echo(one, few.files), few, each) as all_servers:
            found = {"size": size, "started": {}, "asked": {}, "index": {},
                     "start": {}}
            mine = {name: all_servers[name] for name in ("three", "each")}
            found["import"] = {name: server.import_seconds
                               for name, server in mine.items()}
            for name, server in mine.items():
                found["started"][name] = memory.resident(server)
            queries, share = few.files.a_queries()
            found["cpu"] = cost.measure(all_servers, queries, args.rounds,
                                        args.seconds, listed_share=share)
            for name, server in mine.items():
                found["asked"][name] = memory.resident(server)
                found["index"][name] = memory.index(server)
                found["start"][name] = start.after_a_clean_stop(server,
                                                                args.rounds)
    return found
