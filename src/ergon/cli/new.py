"""`ergon new`: a first workflow to start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from ergon.cli.terminal import terminal
from ergon.errors import NotPossible

_SUFFIX: Final = ".ergon.yaml"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
_TEXT: Final = """\
# {title}: what this workflow is for, in a sentence or two.
#
#   ergon check {file}                    # is anything wrong with it?
#   ergon run {file} --dry-run            # what would run, in which order?
#   ergon run {file} -p who=Ada           # run it

ergon: 1                                  # the version of this format
name: {name}
title: {title}

parameters:                               # what the person who starts a run supplies
  - {{name: who, label: Who, default: world, min_length: 1}}
  - {{name: times, type: integer, default: 3, minimum: 1, maximum: 10}}

steps:
  - id: greet
    uses: core.noop                       # an action; `ergon actions` lists them all
    with:
      value: "Hello, {{{{ parameters.who }}}}!"

  - id: letters                           # runs after `greet`, because it reads its output
    uses: python.run
    with:
      text: "{{{{ steps.greet.output }}}}"    # an input becomes a variable of the code …
      code: |
        sum(c.isalpha() for c in text)    # … and the last expression is the output

  - id: repeat                            # a block: its steps run for each item
    for_each: "{{{{ range(parameters.times) }}}}"
    as: number
    steps:
      - id: say
        uses: core.log
        with:
          message: "{{{{ number + 1 }}}}. {{{{ steps.greet.output }}}}"

  - id: save
    needs: [repeat]                       # order without data
    uses: file.write
    retry: {{attempts: 3, delay: 1s}}       # try again if the disk is slow to answer
    with:
      path: "build/{name}.txt"
      content: "{{{{ steps.greet.output }}}} ({{{{ steps.letters.output }}}} letters)"

outputs:                                  # what the run hands out
  greeting: "{{{{ steps.greet.output }}}}"
  letters: "{{{{ steps.letters.output }}}}"
  file: "{{{{ steps.save.output.path }}}}"
"""


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The workflow's name.", show_default=False)],
) -> None:
    """Write a small commented workflow that works, to start from.

    It goes into NAME.ergon.yaml in the working directory; a file that is there already is left alone.

    Examples:
      ergon new weather
      ergon new reports/weekly
    """
    file = Path(name if name.endswith(_SUFFIX) else name + _SUFFIX)
    stem = file.name.removesuffix(_SUFFIX)
    if not _NAME.fullmatch(stem):
        reason = "a name is made of letters, digits, spaces, '-', '_' and '.'"
        raise NotPossible(what=f"write a workflow named '{stem}'", reason=reason)
    title = stem.replace("-", " ").replace("_", " ").strip().capitalize()
    text = _TEXT.format(name=stem, title=title or stem, file=file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        hint = "Choose another name, or remove the file first."
        raise NotPossible(what=f"write {file}", reason="it exists already", hint=hint) from None
    except OSError as error:
        raise NotPossible(what=f"write {file}", reason=error.strerror or str(error)) from None
    terminal.say(f"Wrote {file}. Try it:\n\n  ergon run {file}\n  ergon run {file} --dry-run")
