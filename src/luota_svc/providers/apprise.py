"""The many others: one library speaks to them, in a fenced process of its own for each alert (docs/adr/0029)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.providers.apprise_nursery import Nursery
from luota_svc.providers.apprise_outcome import outcome_of_verdict
from luota_svc.providers.apprise_secrets import Hidden
from luota_svc.providers.mentions import call_nobody
from luota_svc.telemetry import names

_LOG: Final = logging.getLogger(__name__)
_WHOLE_SECONDS: Final = 15.0
# What a child may take of that, so that it can still say what it came to.
_CHILD_SECONDS: Final = 14.0
_SLOT_SECONDS: Final = 5.0
_BUSY_AGAIN_SECONDS: Final = 5
_TITLE_CHARACTERS_MAX: Final = 250
_TYPE_OF: Final = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}


class AppriseProvider:
    """Tells services through Apprise. Nothing runs before the first alert; `aclose` ends what does."""

    def __init__(
        self,
        *,
        permit: Callable[[str], str | None],
        clean: Callable[[str], str],
        permit_host: Callable[[str], str | None] = lambda _: None,
        allow_http: bool = False,
        proxy_url: str | None = None,
        ca_file: Path | None = None,
        at_once_most: int = 64,
        nursery: Nursery | None = None,
    ) -> None:
        """Take what decides where an alert may go, as http_client.GuardedClient does.

        `permit` is asked for every address just before it is dialled, `permit_host` for every URL's host; both answer
        a reason to refuse, or None. Through `proxy_url`, where there is one, goes everything, and hosts alone are
        judged. `ca_file` is trusted beside the system's authorities. `clean` takes secrets out of what services say.
        At most `at_once_most` children live at once.
        """
        self._permit = permit
        self._permit_host = permit_host
        self._clean = clean
        self._allow_http = allow_http
        self._proxy_url = proxy_url
        self._ca_file = ca_file
        self._slots = asyncio.Semaphore(at_once_most)
        self._nursery = Nursery() if nursery is None else nursery

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt and say what became of it; at most 15 s. The provider's id is the delivery's own."""
        hidden = Hidden(str(dispatch.target.get("url", "")), self._proxy_url)
        return await self._attempt(dispatch, hidden)

    async def aclose(self) -> None:
        """End the process that children come from; safe to repeat."""
        await self._nursery.aclose()

    async def _attempt(self, dispatch: Dispatch, hidden: Hidden) -> Outcome:
        began = time.monotonic()
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                if not await self._slot():
                    words = "Luota speaks to as many services as it can at this moment; this one is tried again soon"
                    return Outcome(OutcomeKind.THROTTLED, words, retry_after_seconds=_BUSY_AGAIN_SECONDS)
                try:
                    verdict = await self._ask_child(dispatch, _CHILD_SECONDS - (time.monotonic() - began))
                finally:
                    self._slots.release()
        except (TimeoutError, EOFError):
            # A child that says nothing was ended by its alarm, or by a bound on what it may use.
            if time.monotonic() - began >= _CHILD_SECONDS - 0.5:
                return Outcome(OutcomeKind.TIMED_OUT, "the service did not answer in time; it may have taken the alert")
            return Outcome(OutcomeKind.FAILED, "the process that runs Apprise ended without a word")
        except Exception:  # noqa: BLE001 - a provider's promise: whatever is wrong is an outcome, and is tried again
            _LOG.exception(names.LOG_APPRISE_ATTEMPT_BROKE, extra={"delivery_id": str(dispatch.delivery_id)})
            return Outcome(OutcomeKind.FAILED, "a fault in Luota kept this alert back; its log says which")
        return outcome_of_verdict(
            verdict, tidy=lambda text: self._clean(hidden.out_of(text)), delivery_id=str(dispatch.delivery_id)
        )

    async def _slot(self) -> bool:
        """Wait a while for room; returns whether there is."""
        try:
            async with asyncio.timeout(_SLOT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            return False
        return True

    async def _ask_child(self, dispatch: Dispatch, seconds: float) -> dict[str, Any]:
        """Have a child send it, and judge what it is about to dial. Raises EOFError where it ends before."""
        request = self._request_of(dispatch)
        async with self._nursery.child() as wire:
            await wire.write(request | {"seconds": seconds})
            while True:
                message = await wire.read()
                if "ask" not in message:
                    verdict: dict[str, Any] = message["verdict"]
                    return verdict
                judge = self._permit_host if message["ask"] == "host" else self._permit
                await wire.write({"refusal": judge(message["name"])})

    def _request_of(self, dispatch: Dispatch) -> dict[str, Any]:
        alert = json.loads(dispatch.content)
        metadata = alert["metadata"]
        links = metadata["links"]
        return {
            "url": str(dispatch.target.get("url", "")),
            "title": call_nobody(" ".join(str(alert["subject"]).split()))[:_TITLE_CHARACTERS_MAX],
            "body": call_nobody(str(alert["text"]).strip() or str(alert["subject"])),
            "link": links["incident"] or links["packet"],
            "type": _type_of(metadata),
            "allowHttp": self._allow_http,
            "proxyUrl": self._proxy_url,
            "caFile": None if self._ca_file is None else str(self._ca_file),
        }


def _type_of(metadata: dict[str, Any]) -> str:
    """Return what Apprise calls an alert of this kind: services draw it in a colour."""
    if metadata["state"] == "resolved":
        return "success"
    return "info" if metadata["reason"] == "test" else _TYPE_OF.get(metadata["severity"], "info")
