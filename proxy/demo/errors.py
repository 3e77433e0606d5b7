"""How a demo can fail, each way with what a person should do or look at."""


class CannotStart(Exception):
    """Something on this machine stands in the way; nothing was started."""


class PartFailed(Exception):
    """A process ended, or did not come up. `log` has the last lines it wrote."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


class StepFailed(Exception):
    """The tour saw something other than it claims."""

    def __init__(self, claim: str, expected: object, seen: object) -> None:
        super().__init__(f"{claim}\n  expected  {expected}\n  seen      {seen}")
