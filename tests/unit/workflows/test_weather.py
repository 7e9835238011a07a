"""The demo's functions: readings are cleaned, picked and searched."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weather

DATA = Path(weather.__file__).parent / "data" / "seattle-weather.csv"


def row(
    date: str = "2012/01/31",
    high: object = "12.8",
    low: object = "5.0",
    rain: object = "0.0",
    wind: object = "4.7",
    sky: str = "drizzle",
) -> dict[str, object]:
    return dict(zip(weather.COLUMNS, (date, high, low, rain, wind, sky), strict=True))


def test_a_row_becomes_a_reading() -> None:
    assert weather.clean([row()]) == [
        {
            "date": "2012-01-31",
            "year": 2012,
            "month": 1,
            "high": 12.8,
            "low": 5.0,
            "rain": 0.0,
            "wind": 4.7,
            "sky": "drizzle",
        }
    ]


def test_numbers_may_be_numbers_already() -> None:
    assert weather.clean([row(high=12.8, low=5, rain=0, wind=4.7)]) == weather.clean([row()])


@pytest.mark.parametrize(
    "broken",
    [
        row(date="2012/02/30"),
        row(date=""),
        row(high=""),
        row(high="warm"),
        row(high="nan"),
        row(high="inf"),
        row(high="4.9"),
        row(rain="-1"),
        row(wind="-1"),
    ],
    ids=[
        "no such day",
        "no day",
        "no number",
        "words",
        "nan",
        "infinite",
        "below its minimum",
        "rain",
        "wind",
    ],
)
def test_what_cannot_be_a_days_weather_is_left_out(broken: dict[str, object]) -> None:
    kept = row(date="2012/03/01")
    assert [reading["date"] for reading in weather.clean([broken, kept])] == ["2012-03-01"]


def test_of_two_rows_for_one_day_the_later_counts() -> None:
    (reading,) = weather.clean([row(high="12.8"), row(date="2012-01-31", high="13.5")])
    assert reading["high"] == 13.5


def test_a_missing_column_is_named() -> None:
    incomplete = row()
    del incomplete["wind"]
    with pytest.raises(ValueError, match=r"no column wind; they need date, temp_max"):
        weather.clean([incomplete])


def test_no_usable_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="None of the 1 rows"):
        weather.clean([row(date="?")])


@given(st.lists(st.builds(row, date=st.dates().map(str), high=st.text(max_size=6), low=st.text(max_size=6))))
def test_whatever_is_in_the_rows_readings_are_in_order_and_sound(rows: list[dict[str, object]]) -> None:
    readings = weather.clean([row(), *rows])
    dates = [reading["date"] for reading in readings]
    assert dates == sorted(set(dates))
    assert all(reading["low"] <= reading["high"] for reading in readings)


def test_the_latest_years_come_oldest_first() -> None:
    readings = weather.clean([row(date=f"{year}/05/01") for year in (2015, 2012, 2014, 2013)])
    assert weather.latest_years(readings, 2) == [2014, 2015]
    assert weather.latest_years(readings, 9) == [2012, 2013, 2014, 2015]


def test_the_days_of_a_year_are_columns_of_equal_length() -> None:
    readings = weather.clean([row(date="2012/12/31"), row(date="2013/01/01", high="7"), row(date="2013/01/02")])
    assert weather.days_of(readings, 2013) == {
        "date": ["2013-01-01", "2013-01-02"],
        "high": [7.0, 12.8],
        "low": [5.0, 5.0],
        "rain": [0.0, 0.0],
    }


def test_a_year_without_readings_is_an_error() -> None:
    with pytest.raises(ValueError, match="no readings of 1999"):
        weather.days_of(weather.clean([row()]), 1999)


def test_the_hottest_days_come_first_and_stay_within_years_and_limit() -> None:
    readings = weather.clean(
        [
            row(date="2011/07/01", high="40"),
            row(date="2012/07/01", high="35"),
            row(date="2012/07/02", high="36"),
            row(date="2012/07/03", high="36"),
            row(date="2012/07/04", high="30"),
        ]
    )
    found = weather.hottest_days(readings, [2012], 30, limit=2)
    assert found == [{"date": "2012-07-02", "high": 36.0}, {"date": "2012-07-03", "high": 36.0}]


def test_the_shipped_readings_are_whole() -> None:
    with DATA.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    readings = weather.clean(rows)
    assert len(readings) == len(rows) == 1461
    assert weather.latest_years(readings, 10) == [2012, 2013, 2014, 2015]
    assert weather.hottest_days(readings, [2014], 35) == [{"date": "2014-08-11", "high": 35.6}]
