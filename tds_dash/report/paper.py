"""An A4 page to draw on: text, lines and boxes in the pages' colours, tagged so that it can be read aloud in its order.

fpdf2 (LGPL, pure Python over fontTools) was taken since it draws vectors, embeds subsets and keeps the structure that screen
readers go by. What it tags by itself are pictures alone; so texts are tagged here with the same means, one after the other:
headings, lines of text and tables, and charts with their description. What only decorates is marked as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fpdf import FPDF, ViewerPreferences

from tds_dash import theme
from tds_dash.report.fonts import STANDS_IN, WEIGHTS, font

FAMILY = "report"
WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 14.0
INNER = WIDTH - 2 * MARGIN
POINT = 25.4 / 72
ASCENT = 0.74  # of the size: from the top of capitals to the line that letters stand on, with a little air
HATCH_STEP, HATCH_LINE = 0.8, 0.28
ELLIPSIS = "…"


class Type(NamedTuple):
    """How something is written: size in points, colour of the theme or of a resource, weight."""

    size: float
    colour: str = "text"
    bold: bool = False


class Box(NamedTuple):
    """A place on the page, in millimetres."""

    x: float
    y: float
    width: float
    height: float


class Paper:
    """One page."""

    def __init__(self, title: str, author: str, language: str, made: datetime) -> None:
        self.pdf = FPDF(unit="mm", format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_title(title)
        self.pdf.set_author(author)
        self.pdf.set_creator("TDS")
        self.pdf.set_producer("fpdf2")
        self.pdf.set_lang(language)
        self.pdf.set_creation_date(made)
        self.pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)
        with TemporaryDirectory(prefix="tds-report-") as folder:  # fpdf2 takes fonts from files alone
            for style in WEIGHTS:
                file = Path(folder) / f"font{style}.ttf"
                file.write_bytes(font(style).content)
                self.pdf.add_font(FAMILY, style, file)
        self.pdf.add_page()

    def output(self) -> bytes:
        """Give the file."""
        return bytes(self.pdf.output())

    @contextmanager
    def tagged(self, kind: str, description: str | None = None) -> Iterator[None]:
        """Let what is drawn be one part of the page: `H1`, `H2`, `P`, or a `Figure` with its description."""
        with self.pdf._marked_sequence(alt_text=description) as part:
            part.s = f"/{kind}"
            yield

    @contextmanager
    def decoration(self) -> Iterator[None]:
        """Let what is drawn be read by nobody."""
        self.pdf._out("/Artifact BMC")
        yield
        self.pdf._out("EMC")

    def width(self, text: str, type_: Type) -> float:
        """Give how wide a text is."""
        self._use(type_)
        return float(self.pdf.get_string_width(self._known(text, type_)))

    def write(self, x: float, y: float, text: str, type_: Type, *, end: bool = False, most: float | None = None) -> float:
        """Write a line with its top at `y`, from `x` on or up to it, cut where it is wider than `most`; gives how wide it is."""
        if most is not None:
            text = self.fitted(text, type_, most)
        width = self.width(text, type_)
        self.pdf.set_text_color(colour(type_.colour))
        self.pdf.text(x - width if end else x, y + type_.size * POINT * ASCENT, self._known(text, type_))
        return width

    def fitted(self, text: str, type_: Type, most: float) -> str:
        """Give a text, or as much of it as there is room for."""
        if self.width(text, type_) <= most:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(text[:middle].rstrip() + ELLIPSIS, type_) <= most else (low, middle - 1)
        return text[:low].rstrip() + ELLIPSIS

    def lines(self, text: str, type_: Type, most: float, count: int) -> list[str]:
        """Break a text into so many lines at most; the last one is cut where there is more."""
        found: list[str] = []
        rest = text.split(" ")
        while rest and len(found) < count:
            taken = 1
            while taken < len(rest) and self.width(" ".join(rest[: taken + 1]), type_) <= most:
                taken += 1
            last = len(found) == count - 1
            found.append(self.fitted(" ".join(rest if last else rest[:taken]), type_, most))
            rest = [] if last else rest[taken:]
        return found

    def paragraph(self, x: float, y: float, text: str, type_: Type, most: float, count: int) -> float:
        """Write a text over several lines; gives where the next one begins."""
        step = type_.size * POINT * 1.28
        for line in self.lines(text, type_, most, count):
            self.write(x, y, line, type_)
            y += step
        return y

    def fill(self, box: Box, name: str, opacity: float = 1.0) -> None:
        """Fill a box."""
        self.pdf.set_fill_color(blended(colour(name), opacity))
        self.pdf.rect(*box, style="F")

    def frame(self, box: Box, radius: float) -> None:
        """Draw the edge of a card."""
        self.pdf.set_draw_color(colour("line"))
        self.pdf.set_line_width(0.25)
        self.pdf.rect(*box, style="D", round_corners=True, corner_radius=radius)

    def rule(self, x: float, y: float, width: float, name: str = "line", thick: float = 0.2) -> None:
        """Draw a horizontal line."""
        self.pdf.set_draw_color(colour(name))
        self.pdf.set_line_width(thick)
        self.pdf.line(x, y, x + width, y)

    def hatch(self, box: Box, name: str) -> None:
        """Fill a box with slanted lines over a pale ground, as charts show what is estimated."""
        self.fill(box, name, theme.HATCH_GROUND)
        self.pdf.set_draw_color(colour(name))
        self.pdf.set_line_width(HATCH_LINE)
        right, bottom = box.x + box.width, box.y + box.height
        start = (box.x + box.y) // HATCH_STEP * HATCH_STEP  # lines of neighbours lie on each other's
        for number in range(int((box.width + box.height) / HATCH_STEP) + 2):
            place = start + number * HATCH_STEP  # of points for which x + y is this
            low, high = max(box.x, place - bottom), min(right, place - box.y)
            if low < high:
                self.pdf.line(low, place - low, high, place - high)

    def link(self, box: Box, address: str) -> None:
        """Let a place lead somewhere."""
        self.pdf.link(*box, link=address)

    def _use(self, type_: Type) -> None:
        self.pdf.set_font(FAMILY, "B" if type_.bold else "", type_.size)

    def _known(self, text: str, type_: Type) -> str:
        characters = font("B" if type_.bold else "").characters
        return "".join(one if one in characters else STANDS_IN for one in text)


def colour(name: str) -> tuple[int, int, int]:
    """Give a colour of the theme, or of a resource, as red, green and blue."""
    code = theme.LIGHT.get(name) or theme.resource_colour(name)
    red, green, blue = (int(code[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def blended(solid: Sequence[int], opacity: float) -> tuple[int, int, int]:
    """Give a colour as it looks on white paper."""
    red, green, blue = (round(255 + (part - 255) * opacity) for part in solid)
    return red, green, blue
