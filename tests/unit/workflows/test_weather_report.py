"""The demo's page: whole, readable, and safe whatever it is given."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weather_report
from weather_report import Analysis, Month, Verdict

SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><title>ü</title></svg>'.encode()
NASTY = """<script>alert(1)</script>"'&{{ 7 * 7 }}"""
MILD = Verdict(hot=False, headline="No day was hot.", days=[])


class Page(HTMLParser):
    """The tags, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def analysis(year: int = 2015, high: float = 35.0, low: float = -3.8, rain: float = 1139.2) -> Analysis:
    return Analysis(year=year, max_temp=high, min_temp=low, rain_days=116, rain=rain, hot_days=0, chart=SVG)


def month(year: int = 2015, number: int = 7, high: float = 28.1) -> Month:
    return Month(year=year, month=number, high=high, low=15.0, rain=2.3)


def test_the_page_says_what_the_years_were_like() -> None:
    years = [analysis(2014, 35.6, -6.0, 1232.8), analysis(2015)]
    verdict = Verdict(hot=True, headline="It got hot.", days=[{"date": "2014-08-11", "high": 35.6}])
    text = " ".join(Page(weather_report.page("Seattle", "NOAA", verdict, years, [month()])).text.split())
    for words in (
        "Seattle, 2014–2015",
        "It got hot.",
        "2014-08-11 · 35.6 °C",
        "Hottest day 35.6 °C in 2014",
        "Coldest night −6.0 °C in 2014",
        "Wettest year 1,233 mm in 2014",
        "Days with rain 116 a year",
        "Readings: NOAA.",
    ):
        assert words in text


def test_a_month_stands_in_its_year_and_the_others_are_dashes() -> None:
    page = Page(weather_report.page("X", "Y", MILD, [analysis()], [month(), month(year=1999, number=1)]))
    cells = [word for word in page.text.split() if word in {"28", "–"}]
    assert cells == ["–"] * 6 + ["28"] + ["–"] * 5


def test_charts_are_images_in_which_nothing_can_run() -> None:
    page = Page(weather_report.page("X", "Y", MILD, [analysis()], []))
    (source,) = [value for name, value in page.attributes if name == "src" and value]
    kind, data = source.split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data) == SVG
    assert "svg" not in page.tags


def test_what_comes_in_is_text_and_never_markup() -> None:
    verdict = Verdict(hot=True, headline=NASTY, days=[{"date": NASTY, "high": 1.0}])
    page = Page(weather_report.page(NASTY, NASTY, verdict, [{**analysis(), "chart": NASTY.encode()}], []))
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(NASTY) == 5, "title, heading, headline, day and source, each as it was given"


def test_the_page_is_self_contained() -> None:
    html = weather_report.page("X", "Y", MILD, [analysis()], [])
    page = Page(html)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert "default-src 'none'" in html
    assert "url(" not in html


def test_without_years_there_is_no_report() -> None:
    with pytest.raises(ValueError, match="at least one year"):
        weather_report.page("X", "Y", MILD, [], [])


@given(st.floats(min_value=-60, max_value=60))
def test_text_can_be_read_on_every_colour(temperature: float) -> None:
    background = weather_report.colour(temperature)
    assert all(0 <= part <= 255 for part in background)
    assert weather_report.contrast(weather_report.ink(background), background) >= 4.5, "WCAG AA"


def test_colours_go_from_blue_to_red() -> None:
    cold, warm = weather_report.colour(-5), weather_report.colour(35)
    assert cold[2] > cold[0]
    assert warm[0] > warm[2]
