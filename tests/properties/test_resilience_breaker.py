"""The breaker under every interleaving of admissions, outcomes, lost clients and time."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.resilience.breaker import Breaker, BreakerSettings, State

TRY_AGAIN, RECOVERY = 5.0, 4.0


class Breakers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.permits: list[int] = []
        self.probes_out = 0
        self.opened_at: float | None = None
        self.half_opened = 0  # the era in which probes were counted
        self.probes = 0  # let through and not abandoned, in that era

    @initialize(probes=st.integers(1, 3), open_at=st.sampled_from([0.1, 0.5, 1.0]), minimum=st.integers(1, 4))
    def begin(self, probes: int, open_at: float, minimum: int) -> None:
        self.settings = BreakerSettings(
            open_at=open_at, window=10.0, min_requests=minimum, try_again_after=TRY_AGAIN, probes=probes,
            recovery=RECOVERY,
        )  # fmt: skip
        self.breaker = Breaker(self.settings)

    @rule(seconds=st.sampled_from([0.0, 0.125, 1.0, 2.5, 5.0, 30.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(draw=st.floats(0, 1, exclude_max=True))
    def ask(self, draw: float) -> None:
        before = self.breaker.state
        permit = self.breaker.admit(self.now, draw)
        if before is State.OPEN and self.now - self.opened_at < TRY_AGAIN:
            assert permit is None
        if self.breaker.closed:
            assert permit is not None
        if permit is None:
            return
        self.permits.append(permit)
        if permit < 0:
            if self.half_opened != -permit:
                self.half_opened, self.probes = -permit, 0
            self.probes += 1
            assert self.probes <= self.settings.probes

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), failed=st.booleans())
    def end(self, data: st.DataObject, failed: bool) -> None:
        opened = self.breaker.opened_total
        permit = self.permits.pop(data.draw(st.integers(0, len(self.permits) - 1)))
        self.breaker.record(permit, failed, self.now)
        if self.breaker.opened_total > opened:
            assert failed
            self.opened_at = self.now

    @precondition(lambda self: self.permits)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        permit = self.permits.pop(data.draw(st.integers(0, len(self.permits) - 1)))
        state = self.breaker.state
        self.breaker.abandon(permit)
        assert self.breaker.state is state
        if permit == -self.half_opened:
            self.probes -= 1

    @rule()
    def reload(self) -> None:
        state = self.breaker.state
        self.breaker.reconfigure(self.settings)
        assert self.breaker.state is state

    @invariant()
    def closed_says_what_the_state_is(self) -> None:
        assert self.breaker.closed is (self.breaker.state is State.CLOSED)

    @invariant()
    def waiting_is_never_longer_than_it_can_be(self) -> None:
        assert 0 <= self.breaker.retry_after(self.now) <= max(TRY_AGAIN, RECOVERY)

    def teardown(self) -> None:
        """Whatever happened: once upstream and clients behave, it closes."""
        for permit in self.permits:
            self.breaker.abandon(permit)
        for _ in range(self.settings.probes):
            self.now += TRY_AGAIN
            permit = self.breaker.admit(self.now, 0.0)
            assert permit is not None
            self.breaker.record(permit, False, self.now)
        self.now += RECOVERY
        assert self.breaker.admit(self.now, 0.999) is not None
        assert self.breaker.closed


TestBreakers = Breakers.TestCase
TestBreakers.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
