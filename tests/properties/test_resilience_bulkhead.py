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
        self.now = 0.0
        self.next = 0
        self.running: list[int] = []
        self.queue: deque[tuple[int, float]] = deque()

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def come(self) -> None:
        waiter, self.next = self.next, self.next + 1
        entry = self.bulkhead.enter(waiter, self.now)
        most, queue = self.limits
        if len(self.running) < most:
            assert entry is Entry.ENTERED
            self.running.append(waiter)
        elif len(self.queue) < queue:
            assert entry is Entry.QUEUED
            self.queue.append((waiter, self.now))
        else:
            assert entry is Entry.FULL

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        expected = self.queue.popleft()[0] if self.queue and len(self.running) < self.limits[0] else None
        assert self.bulkhead.leave() == expected
        if expected is not None:
            self.running.append(expected)

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        waiter = data.draw(st.integers(0, self.next))
        waits = [one for one in self.queue if one[0] == waiter]
        assert self.bulkhead.give_up(waiter) is bool(waits)
        for one in waits:
            self.queue.remove(one)

    @rule(max_wait=st.sampled_from([0.0, 1.0, 2.0]))
    def look_at_the_time(self, max_wait: float) -> None:
        expected = [waiter for waiter, came in self.queue if self.now - came >= max_wait]
        assert self.bulkhead.overdue(self.now, max_wait) == expected
        self.queue = deque(one for one in self.queue if one[0] not in expected)

    @rule(limits=LIMITS)
    def reload(self, limits: tuple[int, int]) -> None:
        self.limits = limits
        woken = self.bulkhead.reconfigure(*limits)
        room = max(limits[0] - len(self.running), 0)
        assert woken == [self.queue.popleft()[0] for _ in range(min(room, len(self.queue)))]
        self.running += woken

    @invariant()
    def the_counts_are_those_of_the_model(self) -> None:
        assert (self.bulkhead.in_flight, self.bulkhead.waiting) == (len(self.running), len(self.queue))

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        assert not self.queue or len(self.running) >= self.limits[0]


TestBulkheads = Bulkheads.TestCase
TestBulkheads.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
