"""A whole run: each credential once, no provider delayed by another, nothing believed without a control."""

import asyncio
import time
from collections import Counter

from detector.model import Finding, Location, Origin, Rule, Verdict, VerdictState
from detector.probes.core.contract import ProbeSettings
from detector.rules.shapes import expand
from detector.secret import Secret
from detector.verify import run
from tests.fakes.provider import Authority, Heard, Provider, Say, by_credential, client_to

KEY = b"k" * 32
UNASKED = Verdict()
PATIENT = ProbeSettings(timeout=60)
PLACE = Location(Origin("worktree", "a.env"), 0, 9, 1, 1, 1, 9)


def finding(secret: str, host: str = "api.acme.test", verdict: Verdict = UNASKED, **more: object) -> Finding:
    probe = {"get": f"https://{host}/me", "bearer": "{secret}", **more}
    rule = Rule(f"{host}.key", "key", probe=probe)
    return Finding("lf1:x", rule, "high", "high", Secret(secret.encode()), (), (PLACE,), verdict)


def verify(
    findings: list[Finding], acme: Provider, authority: Authority, settings: ProbeSettings = PATIENT
) -> list[tuple[float, int, Verdict]]:
    async def work() -> list[tuple[float, int, Verdict]]:
        client = client_to(acme, authority, settings)
        began = time.monotonic()
        try:
            return [
                (time.monotonic() - began, index, verdict)
                async for index, verdict in run.stream_verdicts(findings, client, KEY)
            ]
        finally:
            await client.close()

    return asyncio.run(work())


def tokens(count: int) -> list[str]:
    return [expand("acme_{alnum:24}", seed) for seed in range(count)]


def test_live_counts_when_a_made_up_copy_is_refused(acme: Provider, authority: Authority) -> None:
    (token,) = tokens(1)
    acme.answer = by_credential(token, Say(200, {"me": 1}), Say(401))
    ((_, _, verdict),) = verify([finding(token)], acme, authority)
    assert verdict.state == VerdictState.LIVE and verdict.checked_at
    sent = [heard.headers["authorization"] for heard in acme.heard]
    assert sent[0] == f"Bearer {token}" and len(sent) == 2
    assert sent[1] != sent[0] and len(sent[1]) == len(sent[0])


def test_a_provider_that_accepts_everything_proves_nothing(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: Say(200, {"ok": True})
    found = verify([finding(token) for token in tokens(3)], acme, authority)
    assert {verdict.state for _, _, verdict in found} == {VerdictState.UNKNOWN}
    assert all("unprovable" in verdict.why for _, _, verdict in found)
    assert len(acme.heard) == 4  # three credentials, one control


def test_an_unclear_control_proves_nothing_and_is_tried_again(acme: Provider, authority: Authority) -> None:
    known = tokens(2)
    controls = []

    def answer(heard: Heard) -> Say:
        if any(token in heard.headers["authorization"] for token in known):
            return Say(200, {"me": 1})
        controls.append(heard)
        return Say(503 if len(controls) == 1 else 401)

    acme.answer = answer
    found = verify([finding(token) for token in known], acme, authority, PATIENT._replace(together=1))
    assert sorted(verdict.state for _, _, verdict in found) == [VerdictState.LIVE, VerdictState.UNKNOWN]


def test_a_control_that_is_refused_in_another_way_is_refused(acme: Provider, authority: Authority) -> None:
    """Such as a 403 where the table knows 401 alone: it proves nobody dead, but not everything is accepted."""
    (token,) = tokens(1)
    for refusal in (Say(403, {"message": "no"}), Say(400, {"message": "no"})):
        acme.answer = by_credential(token, Say(200, {"me": 1}), refusal)
        ((_, _, verdict),) = verify([finding(token)], acme, authority)
        assert verdict.state == VerdictState.LIVE
    acme.answer = by_credential(token, Say(200, {"me": 1}), Say(403, "<html>blocked</html>"))
    ((_, _, verdict),) = verify([finding(token)], acme, authority)
    assert verdict.state == VerdictState.UNKNOWN


def test_a_dead_one_needs_no_control(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: Say(401)
    ((_, _, verdict),) = verify([finding("acme_" + "a1" * 9)], acme, authority)
    assert verdict.state == VerdictState.DEAD and len(acme.heard) == 1


def test_a_proof_of_form_outlives_an_unclear_answer(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: Say(500)
    proven = Verdict(VerdictState.VALID_FORMAT, "its checksum is right")
    ((_, _, verdict),) = verify([finding("acme_" + "a1" * 9, verdict=proven)], acme, authority)
    assert verdict.state == VerdictState.VALID_FORMAT and "its checksum is right; asked, but unknown" in verdict.why


def test_a_provider_that_echoes_the_credential_does_not_get_it_into_the_report(
    acme: Provider, authority: Authority
) -> None:
    (token,) = tokens(1)
    acme.answer = by_credential(token, Say(200, {"login": f"me {token}", "t": token}), Say(401))
    found = [finding(token, owner="login", facts={"token": "t"})]
    ((_, _, verdict),) = verify(found, acme, authority, PATIENT._replace(reach=True))
    assert verdict.state == VerdictState.LIVE and verdict.owner == "me …"
    assert token not in repr(verdict)


def test_parts_seen_with_several_values_are_paired_until_one_is_live(acme: Provider, authority: Authority) -> None:
    (token,) = tokens(1)

    def answer(heard: Heard) -> Say:
        return Say(200 if heard.target == "/right" and token in heard.headers["authorization"] else 401)

    acme.answer = answer
    one = finding(token)
    from detector.model import Companion

    rule = one.rule._replace(
        probe={"get": "https://api.acme.test/{account}", "bearer": "{secret}"}, companions=(Companion("account", "x"),)
    )
    parts = (("account", Secret(b"wrong")), ("account", Secret(b"right")))
    ((_, _, verdict),) = verify([one._replace(rule=rule, parts=parts)], acme, authority)
    assert verdict.state == VerdictState.LIVE


def test_findings_without_a_probe_are_left_alone(acme: Provider, authority: Authority) -> None:
    silent = finding("acme_" + "a1" * 9)
    assert verify([silent._replace(rule=Rule("acme.silent", "key"))], acme, authority) == []
    assert not acme.heard


def test_a_thousand_findings_one_slow_provider(acme: Provider, authority: Authority) -> None:
    """It asks each of 200 credentials once, keeps the pace, and lets the slow provider delay nobody else."""
    settings = ProbeSettings(timeout=6.0, rate=40, together=4, total_rate=1000)
    hosts = [f"api{n}.acme.test" for n in range(9)] + ["slow.acme.test"]
    known = [(token, hosts[n % 10]) for n, token in enumerate(tokens(200))]

    def answer(heard: Heard) -> Say:
        return Say(401, delay=30) if heard.host == "slow.acme.test" else Say(401)

    acme.answer = answer
    findings = [finding(*known[n % 200]) for n in range(1000)]
    began = time.monotonic()
    found = verify(findings, acme, authority, settings)
    took = time.monotonic() - began

    assert sorted(index for _, index, _ in found) == list(range(1000))
    asked = Counter(heard.headers["authorization"] for heard in acme.heard)
    assert set(asked.values()) == {1}
    quick = [at for at, index, _ in found if findings[index].rule.probe["get"].find("slow") < 0]
    slow = [at for at, index, _ in found if findings[index].rule.probe["get"].find("slow") > 0]
    assert max(quick) < max(slow)
    assert len([heard for heard in acme.heard if heard.host == "slow.acme.test"]) <= 7
    by_host: dict[str, list[float]] = {}
    for heard in acme.heard:
        by_host.setdefault(heard.host, []).append(heard.at)
    for host, times in by_host.items():
        if host != "slow.acme.test":
            assert len(times) == 20
            settled = sorted(times)[settings.together :]  # behind the handshakes of the first connections
            assert (len(settled) - 1) / (settled[-1] - settled[0]) <= settings.rate * 1.5
    print(f"{took:.2f} s in all, quick providers done after {max(quick):.2f} s")


def test_planted_tokens_are_asked_about_up_to_a_limit_and_the_rest_is_told(
    acme: Provider, authority: Authority
) -> None:
    acme.answer = lambda _: Say(401)
    planted = [finding(token) for token in tokens(30)]
    proven = Verdict(VerdictState.VALID_FORMAT, "checksum valid")
    planted[29] = planted[29]._replace(verdict=proven)
    real = finding(expand("acme_{alnum:24}", 77))._replace(severity="critical")
    found = [*planted, real]
    for limits, reason in (
        (PATIENT._replace(per_provider=10), "not asked: the limit of 10 for one provider is reached"),
        (PATIENT._replace(per_run=10), "not asked: the limit of 10 for one run is reached"),
    ):
        acme.heard.clear()
        verdicts = {index: verdict for _, index, verdict in verify(found, acme, authority, limits)}
        assert len(acme.heard) == 10
        assert verdicts[30].state == VerdictState.DEAD  # the most harmful first
        left = [index for index, verdict in verdicts.items() if reason in verdict.why]
        assert len(verdicts) == 31 and len(left) == 21
        assert verdicts[29] == proven._replace(why=f"checksum valid; {reason}")
        (note,) = run.list_notes([one._replace(verdict=verdicts[at]) for at, one in enumerate(found)])
        assert note.startswith("api.acme.test: not asked about 21 findings")


def test_a_dry_run_names_hosts_and_requests_and_no_secret(acme: Provider) -> None:
    known = tokens(3)
    findings = [finding(token, get="https://api.acme.test/{secret}/me", note="free of charge") for token in known]
    findings.append(finding(known[0], get="https://{host}/me"))
    planned = run.plan_requests(findings, ProbeSettings(), KEY)
    assert [(line.credentials, line.asked and line.asked.host) for line in planned] == [(3, "api.acme.test"), (1, None)]
    assert planned[0].asked.request == "GET https://api.acme.test/{secret}/me"
    assert "no host is named" in planned[1].reason
    assert not any(token in repr(planned) for token in known)
    assert not acme.heard
