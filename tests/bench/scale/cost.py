"""CPU time a query: every server asked the same names in turn.

A round asks each of them once, as fast as it answers; a ratio is taken inside a
round. A round in which one lost more than a thousandth is void as a whole, and
made again.
"""

from tests.bench import bench
from tests.bench import load
from tests.bench.scale import figures
from tests.bench.scale.servers import Missing

OUTSTANDING = 100
# Void rounds, for each that is wanted.
MOST_VOID = 2


def one_round(servers, queries, seconds, number, listed_share):
    """{name: figures}, or None if it is void."""
    found = {}
    for name in figures.rotated(servers, number):
        server = servers[name]
        run = load.run(server.port, queries, seconds, pid=server.pid,
                       outstanding=OUTSTANDING)
        share = server.listed_share
        if share is not None and listed_share is not None:
            share = listed_share
        bench.check_answers(name, run, share, max_loss=1.0)
        print("  round %d  %-8s user %.3f  total %.3f µs  %.0f q/s  lost "
              "%.4f %%  waited %.1f %%  %s" % (
                  number + 1, name, run.user_microseconds,
                  run.total_microseconds, run.per_second, run.loss * 100,
                  run.wait_seconds / run.seconds * 100, run.rcodes),
              flush=True)
        if run.loss >= bench.MAX_LOSS:
            print("  round %d is void: %s lost %.3f %% (limit %.1f %%)" % (
                number + 1, name, run.loss * 100, bench.MAX_LOSS * 100))
            return None
        found[name] = {
            "user": run.user_microseconds, "total": run.total_microseconds,
            "per_second": run.per_second, "loss": run.loss,
            "waited": run.wait_seconds / run.seconds,
            "p50": run.latency["p50"], "p99": run.latency["p99"],
        }
    return found


def measure(servers, queries, rounds, seconds, listed_share=None):
    """{name: [{"user", "total", …} of each round]}; times in µs.

    `servers` is {name: servers.Server}. `listed_share`: of these queries, if
    not that of gen's.
    """
    kept, void = [], 0
    while len(kept) < rounds:
        found = one_round(servers, queries, seconds, len(kept) + void,
                          listed_share)
        if found:
            kept.append(found)
            continue
        void += 1
        if void > MOST_VOID * rounds:
            raise Missing("%d of %d rounds were void for lost queries" % (
                void, void + len(kept)))
    return {name: [one[name] for one in kept] for name in servers}


def of(runs, key):
    return [one[key] for one in runs]


def ratios_to_echo(found, name):
    return figures.paired(of(found[name], "total"), of(found["echo"], "total"))
