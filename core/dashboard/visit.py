"""One browser's visit, kept in a signed cookie of the dashboard's own."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from flask import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

LIFE = 12 * 3600  # seconds that a browser stays signed in
SALT = "carillon-visit"
LONGEST_WORD = 300  # characters of what the next page says


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Who signed in how (``who`` is '' for nobody), the digest of the secret that did it, and what names the forms.

    ``said`` is what the next page tells of the last act.
    """

    who: str = ""
    proof: str = ""
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    said: str = ""

    def saying(self, words: str) -> "Visit":
        return replace(self, said=words[:LONGEST_WORD])


def proof(secret: str) -> str:
    """Return what shows that *secret* was known when a visit began: a new secret ends the visits of the old one."""
    return hashlib.sha256(b"visit " + secret.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def form_token(keys: Sequence[str], visit: Visit) -> str:
    """Return the token that each form of *visit* bears."""
    return hmac.new(keys[0].encode("utf-8", "surrogateescape"), f"form {visit.nonce}".encode(), "sha256").hexdigest()


def is_form_token(keys: Sequence[str], visit: Visit, given: str) -> bool:
    """Tell whether *given* is the token of *visit*, under the present key or one before it."""
    found = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(found, form_token([key], visit).encode()) for key in keys)


@dataclass(frozen=True)
class Cookie:
    """How visits are kept in browsers: signed with *keys*, the current one first; *secure* wants HTTPS.

    With ``__Host-`` before its name no other host of the domain can set it.
    """

    keys: Sequence[str]
    secure: bool

    @property
    def name(self) -> str:
        return "__Host-carillon" if self.secure else "carillon"

    def read(self, request: Request) -> Visit | None:
        """Return the visit that *request* tells of; None without one, or with one that is not ours or too old."""
        try:
            return Visit(**self._signer.loads(request.cookies.get(self.name, ""), max_age=LIFE))
        except (BadSignature, TypeError):
            return None

    def write(self, response: Response, visit: Visit) -> None:
        """Have the browser keep *visit*."""
        text = str(self._signer.dumps(asdict(visit)))
        response.set_cookie(self.name, text, max_age=LIFE, secure=self.secure, httponly=True, samesite="Lax", path="/")

    @property
    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(list(reversed(self.keys)), salt=SALT)  # the last one signs
