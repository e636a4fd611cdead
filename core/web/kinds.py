"""The kinds of problems there are: the slug of each, its status, and the sentence that explains it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """What all problems of one slug have in common; ``headers`` go with each of them."""

    status: int
    title: str
    explanation: str
    headers: Mapping[str, str] = field(default_factory=dict)


PROBLEMS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "Bad request", "The request is not one this server can read; detail says why."),
    "malformed-json": Kind(400, "Malformed JSON", "Wanted UTF-8 JSON; no NaN, no key twice, no half surrogates."),
    "json-too-complex": Kind(400, "JSON too complex", "At most 32 levels, 1,000 keys an object, numbers to 2^53."),
    "bad-query": Kind(400, "Bad query", "A cursor, filter or limit in the query string is not understood."),
    "idempotency-key-invalid": Kind(400, "Idempotency-Key invalid", "It is 1 to 255 printable ASCII characters."),
    "idempotency-key-missing": Kind(400, "Idempotency-Key missing", "This request needs an Idempotency-Key."),
    "unauthenticated": Kind(
        401,
        "Unauthenticated",
        "Send Authorization: Bearer <token>, with the token the application was given as API_TOKEN.",
        {"WWW-Authenticate": 'Bearer realm="carillon"'},
    ),
    "invalid-signature": Kind(401, "Invalid signature", "It is missing, wrong, or its timestamp far from now."),
    "forbidden": Kind(403, "Forbidden", "This token or session does not allow that."),
    "not-found": Kind(404, "Not found", "There is nothing here, or it is past its retention."),
    "method-not-allowed": Kind(405, "Method not allowed", "The Allow header names the methods of this path."),
    "already-exists": Kind(409, "Already exists", "The name is taken. Change what bears it, or take another."),
    "idempotency-in-progress": Kind(
        409, "Idempotency-Key in progress", "The first request with this key has not ended.", {"Retry-After": "1"}
    ),
    "state-conflict": Kind(409, "State conflict", "The present state, in the member state, forbids this."),
    "payload-expired": Kind(410, "Payload expired", "It was here, but its data is past its retention."),
    "precondition-failed": Kind(412, "Precondition failed", "It was changed since it was read. Read it again."),
    "content-too-large": Kind(413, "Content too large", "The body, unpacked if it is gzip, is over the limit."),
    "unsupported-encoding": Kind(
        415, "Unsupported encoding", "Send the body as it is, or as gzip.", {"Accept-Encoding": "gzip, identity"}
    ),
    "unsupported-media-type": Kind(415, "Unsupported media type", "The Content-Type is none this path reads."),
    "batch-invalid": Kind(422, "Batch invalid", "Some events are invalid, so none was recorded; errors names them."),
    "idempotency-mismatch": Kind(422, "Idempotency mismatch", "This id was used before, with other content."),
    "invalid-event": Kind(422, "Invalid event", "The event does not fit; errors points at each place."),
    "invalid-request": Kind(422, "Invalid request", "The body does not fit; errors points at each place."),
    "invalid-schedule": Kind(422, "Invalid schedule", "The schedule cannot work; errors points at each place."),
    "unknown-event-type": Kind(422, "Unknown event type", "No class declares this type, no pattern matches it."),
    "unknown-target": Kind(422, "Unknown target", "Wanted a task or event that the code declares, and that fits here."),
    "precondition-required": Kind(428, "Precondition required", "Send If-Match with the ETag last read."),
    "rate-limited": Kind(429, "Rate limited", "Too many requests. Retry-After says when to come back."),
    "headers-too-large": Kind(431, "Headers too large", "The header fields are over the server's limit."),
    "internal": Kind(500, "Internal error", "Something failed here. The log has it under the trace_id."),
    "backlog-full": Kind(
        503, "Backlog full", "The ledger has no room; nothing was recorded. Try again later.", {"Retry-After": "10"}
    ),
    "ledger-unavailable": Kind(
        503, "Ledger unavailable", "The ledger did not answer. Try again, with the same id.", {"Retry-After": "2"}
    ),
    "durability-unmet": Kind(
        503,
        "Durability unmet",
        "Recorded, but not safely yet. Send it again, with the same id.",
        {"Retry-After": "2"},
    ),
}
