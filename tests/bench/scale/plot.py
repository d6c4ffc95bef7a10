"""docs/growth.svg: what grows with the number of listings, and what not."""

from tests.bench.scale import figures
from tests.bench.scale import report
from tests.bench.scale import svg

PANELS = (
    ("cpu", "CPU time of a query (µs)", figures.significant, False),
    ("memory", "Resident memory", figures.size_text, True),
    ("start", "Start to the first right answer", figures.duration, True),
    ("change", "A change is visible after", figures.duration, True),
)


def growth(results):
    """The SVG's text."""
    sizes = {int(s): one for s, one in results.get("sizes", {}).items()}
    panels, names = [], set()
    for part, title, unit, log in PANELS:
        series = {}
        for name in report.ORDER:
            points = [(size, report.growth_value(one, part, name))
                      for size, one in sizes.items()]
            points = [p for p in points if p[1] is not None and p[1] > 0]
            # An echo holds no listings.
            if points and (name != "echo" or part == "cpu"):
                series[name] = points
        names.update(series)
        panels.append(svg.Panel(title, series, unit, log))
    return svg.Plot(
        "What grows with the number of listings (medians; lower is better)",
        [n for n in report.ORDER if n in names], panels, "listings",
        lambda x: figures.short_count(int(round(x)))).svg()
