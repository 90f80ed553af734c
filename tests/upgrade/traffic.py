"""People who use the API while it is replaced: requests all the time, to whichever instances a balancer would choose.

Every answer is counted. An instance that is leaving gets no new requests, as behind a Service or a load balancer.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter

import httpx

_PERIOD_S = 0.4
"""Between two requests of a person; four people make ten requests a second."""
PEOPLE = 4
_LEAVING_S = 5.0
"""As the ``preStop`` of deploy/kubernetes/shoal/templates/api.yaml: the balancer knows before the process ends."""


class Traffic:
    """Requests of signed-in people; ``answers`` counts them by instance, path and status.

    Args:
        sign_in: e-mail address and password.
        paths: below /api/v1, in turn.
    """

    def __init__(self, sign_in: tuple[str, str], paths: tuple[str, ...]) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.failures: list[str] = []
        self._sign_in = sign_in
        self._paths = paths
        self._serving: dict[str, str] = {}
        self._under_way: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(n,), daemon=True) for n in range(PEOPLE)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; safe twice."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def add(self, name: str, url: str) -> None:
        """The instance is ready: it gets requests."""
        with self._changed:
            self._serving[name] = url

    def remove(self, name: str) -> None:
        """It gets no more; returns once what it was asked is answered, or after the chart's time before SIGTERM."""
        with self._changed:
            del self._serving[name]
            self._changed.wait_for(lambda: self._under_way[name] == 0, timeout=_LEAVING_S)

    def _live(self, number: int) -> None:
        paths = itertools.cycle(self._paths[number % len(self._paths) :] + self._paths[: number % len(self._paths)])
        token = ""
        for turn in itertools.count():
            if self._stop.wait(_PERIOD_S):
                return
            if turn % 20 == 0:  # a new session now and then: one version starts it, another must know it
                token = self._ask("auth/login", "", turn + number) or token
            else:
                self._ask(next(paths), token, turn + number)

    def _ask(self, path: str, token: str, turn: int) -> str:
        """Ask one instance, chosen in turn; returns the token where one is given."""
        with self._changed:
            names = sorted(self._serving)
            name = names[turn % len(names)]
            url = f"{self._serving[name]}/api/v1/{path}"
            self._under_way[name] += 1
        try:
            if token:
                answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
            else:
                username, password = self._sign_in
                answer = httpx.post(url, data={"username": username, "password": password}, timeout=30)
        except httpx.HTTPError as error:
            self.failures.append(f"{name} {path}: {error!r}")
            return ""
        finally:
            with self._changed:
                self._under_way[name] -= 1
                self._changed.notify_all()
        self.answers[name, path, answer.status_code] += 1
        if answer.status_code != httpx.codes.OK:
            self.failures.append(f"{name} {path}: {answer.status_code} {answer.text[:300]}")
        return str(answer.json().get("access_token", "")) if answer.status_code == httpx.codes.OK and not token else ""
