"""S40, S41: what steps print and log goes into a bounded file of the run's own."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ergon.engine.logs import Lines, LogLine, LogReader, LogWriter, log_path
from ergon.model import events as e
from ergon.model.events import Event
from ergon.ports import Signal

RUN = "abc"


def printed(text: str, step: str = "a", stream: str = "stdout", attempt: int = 1) -> Signal:
    return Signal(RUN, step, attempt, "output", {"stream": stream, "text": text})


def logged(text: str, level: str = "info", step: str = "a") -> Signal:
    return Signal(RUN, step, 1, "log", {"level": level, "text": text})


def fact(type: str, step: str = "", run: str = RUN) -> Event:
    return Event(run, 1, 0.0, type, step)


def lines_of(folder: Path) -> list[LogLine]:
    return list(LogReader(log_path(folder, RUN)).read())


def texts(folder: Path) -> list[str]:
    return [line.text for line in lines_of(folder)]


@pytest.fixture
def writer(tmp_path: Path) -> LogWriter:
    return LogWriter(tmp_path)


def test_nothing_is_written_before_there_is_a_line(writer: LogWriter, tmp_path: Path) -> None:
    writer(Signal(RUN, "a", 1, "progress", {"fraction": 0.5, "text": ""}))
    writer(fact(e.STEP_SUCCEEDED, "a"))
    writer(fact(e.RUN_FINISHED))
    assert list(tmp_path.iterdir()) == []


def test_a_line_says_where_it_is_from(writer: LogWriter, tmp_path: Path) -> None:
    writer(printed("one\n", step="fan[2].clean", stream="stderr", attempt=3))
    writer(logged("careful", "warning"))
    first, second = lines_of(tmp_path)
    assert (first.step, first.attempt, first.source, first.level, first.text) == (
        "fan[2].clean",
        3,
        "stderr",
        "info",
        "one",
    )
    assert (second.source, second.level, second.text) == ("log", "warning", "careful")
    assert first.at <= second.at


def test_pieces_become_lines_by_step_and_stream(writer: LogWriter, tmp_path: Path) -> None:
    for text, step in (("a", "x"), ("b", "y"), ("c\n", "x"), ("\n", "y"), ("d\ne\nf", "x")):
        writer(printed(text, step=step))
    assert texts(tmp_path) == ["ac", "b", "d", "e"]
    writer(fact(e.STEP_SUCCEEDED, "x"))
    assert texts(tmp_path)[-1] == "f"


def test_what_a_progress_bar_wrote_over_is_gone(writer: LogWriter, tmp_path: Path) -> None:
    writer(printed("10 %\r20 %\r30 %\nwindows\r\n"))
    assert texts(tmp_path) == ["30 %", "windows"]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    found: list[LogLine] = []
    lines = Lines(found.append)
    for _ in range(100):
        lines.take(printed("x" * 1000))
    assert sum(len(line.text) for line in found) > 90_000


def test_s40_one_attempt_cannot_drown_the_others(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, attempt_limit=1000)
    for _ in range(100):
        writer(printed("x" * 99 + "\n", step="chatty"))
    writer(printed("quiet\n", step="other"))
    *_, cut, other = lines_of(tmp_path)
    assert "cut here" in cut.text
    assert cut.step == "chatty"
    assert other.text == "quiet"
    assert len(texts(tmp_path)) == 13


def test_s40_a_runs_log_is_bounded(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, run_limit=5000)
    for number in range(1000):
        writer(printed("x" * 50 + "\n", step=f"s{number}"))
    assert log_path(tmp_path, RUN).stat().st_size < 6000
    assert "log of this run is cut" in texts(tmp_path)[-1]
    again = LogWriter(tmp_path, run_limit=5000)  # a resume, in another process
    for number in range(1000):
        again(printed("y" * 50 + "\n", step=f"s{number}"))
    assert log_path(tmp_path, RUN).stat().st_size < 6500


def test_a_resumed_run_writes_on(writer: LogWriter, tmp_path: Path) -> None:
    writer(printed("before\n"))
    writer(fact(e.RUN_PAUSED))
    writer(printed("after\n"))
    assert texts(tmp_path) == ["before", "after"]


def test_threads_do_not_mix_their_lines(writer: LogWriter, tmp_path: Path) -> None:
    def talk(name: str) -> None:
        for number in range(200):
            writer(printed(f"{name} {number}\n", step=name))

    threads = [threading.Thread(target=talk, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("t0", "t1", "t2", "t3"):
        own = [line.text for line in lines_of(tmp_path) if line.step == name]
        assert own == [f"{name} {number}" for number in range(200)]


def test_a_reader_gives_what_was_added_since(writer: LogWriter, tmp_path: Path) -> None:
    reader = LogReader(log_path(tmp_path, RUN))
    assert list(reader.read()) == []
    writer(printed("one\n"))
    assert [line.text for line in reader.read()] == ["one"]
    assert list(reader.read()) == []
    writer(printed("two\nthree\n"))
    assert [line.text for line in reader.read()] == ["two", "three"]


def test_a_reader_waits_for_a_torn_line_and_passes_over_a_spoilt_one(tmp_path: Path) -> None:
    path = log_path(tmp_path, RUN)
    whole = json.dumps({"at": 1, "step": "a", "attempt": 1, "source": "log", "level": "info", "text": "ü\ud800"})
    path.write_text(f"not json\n[1]\n{whole}\n{whole[:20]}", encoding="utf-8")
    reader = LogReader(path)
    assert [line.text for line in reader.read()] == ["ü\ud800"]
    assert list(reader.read()) == []
    with path.open("a", encoding="utf-8") as file:
        file.write(whole[20:] + "\n")
    assert [line.text for line in reader.read()] == ["ü\ud800"]
