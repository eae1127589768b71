"""The report as a drawing, by Matplotlib, which nothing else needs."""

import io
from collections import Counter
from datetime import tzinfo

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from back_office.report import Report
from back_office.report_output import COLUMNS

COLOURS = {"entries": "#4c72b0", "sales": "#dd9f40", "denials": "#c44e52"}
MOST_LABELS = 24


def as_svg(report: Report, zone: tzinfo | None) -> bytes:
    """Draw entries, sales and denials as bars beside each other, for each hour, or of a long report for each day."""
    sums: dict[str, Counter[str]] = {what: Counter() for what in COLUMNS.values()}
    for row in report.rows(zone):
        if row.what in sums:
            sums[row.what][report.period(row.hour)] += row.number
    periods = report.periods(zone)
    figure = Figure(figsize=(12, 5), layout="constrained")
    axes = figure.add_subplot()
    width = 0.9 / len(COLUMNS)
    for number, (name, what) in enumerate(COLUMNS.items()):
        places = [place + (number - 1) * width for place in range(len(periods))]
        axes.bar(places, [sums[what][each] for each in periods], width, label=name, color=COLOURS[name])
    step = len(periods) // MOST_LABELS + 1
    axes.set_xticks(range(0, len(periods), step), periods[::step], rotation=60, ha="right", rotation_mode="anchor")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    drawing = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # words stay words
        figure.savefig(drawing, format="svg", metadata={"Date": None})
    return drawing.getvalue()
