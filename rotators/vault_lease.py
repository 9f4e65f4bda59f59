"""Dynamic credentials of any Vault engine: the lease is revoked.

Revocation is queued (202, also for a lease that nobody knows), so its end is
proven by looking the lease up until the server calls it invalid. hvac cannot
send `sync`; the call is made by hand. After somebody's `revoke-force` a lease
is invalid too, although its account lives: that the lease ended by our own
revocation is what the proof rests on. A new credential that a crash lost has
a lease of its own and ends with it.
"""

from __future__ import annotations

from typing import Any

from detector.probes.core import answers
from detector.secret import Secret
from rotators.core import contracts, operator_credentials, vault
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind, UnexpectedState

SERVES = ("vault.lease*", "vault.dynamic*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="the lease id must be known: it is in the log of whoever asked for the credential",
)

TESTED = "OpenBao with PostgreSQL"

GONE_BEFORE = "lease.gone"
"""The fact that the lease was gone when we came to revoke it."""


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, lease_id, creds_path, values."""

    public = frozenset({"username", "access_key"})

    @property
    def fields(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the engine hands out: user and password, or an AWS key."""
        return tuple(self.case.settings.get("values", ("username", "password")))

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        found = self._look_up()
        if found is None:
            raise UnexpectedState("the server does not know this lease")
        self.case.handles["before.cluster"] = vault.read_cluster(self.case.settings)
        facts = tuple((name, str(found[name])) for name in ("ttl", "expire_time") if found.get(name))
        return Identity(
            handle=self._lease,
            account=vault.account_name(self.case.settings),
            principal=self._lease.rpartition("/")[0],
            created=str(found.get("issue_time", "")),
            facts=facts,
        )

    def narrow(self, capability: Capability) -> Capability:
        """Only with `creds_path` do we know where to ask for another one."""
        return capability._replace(can_reissue=bool(self.case.settings.get("creds_path")))

    def preconditions(self) -> Handles:
        """The server."""
        return {"cluster": vault.read_cluster(self.case.settings)}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        revoke = ("sys/leases/revoke sync",)
        return {
            StepKind.MINT: (str(self.case.settings.get("creds_path")),),
            StepKind.CONTAIN: revoke,
            StepKind.DISABLE: revoke,
            StepKind.PROVE_DEAD: ("sys/leases/lookup",),
        }.get(kind, ())

    def create(self, values: Values) -> NewCredential:
        """Ask the engine for another credential."""
        with vault.translate_errors("dynamic credential"):
            answer = vault.make_client(self.case.settings).read(self.case.settings["creds_path"])
        found = {name: Secret(str(answer["data"][name]).encode()) for name in self.fields}
        return NewCredential(found, {"new_handle": answer["lease_id"]})

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self._revoke(handle)

    def disable(self) -> Handles:
        """Revoke, or note that there is nothing left to revoke."""
        if self._look_up() is None:
            return {GONE_BEFORE: "yes"}
        self._revoke(self._lease)
        return {}

    def verify_dead(self) -> Proof:
        """A lease that somebody forced out is invalid, too, although its account may live."""
        proof = vault.prove_dead(self.case, self._look_up, "lease")
        if proof.state == ProofState.DEAD and GONE_BEFORE in self.case.handles:
            why = "the lease was gone before it was revoked here: after a revoke-force its account lives; try to log in"
            return Proof(ProofState.UNVERIFIABLE, why)
        return proof

    @property
    def _lease(self) -> str:
        return self.case.handles.get("handle") or operator_credentials.require_setting(self.case.settings, "lease_id")

    def _revoke(self, lease: str) -> None:
        vault.check_cluster(self.case)
        body = {"lease_id": lease, "sync": True}
        reply = vault.ask(self.case.settings, "sys/leases/revoke", body, method="PUT")
        if reply.status not in (200, 202, 204) and reply.judge(answers.VAULT_LEASE).means != answers.Meaning.DEAD:
            raise UnexpectedState(
                f"the server did not revoke the lease (HTTP {reply.status}); its account may be alive"
            )

    def _look_up(self) -> dict[str, Any] | None:
        return vault.look_up_lease(self.case.settings, self._lease)
