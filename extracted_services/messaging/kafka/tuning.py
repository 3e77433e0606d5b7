"""What no setting of aiokafka's consumer changes, and what cost a group its peace on one broker or another.

Reaches into a consumer. Tests on real brokers need each of these, so an aiokafka that is built otherwise shows at once.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalGenerationError
from aiokafka.protocol.group import JoinGroupRequest, LeaveGroupRequest

log = logging.getLogger(__name__)

EMPTY_SECONDS = 0.03


def pace(consumer: AIOKafkaConsumer) -> None:
    """Let an empty fetch take a moment at least.

    A broker may hold an empty fetch back until something comes; noida-db answers at once, aiokafka asks again at once,
    and an idle consumer would cost a whole core.
    """
    fetcher = consumer._fetcher
    fetch = fetcher._proc_fetch_request

    async def paced(*request: Any) -> Any:
        found = await fetch(*request)
        if not found:
            with contextlib.suppress(asyncio.CancelledError):  # as the fetcher's own tasks do: it awaits them bare
                await asyncio.sleep(EMPTY_SECONDS)
        return found

    fetcher._proc_fetch_request = paced


def keep_membership(consumer: AIOKafkaConsumer) -> None:
    """Rejoin under the same member id when a commit came too late for its generation, as the Java client does.

    aiokafka joins as a new member then, and leaves a ghost behind which the group waits for: with noida-db, which may
    choose the ghost as leader, for ever.
    """
    coordinator = consumer._coordinator
    commit = coordinator._do_commit_offsets

    async def committed(*offsets: Any) -> None:
        task, member = asyncio.current_task(), coordinator.member_id
        if task is not None:  # aiokafka shields it: nobody reads its error when the one who waits is cancelled
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await commit(*offsets)
        except IllegalGenerationError:
            coordinator.member_id = member
            coordinator.request_rejoin()
            raise

    coordinator._do_commit_offsets = committed


def evict_dead_leader(consumer: AIOKafkaConsumer, patience_seconds: float) -> None:
    """Take a leader out of the group that has not shared the partitions for so long.

    A broker lets go of a leader that was killed, and makes another one. noida-db keeps it, and the others are told
    again and again to wait for its share. Leaving in its name is what an administrator would do by hand.
    """
    coordinator = consumer._coordinator
    send = coordinator._send_req
    waiting_for: tuple[int, str] | None = None
    since = 0.0

    async def sent(request: Any) -> Any:
        nonlocal waiting_for, since
        response = await send(request)
        if isinstance(request, JoinGroupRequest) and response.error_code == 0:
            seen = (response.generation_id, response.leader_id)
            if seen != waiting_for:
                waiting_for, since = seen, time.monotonic()
            elif response.leader_id != response.member_id and time.monotonic() - since > patience_seconds:
                log.warning("Group %s has a leader that does not share: taking it out", coordinator.group_id)
                await send(LeaveGroupRequest(coordinator.group_id, response.leader_id))
        return response

    coordinator._send_req = sent
