"""What was found, on the disk after each part: a run takes hours."""

import json
import os
import tempfile


def merged(before, now):
    """What was found now, and before of the parts that now has not, or of
    servers that now were not asked for it."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return now
    found = dict(before)
    for part, one in now.items():
        if part == "missing":
            found[part] = one
        elif one:
            found[part] = merged(before.get(part), one)
    return found


class Keeper:
    """`path`: a file that keeps it, with what it has of other parts already.
    Without one it is a new temporary file."""

    def __init__(self, path, meta):
        self.path = path
        self.results = {}
        if not path:
            handle, self.path = tempfile.mkstemp(prefix="rbld-scale-",
                                                 suffix=".json")
            os.close(handle)
        elif os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                self.results = json.load(text)
        self.results.update(meta=meta, missing={})

    def keep(self):
        with open(self.path + ".new", "w", encoding="utf-8") as out:
            json.dump(self.results, out, indent=1)
        os.rename(self.path + ".new", self.path)

    def take(self, name, measure, failures, into=None):
        """What `measure` returns. A part that fails with one of `failures` is
        told of and left out; the others go on."""
        into = self.results if into is None else into
        try:
            into[name] = merged(into.get(name), measure())
        except failures as why:
            print("%s: no figures: %s" % (name, why), flush=True)
            self.results["missing"][name] = str(why)
        self.keep()
