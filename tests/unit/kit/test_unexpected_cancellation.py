"""A cancellation that nobody asked for is an error; one of the task itself goes on."""

from __future__ import annotations

import asyncio

import pytest

from isthmus.kit.unexpected_cancellation import UnexpectedCancellation, convert_unexpected_cancellation


async def test_what_was_waited_for_was_cancelled() -> None:
    waited_for: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waited_for.cancel()
    with pytest.raises(UnexpectedCancellation), convert_unexpected_cancellation():
        await waited_for


async def test_a_task_that_is_cancelled_itself_ends() -> None:
    began = asyncio.Event()

    async def work() -> None:
        with convert_unexpected_cancellation():
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), convert_unexpected_cancellation():
        raise KeyError


async def test_outside_of_a_task_a_cancellation_passes() -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[BaseException] = loop.create_future()

    def work() -> None:  # a callback of the loop is in no task
        try:
            with convert_unexpected_cancellation():
                raise asyncio.CancelledError
        except BaseException as error:
            seen.set_result(error)

    loop.call_soon(work)
    assert isinstance(await seen, asyncio.CancelledError)
