"""Ask as a probe table says, and read the answer honestly.

Live and dead need the answer that the provider documents for them. Everything
else is unknown, with the reason: a rate limit, a server in trouble, a login
page where an API should answer, a body that is not what it should be.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode, urlsplit

from detector.model import VerdictState
from detector.net.http_client import Reply, Request
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.hosts import choose_host, is_allowed, parse_host, require_tls
from detector.rules import probe as probes
from detector.rules.probe import FIELD, AnswerCondition, ProbeTable, RequestTemplate

LONGEST_FACT = 160


def parse_probe(credential: ProbeInput) -> ProbeTable:
    """Return the rule's table, ready for use."""
    rule = credential.rule
    return probes.parse(rule.probe, rule.source or rule.id, [part.name for part in rule.companions])


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Ask once (once for each site of a service that has several) and judge."""
    probe = parse_probe(credential)
    answer = ProbeResult()
    for site in probe.sites or ("",):
        answer = await _check_site(probe, credential, client, site)
        if answer.state != VerdictState.DEAD:
            break
    return answer


async def _check_site(probe: ProbeTable, credential: ProbeInput, client: ProbeClient, site: str) -> ProbeResult:
    reply = await client.send(build_request(probe, probe.call, credential, client.settings, site))
    state, why = evaluate_reply(probe, reply)
    if state != VerdictState.LIVE:
        return ProbeResult(state, why, refused=state == VerdictState.DEAD or is_refusal(probe, reply))
    owner = " / ".join(filter(None, (read_text(reply, path) for path in probe.owner)))
    facts = []
    if client.settings.reach:
        facts += _read_facts(probe.call, reply)
        for call in probe.reach:
            try:
                more = await client.send(build_request(probe, call, credential, client.settings, site))
            except NoVerdict as unclear:
                facts.append(("reach", f"not asked to the end: {unclear}"))
                continue
            if more.status in probe.live:
                facts += _read_facts(call, more)
    return ProbeResult(VerdictState.LIVE, why, owner, tuple(facts))


def _read_facts(call: RequestTemplate, reply: Reply) -> list[tuple[str, str]]:
    found = [(name, read_text(reply, path)) for name, path in call.facts]
    return [(name, text) for name, text in found if text]


def evaluate_reply(probe: ProbeTable, reply: Reply) -> tuple[VerdictState, str]:
    """Return the state and the reason that *reply* proves."""
    status = f"HTTP {reply.status}"
    limited = reply.status == 429 or (reply.status == 403 and reply.headers.get("x-ratelimit-remaining") == "0")
    if limited and not (reply.status in probe.live and probe.live_body):
        return VerdictState.UNKNOWN, f"the provider limits the rate of requests ({status})"
    document = reply.json()
    fits_live = reply.status in probe.live and _meets_any(probe.live_body, reply.text, document)
    fits_dead = reply.status in probe.dead and _meets_any(probe.dead_body, reply.text, document)
    if fits_live and fits_dead:
        return VerdictState.UNKNOWN, f"the answer means live and dead at once ({status})"
    if fits_live:
        if reply.is_page and probe.answer != "any":
            return VerdictState.UNKNOWN, f"a web page came where the provider's interface should answer ({status})"
        if probe.answer == "json" and document is None and reply.body and not probe.live_body:
            return VerdictState.UNKNOWN, f"the answer is not what the provider sends ({status}, no JSON)"
        if probe.answer == "json" and not reply.body and reply.status != 204 and probe.call.method != "HEAD":
            return VerdictState.UNKNOWN, f"the answer is not what the provider sends ({status}, empty)"
        return VerdictState.LIVE, f"the provider accepted it ({status})"
    if fits_dead:
        if reply.is_page and not probe.dead_body and (reply.status != 401 or probe.answer != "any"):
            return VerdictState.UNKNOWN, f"a web page refused it, perhaps not the provider's ({status})"
        return VerdictState.DEAD, f"the provider refused it ({status})"
    if reply.status == 407:
        return VerdictState.UNKNOWN, "the proxy wants a login (HTTP 407)"
    if 300 <= reply.status < 400:
        return VerdictState.UNKNOWN, f"the provider redirects elsewhere, which is not followed ({status})"
    if reply.status >= 500:
        return VerdictState.UNKNOWN, f"the provider is in trouble ({status})"
    return VerdictState.UNKNOWN, f"the answer means neither live nor dead ({status})"


def is_refusal(probe: ProbeTable, reply: Reply) -> bool:
    """Tell whether the provider itself answered, and did not accept the credential.

    That does not prove it dead. A web page, a limit and a server in trouble are no
    refusals.
    """
    if reply.is_page or reply.headers.get("x-ratelimit-remaining") == "0":
        return False
    if reply.status in (400, 401, 403, 404):
        return probe.answer != "json" or reply.json() is not None or not reply.body
    return reply.status in probe.live and bool(probe.live_body) and reply.json() is not None


def _meets_any(conditions: tuple[AnswerCondition, ...], text: str, document: object) -> bool:
    """Any one of the conditions suffices; none given means none needed."""
    return not conditions or any(condition.is_met(text, document) for condition in conditions)


def read_text(reply: Reply, path: str) -> str:
    """Return what the answer says at *path* (``header:Name`` or a path into its JSON) as short text."""
    if path.startswith("header:"):
        found: object = reply.headers.get(path[7:].lower(), "")
    else:
        found = probes.look_up(reply.json(), path)
    if isinstance(found, list):
        found = ", ".join(str(item) for item in found if isinstance(item, str | int))
    if found is None or isinstance(found, Mapping):
        return ""
    text = "".join(c if c.isprintable() else " " for c in str(found)).strip()
    return text if len(text) <= LONGEST_FACT else text[: LONGEST_FACT - 1] + "…"


# -- building the request ------------------------------------------------------


def build_request(
    probe: ProbeTable, call: RequestTemplate, credential: ProbeInput, settings: ProbeSettings, site: str = ""
) -> Request:
    """Fill the template. Raises `NoVerdict` where a part is missing or the host may not be asked."""
    place = choose_host(credential, settings, probe.hosts) if "{host}" in call.url else None

    def fill(template: str, encode: Callable[[str], str]) -> str:
        def value(hole: re.Match[str]) -> str:
            if hole[1] is None:
                return hole[0][0]
            if hole[1] == "host" and place:
                return place.netloc
            if hole[1] == "site" and probe.sites:
                return site
            text = credential.text(hole[1])
            return encode(text.rpartition(hole[2])[2] if hole[2] else text)

        return FIELD.sub(value, template)

    url = _fill_url(call.url, fill)
    if place and place.scheme == "http":
        url = f"http{url.removeprefix('https')}"
    _check_url(probe, call, url, settings)
    headers = []
    for name, template in call.headers:
        value = fill(template, str)
        if not value.isascii() or not value.isprintable():
            raise NoVerdict("it does not fit into a request header")
        headers.append((name, value))
    if call.basic:
        headers.append(("Authorization", "Basic " + base64.b64encode(fill(call.basic, str).encode()).decode()))
    content = b""
    if call.kind == "form":
        content = urlencode({name: fill(text, str) for name, text in call.content.items()}).encode()
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    elif call.kind == "json":
        content = json.dumps(_fill_json(call.content, lambda text: fill(text, str))).encode()
        headers.append(("Content-Type", "application/json"))
    elif call.kind == "body":
        content = fill(call.content, str).encode()
    return Request(call.method, url, tuple(headers), content, probe.follow)


def _fill_json(value: object, fill: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, Mapping):
        return {key: _fill_json(inner, fill) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill_json(inner, fill) for inner in value]
    return value


def _fill_url(template: str, fill: Callable[[str, Callable[[str], str]], str]) -> str:
    if template.startswith("{"):
        return fill(template, str)
    before, sign, query = template.partition("?")
    start = before.find("/", len("https://"))
    host, path = (before, "") if start < 0 else (before[:start], before[start:])
    filled = fill(host, str) + fill(path, lambda text: quote(text, safe=":"))
    return filled + (sign + fill(query, lambda text: quote(text, safe="")) if sign else "")


def _check_url(probe: ProbeTable, call: RequestTemplate, url: str, settings: ProbeSettings) -> None:
    """Refuse a URL whose host a part of the credential brought in and nobody who may decide names."""
    place = parse_host(url)
    if place is None or "@" in urlsplit(url).netloc:
        raise NoVerdict("its host is no host name")
    template = call.url if call.url.startswith("{") else urlsplit(call.url).netloc
    filled = probes.list_fields_in(template) - {"host", *(["site"] if probe.sites else [])}
    if filled and not is_allowed(place, settings, probe.hosts):
        raise NoVerdict(f"{place.name} is named neither by the rule nor by the operator, and is not asked")
    require_tls(urlsplit(url).scheme, place, settings)


def count_host_bytes(credential: ProbeInput) -> int:
    """Count the bytes at the end of the secret that name the host (``{secret|last:-}``)."""
    signs = [hole[2] for hole in FIELD.finditer(parse_probe(credential).call.url) if hole[1] == "secret" and hole[2]]
    return len(credential.secret.reveal().rpartition(signs[0].encode())[2]) if signs else 0


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Say what `check` would ask, with nothing secret in it. Raises `NoVerdict`."""
    probe = parse_probe(credential)
    site = probe.sites[0] if probe.sites else ""
    made = build_request(probe, probe.call, credential, settings, site)
    more = f" (or up to {len(probe.sites) - 1} more sites)" if len(probe.sites) > 1 else ""
    if settings.reach and probe.reach:
        more += f" and {len(probe.reach)} more to learn its reach"
    shown = probe.call.url if "{" in urlsplit(probe.call.url).path + urlsplit(probe.call.url).query else made.url
    return PlannedRequest(
        urlsplit(made.url).netloc, f"{probe.call.method} {shown.replace('{site}', site)}{more}", probe.note
    )
