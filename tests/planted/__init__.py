"""Handlers that say what an event tells them to, wherever a handler can put words."""

from core import Discard, Event, Retry, on, run, task


class Word(Event, type="planted.word"):
    """Words of strangers."""

    text: str
    more: dict[str, object]


@on(Word, name="planted.answer")
def answer(event: Word) -> dict[str, object]:
    """Say it in the log and in the result."""
    run.log(event.text)
    return {event.text: event.text, "several": [event.text, {"deep": event.text}]}


@on(Word, name="planted.fail", retries=0)
def fail(event: Word) -> None:
    """Die of an error that bears the words, from a file that is called so."""
    names = {"Planted": type(event.text[:150], (Exception,), {"__module__": event.text[:50]}), "text": event.text}
    exec(compile("raise Planted(text)", event.text, "exec"), names)


@on(Word, name="planted.wait")
def wait(event: Word) -> None:
    """Want another attempt because of them."""
    raise Retry(event.text, after=86_400)


@on(Word, name="planted.discard")
def discard(event: Word) -> None:
    """Have nothing to do because of them."""
    raise Discard(event.text)


@task(name="planted.scheduled")
def scheduled(text: str) -> str:
    """Return them."""
    return text
