"""Digest authentication, as client and as server (RFC 7616, RFC 8760; RFC 2617 for those without qop). ``auth`` only.

A client answers only the realm it was told (a stranger's challenge would collect hashes of the password). A server signs its
nonces, so it keeps nothing until one comes back; then it remembers the highest count, so that nothing can be played twice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from telephony.sip.scan import BadMessage, end_of_quote, is_token, quoted, split, unquoted

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
MAX_NONCES = 4_096
NONCE_LIFE_MS = 300_000
MAX_PARTS = 32


def digest(algorithm: str, text: str) -> str:
    """The hash of ``text`` in hexadecimal. ``algorithm`` as in a challenge; with ``-sess`` or without."""
    name = _HASHES[algorithm.upper().removesuffix("-SESS")]
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def is_known(algorithm: str) -> bool:
    return algorithm.upper().removesuffix("-SESS") in _HASHES


def parse(text: str) -> dict[str, str]:
    """``Digest a="b", c=d`` → names in lower case, values without their quotes. Of another scheme: nothing."""
    scheme, _, rest = text.strip(" \t").partition(" ")
    if scheme.lower() != "digest":
        return {}
    parts = split(rest, ",", angles=False)
    if len(parts) > MAX_PARTS:
        raise BadMessage("credentials have too many parts")
    found: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name, value = name.rstrip(" \t").lower(), value.lstrip(" \t")
        if not equals or not is_token(name) or not value:
            raise BadMessage("credentials are not understood")
        if value[0] == '"':
            if end_of_quote(value, 0) != len(value):
                raise BadMessage("credentials are not understood")
            value = unquoted(value)
        if name in found:
            raise BadMessage("credentials tell one thing twice")
        found[name] = value
    return found


def response_of(
    given: Mapping[str, str], *, username: str, password: str, method: str, uri: str, cnonce: str = "", nc: str = ""
) -> str:
    """The ``response`` to a challenge (or to what a client tells of it): RFC 7616, 3.4.1."""
    algorithm = given.get("algorithm", "MD5")
    secret = digest(algorithm, f"{username}:{given.get('realm', '')}:{password}")
    if algorithm.upper().endswith("-SESS"):
        secret = digest(algorithm, f"{secret}:{given['nonce']}:{cnonce}")
    request = digest(algorithm, f"{method}:{uri}")
    middle = f"{given['nonce']}:{nc}:{cnonce}:auth" if nc else given["nonce"]
    return digest(algorithm, f"{secret}:{middle}:{request}")


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str
    realm: str = ""
    """The only realm that is answered; "" any: for where we call, never for who calls us."""


@dataclass(slots=True)
class _Known:
    """A challenge, and how often its nonce was used."""

    given: dict[str, str]
    uses: int = 0


class DigestClient:
    """What one login knows of those who ask for it: a server's and a proxy's last challenge."""

    def __init__(self, login: Login, new_cnonce: Callable[[], str]) -> None:
        self.login = login
        self._new_cnonce = new_cnonce
        self._known: dict[bool, _Known] = {}
        self.is_stale = False
        """The last challenge says that the password was right, and only its nonce too old."""

    def learn(self, challenges: Iterable[str], *, is_proxy: bool) -> bool:
        """Take up a 401's or 407's challenges: the first we can answer. False: none of them is for us."""
        for text in challenges:
            try:
                given = parse(text)
            except BadMessage:
                continue
            if not given.get("nonce") or not is_known(given.get("algorithm", "MD5")):
                continue
            if self.login.realm and given.get("realm", "") != self.login.realm:
                continue
            qop = [word.strip().lower() for word in given.get("qop", "").split(",") if word.strip()]
            if qop and "auth" not in qop:
                continue
            self._known[is_proxy] = _Known(given)
            self.is_stale = given.get("stale", "").lower() == "true"
            return True
        return False

    def authorization(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The headers to send along, for whoever challenged before."""
        return [
            ("Proxy-Authorization" if is_proxy else "Authorization", self._answer(known, method, uri))
            for is_proxy, known in self._known.items()
        ]

    def _answer(self, known: _Known, method: str, uri: str) -> str:
        given = known.given
        known.uses += 1
        cnonce = nc = ""
        if given.get("qop"):
            cnonce, nc = self._new_cnonce(), f"{known.uses:08x}"
        elif given.get("algorithm", "").upper().endswith("-SESS"):
            cnonce = self._new_cnonce()
        answer = response_of(
            given,
            username=self.login.username,
            password=self.login.password,
            method=method,
            uri=uri,
            cnonce=cnonce,
            nc=nc,
        )
        parts = [
            f"username={quoted(self.login.username)}",
            f"realm={quoted(given.get('realm', ''))}",
            f"nonce={quoted(given['nonce'])}",
            f"uri={quoted(uri)}",
            f'response="{answer}"',
        ]
        if "algorithm" in given:
            parts.append(f"algorithm={given['algorithm']}")
        if cnonce:
            parts.append(f'cnonce="{cnonce}"')
        if nc:
            parts += ["qop=auth", f"nc={nc}"]
        if "opaque" in given:
            parts.append(f"opaque={quoted(given['opaque'])}")
        return "Digest " + ", ".join(parts)


class Verdict(Enum):
    GOOD = auto()
    STALE = auto()
    """The password may be right, the nonce is too old or was used: challenge again."""
    BAD = auto()
    ABSENT = auto()


class DigestServer:
    """Challenges, and checks of what comes back. ``secret`` signs the nonces; ``algorithms`` in the order we like them."""

    def __init__(self, realm: str, secret: bytes, algorithms: tuple[str, ...] = ("SHA-256", "MD5")) -> None:
        self.realm = realm
        self._secret = secret
        self._algorithms = algorithms
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._serial = 0
        self._forgotten_ms = -1.0
        """Nonces of before then that are unknown here may have been used, and were forgotten to save room."""

    def challenges(self, now_ms: float, *, is_stale: bool = False) -> list[str]:
        """One WWW-Authenticate value for each algorithm, strongest first (RFC 8760, 2.4)."""
        self._serial += 1
        nonce = self._signed(f"{int(now_ms):x}.{self._serial:x}")
        stale = ", stale=true" if is_stale else ""
        return [
            f'Digest realm={quoted(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{stale}'
            for algorithm in self._algorithms
        ]

    def _signed(self, text: str) -> str:
        return f"{text}.{hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]}"

    def check(self, lines: Iterable[str], login: Login, method: str, uri: str, now_ms: float) -> Verdict:
        """Of a request's Authorization lines. ``uri`` is the request's own: credentials for another don't count."""
        for text in lines:
            given = parse(text)
            if given.get("realm") == self.realm:
                return self._check(given, login, method, uri, now_ms)
        return Verdict.ABSENT

    def _check(self, given: dict[str, str], login: Login, method: str, uri: str, now_ms: float) -> Verdict:
        nonce, nc, cnonce = given.get("nonce", ""), given.get("nc", ""), given.get("cnonce", "")
        algorithm = given.get("algorithm", "MD5")
        text, _, _ = nonce.rpartition(".")
        if not text.isascii() or not hmac.compare_digest(self._signed(text).encode(), nonce.encode("utf-8", "replace")):
            return Verdict.BAD
        if algorithm.upper() not in self._algorithms or given.get("qop") != "auth" or not cnonce:
            return Verdict.BAD
        if len(nc) != 8 or not nc.isascii() or nc.strip("0123456789abcdefABCDEF") or given.get("uri") != uri:
            return Verdict.BAD
        wanted = response_of(
            given, username=login.username, password=login.password, method=method, uri=uri, cnonce=cnonce, nc=nc
        )
        is_right = hmac.compare_digest(wanted.encode(), given.get("response", "").lower().encode("utf-8", "replace"))
        is_them = hmac.compare_digest(login.username.encode(), given.get("username", "").encode("utf-8", "replace"))
        if not (is_right and is_them):
            return Verdict.BAD
        issued_ms = int(text.partition(".")[0], 16)
        count, last = int(nc, 16), self._counts.get(nonce, 0)
        if now_ms - issued_ms > NONCE_LIFE_MS or count <= last or (not last and issued_ms <= self._forgotten_ms):
            return Verdict.STALE
        self._counts[nonce] = count
        while len(self._counts) > MAX_NONCES:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten_ms = max(self._forgotten_ms, int(oldest.partition(".")[0], 16))
        return Verdict.GOOD
