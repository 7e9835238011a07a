"""Every executor keeps the contract of executors."""

from __future__ import annotations

from ergon.adapters.executors.loop import LoopExecutor
from ergon.adapters.executors.process import ProcessExecutor
from ergon.adapters.executors.thread import ThreadExecutor
from ergon.ports import Executor
from ergon.testing.contracts.executor import ExecutorContract


class TestLoopExecutor(ExecutorContract):
    is_async = True

    @classmethod
    def make(cls) -> Executor:
        return LoopExecutor()


class TestThreadExecutor(ExecutorContract):
    @classmethod
    def make(cls) -> Executor:
        return ThreadExecutor(4)


class TestProcessExecutor(ExecutorContract):
    @classmethod
    def make(cls) -> Executor:
        return ProcessExecutor(2)
