"""Acknowledgements in bulk: which frames say that these messages are done, and no other one."""

from dataclasses import dataclass, field


@dataclass
class Acks:
    """What one AMQP channel owes its broker. Delivery tags grow by one with each message of the channel."""

    unsettled: set[int] = field(default_factory=set)  # delivered, and nothing was said of it
    done: set[int] = field(default_factory=set)  # to be acknowledged with the next frames

    def delivered(self, tag: int) -> None:
        self.unsettled.add(tag)

    def acknowledge(self, tag: int) -> None:
        self.unsettled.discard(tag)
        self.done.add(tag)

    def settled(self, tag: int) -> None:
        """Note that the broker was told of this message some other way."""
        self.unsettled.discard(tag)

    def frames(self) -> list[tuple[int, bool]]:
        """Return delivery tag and ``multiple`` of each basic.ack (AMQP 0-9-1, 1.8.3.13) to send, and start over.

        One frame with ``multiple`` stands for all tags up to its own, so it stops short of the first unsettled one.
        """
        done, self.done = sorted(self.done), set()
        first_open = min(self.unsettled, default=done[-1] + 1 if done else 0)
        together = [tag for tag in done if tag < first_open]
        single = [(tag, False) for tag in done[len(together) :]]
        return [(together[-1], len(together) > 1), *single] if together else single
