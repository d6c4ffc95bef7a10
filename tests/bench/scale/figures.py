"""The arithmetic of the tables: medians, ranges, paired ratios, limits.

Knows no server; what is here can be tested without one.
"""

import statistics


def median(values):
    """None of nothing: a figure that was not taken."""
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def paired(mine, others):
    """The ratios inside each round. What slows the machine for a while slows
    both sides of one."""
    if len(mine) != len(others):
        raise ValueError("%d rounds against %d" % (len(mine), len(others)))
    return [a / b for a, b in zip(mine, others)]


def percentile(values, part):
    """The smallest value that `part` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    place = -int(-part * len(ordered) // 1)  # rounded up
    return ordered[min(len(ordered), max(1, place)) - 1]


def rotated(names, by):
    """Another order in each round: none always follows the same one."""
    names = list(names)
    by %= max(1, len(names))
    return names[by:] + names[:by]


class Limit:
    """What a figure must not exceed, or with `at_least` not fall below."""

    def __init__(self, what, value, limit, form="%.2f", at_least=False,
                 why_not="not measured"):
        self.what = what
        self.value = value
        self.limit = limit
        self.form = form
        self.at_least = at_least
        self.why_not = why_not

    @property
    def reached(self):
        """None without a figure."""
        if self.value is None:
            return None
        if self.at_least:
            return self.value >= self.limit
        return self.value <= self.limit

    def __str__(self):
        limit = "%slimit %s" % ("lower " if self.at_least else "",
                                self.form % self.limit)
        if self.value is None:
            return "%s: no figure (%s); %s" % (self.what, self.why_not, limit)
        return "%s: %s; %s: %s" % (self.what, self.form % self.value, limit,
                                   "reached" if self.reached else "missed")


def limit_list(limits):
    """As Markdown."""
    return "\n".join("* %s" % one for one in limits)


def count(number):
    return format(number, ",")


def short_count(number):
    """10 k, 1 M; a number that is not round stays as it is."""
    for unit, name in ((1_000_000, "M"), (1000, "k")):
        if number >= unit and number % unit == 0:
            return "%d %s" % (number // unit, name)
    return count(number)


def significant(value, digits=3):
    """Text with about so many digits, never in powers of ten."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    text = "%.*g" % (digits, value)
    if "e" in text or abs(value) >= 10 ** digits:
        return "%.0f" % value
    return text


def duration(seconds):
    """With a unit that suits it."""
    if seconds is None:
        return "–"
    if seconds < 1e-3:
        return significant(seconds * 1e6) + " µs"
    if seconds < 1:
        return significant(seconds * 1e3) + " ms"
    return significant(seconds) + " s"


def megabytes(size):
    return "–" if size is None else significant(size / 1e6) + " MB"


def spread(values, form):
    """The median, with the range behind it where there are several."""
    values = [v for v in values if v is not None]
    if not values:
        return "–"
    if len(values) == 1:
        return form(values[0])
    return "%s (%s to %s)" % (form(median(values)), form(min(values)),
                              form(max(values)))


def size_text(size):
    """Bytes with a unit that suits them, for an axis."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return "%s %s" % (significant(size / unit), name)
    return "%s B" % significant(size)
