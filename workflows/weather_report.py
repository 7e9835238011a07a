"""The report's page: one HTML file with its style and charts inside, without scripts.

The page is `templates/report.html`, a Jinja2 template that escapes whatever it is given. Charts come in as
SVG documents and are shown as images, in which nothing can run.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from typing_extensions import TypedDict

from weather import HotDay

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

# Mean daily maximum in °C and its colour; between two of them colours are mixed.
_SCALE = (
    (0.0, (49, 96, 160)),
    (8.0, (120, 172, 208)),
    (15.0, (232, 234, 214)),
    (22.0, (244, 178, 92)),
    (30.0, (192, 58, 44)),
)

_Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


class Month(TypedDict):
    """What one month of one year was like."""

    year: int
    month: int
    high: float
    """Mean daily maximum, °C."""
    low: float
    """Mean daily minimum, °C."""
    rain: float
    """Sum, mm."""


class Analysis(TypedDict):
    """What the notebook found out about one year."""

    year: int
    max_temp: float
    min_temp: float
    rain_days: int
    rain: float
    hot_days: int
    chart: bytes
    """An SVG document."""


class Verdict(TypedDict):
    """What the years come to, in a sentence, with the days that show it."""

    hot: bool
    headline: str
    days: list[HotDay]


def page(city: str, source: str, verdict: Verdict, analyses: Sequence[Analysis], months: Sequence[Month]) -> str:
    """Write the report.

    Args:
        city: The place of the readings.
        source: Where the readings are from.
        verdict: The sentence at the top.
        analyses: One for each year, oldest first.
        months: Every month of these years; others are left out.

    Returns:
        A whole HTML document.

    Raises:
        ValueError: If there is no year to report.
    """
    if not analyses:
        raise ValueError("A report needs at least one year.")
    years = [analysis["year"] for analysis in analyses]
    return _PAGES.get_template("report.html").render(
        city=city,
        source=source,
        span=f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0]),
        verdict=verdict,
        facts=_facts(analyses),
        calendar=[_calendar_row(year, months) for year in years],
        analyses=[{**analysis, "image": image(analysis["chart"])} for analysis in analyses],
        degrees=_degrees,
    )


def image(svg: bytes) -> str:
    """Give an SVG document as an address for the `src` of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def colour(temperature: float) -> _Colour:
    """Give the colour (red, green, blue, 0 to 255) of a mean daily maximum in °C."""
    lowest, highest = _SCALE[0], _SCALE[-1]
    if temperature <= lowest[0]:
        return lowest[1]
    for (cold, cold_colour), (warm, warm_colour) in pairwise(_SCALE):
        if temperature <= warm:
            return _mix(cold_colour, warm_colour, (temperature - cold) / (warm - cold))
    return highest[1]


def ink(background: _Colour) -> _Colour:
    """Give the text colour, black or white, that reads better on a background."""
    black, white = (0, 0, 0), (255, 255, 255)
    return max((black, white), key=lambda text: contrast(text, background))


def contrast(one: _Colour, other: _Colour) -> float:
    """Give the contrast of two colours as WCAG defines it: 1 (none) to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _facts(analyses: Sequence[Analysis]) -> list[Mapping[str, str]]:
    hottest = max(analyses, key=lambda analysis: analysis["max_temp"])
    coldest = min(analyses, key=lambda analysis: analysis["min_temp"])
    wettest = max(analyses, key=lambda analysis: analysis["rain"])
    rain_days = sum(analysis["rain_days"] for analysis in analyses) / len(analyses)
    return [
        {"name": "Hottest day", "value": _degrees(hottest["max_temp"]), "note": f"in {hottest['year']}"},
        {"name": "Coldest night", "value": _degrees(coldest["min_temp"]), "note": f"in {coldest['year']}"},
        {"name": "Wettest year", "value": f"{wettest['rain']:,.0f} mm", "note": f"in {wettest['year']}"},
        {"name": "Days with rain", "value": f"{rain_days:.0f}", "note": "a year, on average"},
    ]


def _calendar_row(year: int, months: Sequence[Month]) -> Mapping[str, object]:
    found = {month["month"]: month for month in months if month["year"] == year}
    return {"year": year, "cells": [_cell(found.get(number)) for number in range(1, 13)]}


def _cell(month: Month | None) -> Mapping[str, str] | None:
    if month is None:
        return None
    background = colour(month["high"])
    day, night = _degrees(month["high"]), _degrees(month["low"])
    return {
        "text": f"{month['high']:.0f}".replace("-", "−"),
        "title": f"{day} by day, {night} by night, {month['rain']:.0f} mm",
        "background": _css(background),
        "ink": _css(ink(background)),
    }


def _degrees(temperature: float) -> str:
    return f"{temperature:.1f} °C".replace("-", "−")


def _mix(one: _Colour, other: _Colour, share: float) -> _Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(rgb: _Colour) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _css(rgb: _Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)
