"""What every use case works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.payments.domain.payment import Payment
from extracted_services.payments.service_layer.ports import Book, Processor


@dataclass(frozen=True, slots=True)
class Till:
    """`pause` waits for seconds; `answer` is how a request that carried a key is told of the payment it made."""

    book: Book
    processor: Processor
    answer: Callable[[Asked, Payment], Answer]
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    pause: Callable[[float], Awaitable[None]]
