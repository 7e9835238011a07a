"""Items: which of a list that is made anew are known from the one before (S51)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from ergon.model.states import Aside
from ergon.model.values import canonical


def known_items(before: Sequence[str], now: Sequence[str], aside: Aside) -> list[int]:
    """Give for each item, in stored form, the number that an equal one had before, or -1; equal ones in order.

    Where the steps inside read `loop`, an item is known only in its own place.
    """
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for number, text in enumerate(before):
        if number in aside.bodies:
            places[canonical(text)].append(number)
    found: list[int] = []
    for index, text in enumerate(now):
        known = places.get(canonical(text))
        if not known:
            found.append(-1)
        elif aside.by_index:
            found.append(index if index in known else -1)
        else:
            found.append(known.popleft())
    return found
