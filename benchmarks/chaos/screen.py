"""Where a person sees how far it is."""

import shutil
import sys
import time


class Screen:
    """Says how far it is: on a terminal in one line that changes, else in a line each 15 seconds."""

    def __init__(self) -> None:
        self.begun = self.said = time.monotonic()
        self.head = ""

    def begin(self, head: str) -> None:
        self.head, self.begun = head, time.monotonic()
        self.tell("starts")

    def tell(self, text: str) -> None:
        now = time.monotonic()
        line = f"{self.head} {now - self.begun:4.0f} s  {text}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)
        elif now - self.said > 15 or text == "starts":
            self.said = now
            print(line, file=sys.stderr, flush=True)

    def end(self, text: str) -> None:
        start = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{start}{self.head} {time.monotonic() - self.begun:4.0f} s  {text}", file=sys.stderr, flush=True)
