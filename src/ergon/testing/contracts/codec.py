"""What every codec must do (S46, S47)."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import pytest

from ergon.errors import NotStorable
from ergon.ports import Codec

_NOT_ITS_KIND: Sequence[object] = (None, True, 1, 2.5, "text", [1], {"a": 1}, (1,), object(), object, len)


class CodecContract(abc.ABC):
    """Subclass as `TestMine`; give the fixture `codec` and what it is tried with."""

    @pytest.fixture
    @abc.abstractmethod
    def codec(self) -> Codec:
        """Give the codec."""

    @abc.abstractmethod
    def samples(self) -> Sequence[object]:
        """Give values that come back as they were."""

    def refused(self) -> Sequence[object]:
        """Give values of its kind that it must refuse, because they would not come back."""
        return ()

    @abc.abstractmethod
    def same(self, value: object, read: object) -> bool:
        """Say whether what was read is what was stored, types included."""

    def test_its_type_is_a_word(self, codec: Codec) -> None:
        assert codec.type.isidentifier()
        assert codec.type != "json"  # that is the engine's own

    def test_it_knows_its_kind(self, codec: Codec) -> None:
        assert [sample for sample in (*self.samples(), *self.refused()) if not codec.matches(sample)] == []

    def test_it_knows_no_other_kind(self, codec: Codec) -> None:
        assert [other for other in _NOT_ITS_KIND if codec.matches(other)] == []

    def test_s47_values_come_back_as_they_were(self, codec: Codec) -> None:
        for sample in self.samples():
            data = codec.encode(sample)
            assert type(data) is bytes
            assert self.same(sample, codec.decode(data)), sample

    def test_s47_each_reader_gets_a_copy_of_its_own(self, codec: Codec) -> None:
        data = codec.encode(self.samples()[0])
        one, other = codec.decode(data), codec.decode(data)
        assert one is not other or isinstance(one, bytes)

    def test_what_came_back_can_be_stored_again(self, codec: Codec) -> None:
        for sample in self.samples():
            read = codec.decode(codec.encode(sample))
            assert codec.matches(read)
            assert self.same(sample, codec.decode(codec.encode(read))), sample

    def test_s47_what_would_not_come_back_is_refused(self, codec: Codec) -> None:
        for value in self.refused():
            with pytest.raises(NotStorable) as refusal:
                codec.encode(value)
            assert refusal.value.hint
