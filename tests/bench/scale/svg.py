"""Panels of lines over a logarithmic x axis, as an SVG that needs nothing else.

Colours come from a style sheet inside, which follows the reader's light or dark
theme; a marker tells its value when it is pointed at. Debian's matplotlib is 49
packages and knows no dark theme.
"""

import math
from xml.sax import saxutils

# Paul Tol's bright scheme, told apart by the colour-blind too; lighter on dark.
COLOURS = (("#4477aa", "#7aa6d6"), ("#ee6677", "#ff8a98"),
           ("#228833", "#5cc46c"), ("#aa8800", "#d9bf4a"),
           ("#aa3377", "#d978ad"))
MARKERS = ("circle", "square", "diamond", "up", "down")

STYLE = """\
svg { font: 12px system-ui, sans-serif; }
.page { fill: #ffffff; } .grid { stroke: #d8dce2; } .axis { stroke: #6a737d; }
text { fill: #24292f; } .small { fill: #57606a; font-size: 11px; }
.title { font-weight: 600; font-size: 13px; }
.line { fill: none; stroke-width: 2; }
%(light)s
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; } .grid { stroke: #30363d; } .axis { stroke: #8b949e; }
  text { fill: #e6edf3; } .small { fill: #9198a1; }
%(dark)s
}"""


def style(count):
    def rules(theme):
        return "\n".join(
            ".s%d { stroke: %s; } .m%d { fill: %s; }" % (
                i, COLOURS[i][theme], i, COLOURS[i][theme])
            for i in range(count))
    return STYLE % {"light": rules(0), "dark": rules(1)}


class LogScale:
    """Values above 0 to pixels, whole decades."""

    def __init__(self, low, high, first_pixel, last_pixel):
        self._low = math.floor(math.log10(low) + 1e-9)
        self._high = max(self._low + 1, math.ceil(math.log10(high) - 1e-9))
        self._first = first_pixel
        self._last = last_pixel

    def at(self, value):
        part = (math.log10(value) - self._low) / (self._high - self._low)
        return self._first + part * (self._last - self._first)

    def ticks(self):
        """One in each decade, or in some of them."""
        step = 1 + (self._high - self._low) // 8
        return [10.0 ** e for e in range(self._low, self._high + 1, step)]


class LinearScale:
    """Values from 0 on to pixels, up to a round number."""

    def __init__(self, high, first_pixel, last_pixel):
        self._step = nice_step(high)
        self._high = math.ceil(high / self._step - 1e-9) * self._step
        self._first = first_pixel
        self._last = last_pixel

    def at(self, value):
        return self._first + value / self._high * (self._last - self._first)

    def ticks(self):
        return [i * self._step
                for i in range(int(self._high / self._step + 1e-9) + 1)]


def nice_step(high):
    """1, 2 or 5 times a power of ten, so that four to ten of them make it."""
    power = 10.0 ** math.floor(math.log10(high))
    for part in (0.1, 0.2, 0.5, 1):
        if high <= 10 * part * power / 1.6:
            return part * power
    return 2 * power


class Panel:
    """`series` is {name: [(x, y), …]}; `unit` makes text of a y."""

    def __init__(self, title, series, unit, log=True):
        self.title = title
        self.series = {name: sorted(points) for name, points in series.items()}
        self.unit = unit
        self.log = log

    def points(self):
        return [p for points in self.series.values() for p in points]


def marker(shape, index, x, y, told):
    r = 4
    paths = {
        "square": "M%g %gh%gv%gh-%gz" % (x - r, y - r, 2 * r, 2 * r, 2 * r),
        "diamond": "M%g %gl5 5l-5 5l-5 -5z" % (x, y - 5),
        "up": "M%g %gl5 9h-10z" % (x, y - 5),
        "down": "M%g %gl5 -9h-10z" % (x, y + 5),
    }
    title = "<title>%s</title>" % saxutils.escape(told)
    if shape == "circle":
        return '<circle class="m%d" cx="%.1f" cy="%.1f" r="%d">%s</circle>' % (
            index, x, y, r, title)
    return '<path class="m%d" d="%s">%s</path>' % (index, paths[shape], title)


def text(x, y, what, more=""):
    return '<text x="%.1f" y="%.1f" %s>%s</text>' % (
        x, y, more, saxutils.escape(what))


class Plot:
    """Panels two in a row, and a legend above them.

    `names` are the series in their order; `x_text` makes text of an x.
    """

    WIDTH, PANEL_HEIGHT, TOP = 900, 270, 74
    LEFT, RIGHT, ABOVE, BELOW = 66, 20, 34, 44

    def __init__(self, title, names, panels, x_title, x_text):
        self.title = title
        self.names = list(names)
        self.panels = panels
        self.x_title = x_title
        self.x_text = x_text

    def svg(self):
        height = self.TOP + self.PANEL_HEIGHT * ((len(self.panels) + 1) // 2)
        parts = [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
            'width="%d" height="%d" role="img">' % (
                self.WIDTH, height, self.WIDTH, height),
            "<title>%s</title>" % saxutils.escape(self.title),
            "<style>%s</style>" % style(len(self.names)),
            '<rect class="page" width="%d" height="%d"/>' % (self.WIDTH,
                                                             height),
            text(16, 26, self.title, 'class="title"')]
        parts += self._legend()
        for number, panel in enumerate(self.panels):
            parts += self._panel(panel, (number % 2) * self.WIDTH / 2,
                                 self.TOP + number // 2 * self.PANEL_HEIGHT)
        return "\n".join(parts + ["</svg>"]) + "\n"

    def _legend(self):
        parts, x = [], 24
        for index, name in enumerate(self.names):
            parts.append('<path class="line s%d" d="M%d 50h28"/>' % (index, x))
            parts.append(marker(MARKERS[index], index, x + 14, 50, name))
            parts.append(text(x + 36, 54, name))
            x += 36 + 9 * len(name) + 26
        return parts

    def _panel(self, panel, left, top):
        x0, x1 = left + self.LEFT, left + self.WIDTH / 2 - self.RIGHT
        y0, y1 = top + self.PANEL_HEIGHT - self.BELOW, top + self.ABOVE
        parts = [text(x0, top + 20, panel.title, 'class="title"')]
        points = panel.points()
        if not points:
            return parts + [text(x0 + 20, (y0 + y1) / 2, "not measured",
                                 'class="small"')]
        xs, ys = zip(*points)
        xscale = LogScale(min(xs), max(xs), x0, x1)
        yscale = LogScale(min(ys), max(ys), y0, y1) if panel.log else \
            LinearScale(max(ys), y0, y1)
        for tick in yscale.ticks():
            y = yscale.at(tick)
            parts.append('<path class="grid" d="M%.1f %.1fH%.1f"/>' % (x0, y,
                                                                      x1))
            parts.append(text(x0 - 6, y + 4, panel.unit(tick),
                              'class="small" text-anchor="end"'))
        for tick in xscale.ticks():
            x = xscale.at(tick)
            parts.append('<path class="grid" d="M%.1f %.1fV%.1f"/>' % (x, y0,
                                                                      y1))
            parts.append(text(x, y0 + 16, self.x_text(tick),
                              'class="small" text-anchor="middle"'))
        parts.append('<path class="axis" fill="none" d="M%.1f %.1fV%.1fH%.1f"/>'
                     % (x0, y1, y0, x1))
        parts.append(text((x0 + x1) / 2, y0 + 34, self.x_title,
                          'class="small" text-anchor="middle"'))
        for name, line in panel.series.items():
            parts += self._line(panel, name, line, xscale, yscale)
        return parts

    def _line(self, panel, name, line, xscale, yscale):
        index = self.names.index(name)
        places = [(xscale.at(x), yscale.at(y)) for x, y in line]
        parts = []
        if len(places) > 1:
            parts.append('<path class="line s%d" d="M%s"/>' % (
                index, "L".join("%.1f %.1f" % p for p in places)))
        for (x, y), (px, py) in zip(line, places):
            parts.append(marker(
                MARKERS[index], index, px, py, "%s, %s: %s" % (
                    name, self.x_text(x), panel.unit(y))))
        return parts
