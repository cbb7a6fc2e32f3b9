"""Waiting for something to become true, with a deadline and without a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(check: Callable[[], T], what: str, seconds: float = 30.0, every: float = 0.05) -> T:
    """Calls `check` until it returns something true, and returns that.

    An `OSError` (the server isn't there yet) counts as false. Fails with `TimeoutError` naming `what`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except OSError as error:
            found, last = None, error
        else:
            last = None
        if found:
            return found
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds} s for {what}" + (f": {last}" if last else ""))
        time.sleep(every)
