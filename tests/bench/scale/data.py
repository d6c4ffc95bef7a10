"""The files that the servers get and the clients ask, kept for the next time.

Everything comes from tests/bench/gen and one seed: a file's name tells all that
is in it, and one that is there is not made again.
"""

import os
import subprocess

from tests.bench import bench

# Names a query file holds: with ten million listings the caches are of no use
# to a server, and three million queries of a run are all distinct.
MOST_NAMES = 10_000_000
NAMES_A_LISTING = 3
FORMATS = {"ipv4": "ip4set", "ipv6": "ip6trie", "names": "dnset"}
# Of rbldnsd's formats the one whose longest prefix wins, as rbld's own do.
IMPORT_FORMATS = {"ipv4": "ip4trie", "ipv6": "ip6trie", "names": "dnset"}
# Behind whatever is listed or asked.
CHANGES_BEHIND = MOST_NAMES
CHANGED = 100_000


class Files:
    """The files of one number of listings, made when they are asked for.

    `values`: how many pairs of code and reason there are, or "each".
    """

    def __init__(self, folder, size, kind="ipv4", values=3):
        self.folder = folder
        self.size = size
        self.kind = kind
        self.values = values

    @property
    def names(self):
        return min(MOST_NAMES, self.size * NAMES_A_LISTING)

    def _made(self, name, *gen):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            bench.gen(*gen, out=path + ".new")
            os.chmod(path + ".new", 0o644)
            os.rename(path + ".new", path)
        return path

    def listings(self):
        """A file of rbldnsd's; of IPv4 in the order of the addresses."""
        order = "sorted" if self.kind == "ipv4" else "random"
        return self._made(
            "%s-%d-%s-%s" % (self.kind, self.size, order, self.values),
            "listings", self.kind, self.size, bench.SEED, order, self.values)

    def queries(self):
        return self._made(
            "%s-%d-queries-%d" % (self.kind, self.size, self.names),
            "queries", self.names, bench.SEED, self.size, bench.ZONE, self.kind)

    def a_queries(self):
        """Those of type A. Returns (path, the share that is listed)."""
        whole = self.queries()
        path = whole + "-a"
        if not os.path.exists(path):
            with open(path + ".new", "wb") as out:
                subprocess.run(["grep", "-a", " A$", whole], stdout=out,
                               check=True)
            os.rename(path + ".new", path)
        return path, a_listed_share()

    def listed(self, count=200):
        """Some of the listed IPv4 addresses, in no order."""
        path = self._made("listed-%d" % count, "feed", count, bench.SEED, 0)
        with open(path) as lines:
            return lines.read().split()[:self.size]

    def changes_path(self, count=CHANGED):
        """Addresses that are neither listed nor asked for by queries()."""
        return self._made("changes-%d-%d" % (self.size, count), "feed", count,
                          bench.SEED, self.size + CHANGES_BEHIND)

    def changes(self, count=CHANGED):
        with open(self.changes_path(count)) as lines:
            return lines.read().split()


def a_listed_share():
    """Of gen's queries of type A, by its rule for each hundred."""
    hundred = [i for i in range(100) if i * 61 % 100 >= 10]
    return sum(1 for i in hundred if i * 37 % 100 < 30) / len(hundred)


def first_pair(path):
    """(code, reason) of a file's first line."""
    with open(path, encoding="utf-8") as lines:
        return tuple(lines.readline().strip().split(":", 2)[1:])


def read_file(path):
    """Into the page cache."""
    with open(path, "rb") as one:
        while one.read(1 << 22):
            pass


def read_through(folder):
    """Every file of the folder, into the page cache."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                read_file(os.path.join(place, name))
            except OSError:
                continue  # a socket, or gone
