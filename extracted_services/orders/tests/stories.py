"""A story whose steps do nothing, for tests of the plan, and a journal and notes in memory for those of the drive."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from extracted_services.orders.saga.outcomes import Done, Json, Outcome
from extracted_services.orders.saga.plan import Progress
from extracted_services.orders.saga.story import Act, Call, Saga


async def _nothing(_call: Call) -> Outcome:
    return Done()


SHORT = timedelta(seconds=1)

STORY = (
    Saga("fulfil", undone_by=Act("cancel", _nothing))
    .step("reserve", _nothing, timeout=SHORT)
    .compensated_by("release", _nothing)
    .step("charge", _nothing, timeout=SHORT)
    .compensated_by("refund", _nothing)
    .step("confirm", _nothing)
)


class Crash(BaseException):
    """The process died. No `except Exception` may see it, as none would see kill -9."""


class MemoryJournal:
    """Remembers what every act came to, by its place in the story; `crash_after` acts it dies, before or after the
    answer is written down."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Json]] = []
        self.pauses: list[float] = []
        self.crash_at: int | None = None
        self.crash_before_writing = True
        self._place = 0

    def rewind(self) -> None:
        """What a new process sees."""
        self._place, self.crash_at = 0, None

    async def once(self, name: str, act: Callable[[], Awaitable[Json]]) -> Json:
        place, self._place = self._place, self._place + 1
        if place < len(self.entries):
            known, told = self.entries[place]
            assert known == name, "a run repeated must ask for the same acts in the same order"
            return told
        told = await act()
        if place == self.crash_at and self.crash_before_writing:
            raise Crash
        self.entries.append((name, told))
        if place == self.crash_at:
            raise Crash
        return told

    async def pause(self, duration: timedelta) -> None:
        self.pauses.append(duration.total_seconds())


class MemoryNotes:
    def __init__(self) -> None:
        self.progress = Progress()
        self.states: list[str] = []

    async def load(self, saga_id: str) -> Progress:
        return self.progress

    async def save(self, saga_id: str, act: str, progress: Progress, next_try_in: timedelta | None) -> None:
        self.progress = progress
        self.states.append(f"{progress.state} {act}" + (" later" if next_try_in else ""))
