"""What the drawings of measurements and of drills have in common."""

from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

WIDTH, MARGIN = 920, 28
GREY, BLUE, ORANGE, GREEN = "#9aa7b4", "#1f6feb", "#bf6a02", "#2da44e"
PALE = "#57606a"  # words of less weight


def drawing(title: str, description: str, height: float, shapes: Iterable[str]) -> str:
    """Return a drawing on a ground of its own, so that light and dark pages show it alike; shapes begin at y = 60."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-labelledby="title description"'
        " font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\" fill=\"#1f262e\">",
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="14" fill="#f6f8fa" stroke="#d0d7de"'
        ' stroke-width="2"/>',
        f'<text x="{MARGIN}" y="46" font-size="20" font-weight="700">{escape(title)}</text>',
        *shapes,
    ]
    return "\n".join([*lines, "</svg>\n"])


def legend(colours: Mapping[str, str]) -> Iterator[str]:
    """Say in a line what each colour means; it ends at y = 80."""
    step = (WIDTH - 2 * MARGIN) // len(colours)
    for number, (meaning, colour) in enumerate(colours.items()):
        x = MARGIN + step * number
        yield f'<rect x="{x}" y="66" width="14" height="14" rx="3" fill="{colour}"/>'
        yield f'<text x="{x + 22}" y="78" font-size="14">{meaning}</text>'
