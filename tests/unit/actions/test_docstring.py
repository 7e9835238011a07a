from __future__ import annotations

from ergon.actions.docstring import read_docstring


def test_a_docstring_is_taken_apart() -> None:
    found = read_docstring(
        """Does one
        thing.

        And says more
        about it.

        Twice.

        Args:
            path: The file, which
                may be long.
            rows (list): The table.
            *rest: What follows.

        Returns:
            Nothing.
        """
    )
    assert found.summary == "Does one thing."
    assert found.help == "And says more\nabout it.\n\nTwice."
    assert found.arguments == {
        "path": "The file, which may be long.",
        "rows": "The table.",
        "rest": "What follows.",
    }


def test_a_colon_inside_a_description_begins_no_argument() -> None:
    found = read_docstring("Does it.\n\nArgs:\n    a: One\n        like: this.\n    b: Two.\n")
    assert found.arguments == {"a": "One like: this.", "b": "Two."}


def test_without_a_docstring_there_are_no_words() -> None:
    assert read_docstring(None).summary == ""
    assert read_docstring("").arguments == {}


def test_a_section_right_after_the_summary_is_no_help() -> None:
    assert read_docstring("Does it.\n\nReturns:\n    Nothing.").help == ""
