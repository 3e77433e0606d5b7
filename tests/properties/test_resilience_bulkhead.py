"""The bulkhead under every interleaving: never too many, first come first served, no slot lost."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.resilience.bulkhead import Bulkhead, Entry

LIMITS = st.tuples(st.integers(1, 4), st.integers(0, 4))


class Bulkheads(RuleBasedStateMachine):
    """Beside it a plain model: who runs, and who waits, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.bulkhead = Bulkhead[int](2, 2)
        self.limits = (2, 2)
        self.next = 0
        self.running: list[int] = []
        self.queue: deque[int] = deque()

    @rule()
    def come(self) -> None:
        waiter, self.next = self.next, self.next + 1
        entry = self.bulkhead.enter(waiter)
        most, queue = self.limits
        if len(self.running) < most:
            assert entry is Entry.ENTERED
            self.running.append(waiter)
        elif len(self.queue) < queue:
            assert entry is Entry.QUEUED
            self.queue.append(waiter)
        else:
            assert entry is Entry.FULL

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        expected = self.queue.popleft() if self.queue and len(self.running) < self.limits[0] else None
        assert self.bulkhead.leave() == expected
        if expected is not None:
            self.running.append(expected)

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        waiter = data.draw(st.integers(0, self.next))
        waits = waiter in self.queue
        assert self.bulkhead.give_up(waiter) is waits
        if waits:
            self.queue.remove(waiter)

    @rule(limits=LIMITS)
    def reload(self, limits: tuple[int, int]) -> None:
        self.limits = limits
        woken = self.bulkhead.reconfigure(*limits)
        room = max(limits[0] - len(self.running), 0)
        assert woken == [self.queue.popleft() for _ in range(min(room, len(self.queue)))]
        self.running += woken

    @invariant()
    def the_counts_are_those_of_the_model(self) -> None:
        assert (self.bulkhead.in_flight, self.bulkhead.waiting) == (len(self.running), len(self.queue))

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        assert not self.queue or len(self.running) >= self.limits[0]


TestBulkheads = Bulkheads.TestCase
TestBulkheads.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
