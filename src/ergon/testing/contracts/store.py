"""What every store must do (S39 to S45, S49, S52 to S54)."""

from __future__ import annotations

from ergon.testing.contracts.store_journal import JournalContract
from ergon.testing.contracts.store_ownership import OwnershipContract
from ergon.testing.contracts.store_places import PlacesContract
from ergon.testing.contracts.store_records import RecordsContract


class StoreContract(JournalContract, RecordsContract, OwnershipContract, PlacesContract):
    """Subclass as `TestMine` and give the fixture `store`: an empty one; `view` is another on the same runs."""
