"""Daily weather readings: cleaned, picked and searched.

Steps of `city-weather.ergon.yaml` call these functions as `weather:clean` and so on. They are plain Python:
nothing in here knows that a workflow runs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from typing_extensions import TypedDict

COLUMNS = ("date", "temp_max", "temp_min", "precipitation", "wind", "weather")


class Reading(TypedDict):
    """What one day was like."""

    date: str
    """The day, as `2012-01-31`."""
    year: int
    month: int
    """1 to 12."""
    high: float
    """The day's maximum, °C."""
    low: float
    """The day's minimum, °C."""
    rain: float
    """Rain and melted snow, mm."""
    wind: float
    """Mean wind speed, m/s."""
    sky: str
    """drizzle, fog, rain, snow or sun; empty if nobody said."""


class Days(TypedDict):
    """The days of one year, as columns of equal length: what a chart needs, and short to pass on."""

    date: list[str]
    high: list[float]
    low: list[float]
    rain: list[float]


class HotDay(TypedDict):
    """A day that was hotter than a limit."""

    date: str
    high: float


def clean(rows: Sequence[Mapping[str, object]]) -> list[Reading]:
    """Turn the rows of a CSV file into readings, in order of their dates.

    Rows that cannot be a day's weather are left out: without a date or a number where one belongs, or with a
    minimum above the maximum. Of two rows for one day the later one counts, because corrections come later.

    Args:
        rows: One mapping a day, with the keys in `COLUMNS`; numbers may still be text.

    Raises:
        ValueError: If a column is missing, or no row is usable.
    """
    missing = [name for name in COLUMNS if rows and name not in rows[0]]
    if missing:
        raise ValueError(f"The readings have no column {', '.join(missing)}; they need {', '.join(COLUMNS)}.")
    readings = {reading["date"]: reading for reading in map(_reading, rows) if reading is not None}
    if not readings:
        raise ValueError(f"None of the {len(rows)} rows is a usable reading.")
    return [readings[day] for day in sorted(readings)]


def latest_years(readings: Sequence[Reading], count: int) -> list[int]:
    """Give the last `count` years that have readings, oldest first; fewer if there are fewer."""
    return sorted({reading["year"] for reading in readings})[-count:]


def days_of(readings: Sequence[Reading], year: int) -> Days:
    """Pick one year's days.

    Raises:
        ValueError: If there is no reading of that year.
    """
    chosen = [reading for reading in readings if reading["year"] == year]
    if not chosen:
        raise ValueError(f"There are no readings of {year}.")
    return Days(
        date=[reading["date"] for reading in chosen],
        high=[reading["high"] for reading in chosen],
        low=[reading["low"] for reading in chosen],
        rain=[reading["rain"] for reading in chosen],
    )


def hottest_days(readings: Sequence[Reading], years: Sequence[int], above: float, limit: int = 12) -> list[HotDay]:
    """List days of some years whose maximum was above a temperature (°C), hottest first.

    Of equally hot days the earlier comes first; at most `limit` are listed.
    """
    hot = [
        HotDay(date=reading["date"], high=reading["high"])
        for reading in readings
        if reading["year"] in years and reading["high"] > above
    ]
    return sorted(hot, key=lambda day: (-day["high"], day["date"]))[:limit]


def _reading(row: Mapping[str, object]) -> Reading | None:
    day = _day(str(row["date"]))
    numbers = [_number(row[name]) for name in ("temp_max", "temp_min", "precipitation", "wind")]
    if day is None or None in numbers:
        return None
    high, low, rain, wind = (number for number in numbers if number is not None)
    if low > high or rain < 0 or wind < 0:
        return None
    return Reading(
        date=day.isoformat(),
        year=day.year,
        month=day.month,
        high=high,
        low=low,
        rain=rain,
        wind=wind,
        sky=str(row["weather"] or "").strip().lower(),
    )


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text.strip().replace("/", "-"), "%Y-%m-%d").date()
    except ValueError:
        return None


def _number(value: object) -> float | None:
    """Read a finite number; None if it is none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
