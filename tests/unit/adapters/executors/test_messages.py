"""Messages: what is sent arrives, in whatever pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ergon.adapters.executors.failures import Result
from ergon.adapters.executors.messages import Answer, Ask, Done, Inbox, Message, Ready, Tell, framed

_MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.just(Ready()),
    st.builds(Tell, st.text(), st.binary(max_size=300)),
    st.builds(Ask, st.integers(0), st.text(), st.binary(max_size=300)),
    st.builds(Answer, st.integers(0), st.builds(Result, st.binary(), st.text())),
    st.builds(Done, st.builds(Result, st.binary(), st.text()), st.booleans()),
)


@given(st.lists(_MESSAGES, max_size=8), st.lists(st.integers(1, 400), min_size=1))
def test_messages_arrive_whole_and_in_order(messages: list[Message], pieces: list[int]) -> None:
    data = b"".join(part for message in messages for part in framed(message))
    inbox = Inbox()
    arrived: list[Message] = []
    position, turn = 0, 0
    while position < len(data):
        size = pieces[turn % len(pieces)]
        arrived += inbox.feed(data[position : position + size])
        position, turn = position + size, turn + 1
    assert arrived == messages
    assert [type(each) for each in arrived] == [type(each) for each in messages]
