"""As much of a terminal as the command line's views use."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\x1b\[\??([0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Emulator:
    """Rows that scroll, and a cursor."""

    def __init__(self, rows: int = 10, columns: int = 40) -> None:
        self.rows, self.columns = rows, columns
        self.history: list[str] = []
        self.lines = [""] * rows
        self.y = self.x = 0
        self.cursor_shown = True
        self.written = 0

    def write(self, text: str) -> None:
        self.written += len(text)
        for argument, command, control, plain in TOKEN.findall(text):
            if plain:
                self._put(plain)
            elif control == "\r":
                self.x = 0
            elif control == "\n":
                self._down()
            else:
                self._escape(argument, command)

    def _put(self, plain: str) -> None:
        line = self.lines[self.y].ljust(self.x)
        self.lines[self.y] = line[: self.x] + plain + line[self.x + len(plain) :]
        self.x += len(plain)
        assert self.x <= self.columns, "a line is wider than the terminal"

    def _down(self) -> None:
        if self.y == self.rows - 1:
            self.history.append(self.lines.pop(0))
            self.lines.append("")
        else:
            self.y += 1

    def _escape(self, argument: str, command: str) -> None:
        number = int(argument or 1) if argument.isdigit() or not argument else 1
        if command == "A":
            assert self.y - number >= 0, "the cursor left the screen"
            self.y -= number
        elif command == "B":
            self.y = min(self.rows - 1, self.y + number)
        elif command == "K":
            self.lines[self.y] = self.lines[self.y][: self.x]
        elif command == "J":
            self.lines[self.y] = self.lines[self.y][: self.x]
            self.lines[self.y + 1 :] = [""] * (self.rows - self.y - 1)
        elif argument == "25":
            self.cursor_shown = command == "h"
        else:
            assert command in "mhl", f"the emulator does not know {command}"

    @property
    def all(self) -> list[str]:
        return [line.rstrip() for line in [*self.history, *self.lines[: self.y]]]
