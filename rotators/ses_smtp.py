"""SES SMTP credentials: an IAM key in other clothes.

The user name is the access key id, and the password is derived from the
secret key for one region. So the key is rotated as any IAM key, and the
passwords are computed anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from detector.secret import Secret
from rotators import aws_iam
from rotators.core import operator_credentials
from rotators.core.contracts import Values
from rotators.core.model import Capability, NewCredential

SERVES = ("aws.ses-*",)

CAPABILITY: Capability = aws_iam.CAPABILITY

TESTED = "moto"


class Rotator(aws_iam.Rotator):
    """Settings: those of aws-iam, and smtp_region."""

    fields: tuple[str, ...] = ("access_key_id", "secret_access_key", "smtp_password")

    def create(self, values: Values) -> NewCredential:
        """Make a key and derive its password."""
        made = super().create(values)
        region = operator_credentials.require_setting(self.case.settings, "smtp_region")
        password = smtp_password(made.values["secret_access_key"], region)
        return made._replace(values={**made.values, "smtp_password": password})

    def preflight(self) -> None:
        """See `contracts.Rotator`."""
        operator_credentials.require_setting(self.case.settings, "smtp_region")
        super().preflight()

    def old_values(self) -> Values:
        """The old password, where it was found instead of the key."""
        old = dict(super().old_values())
        found = self.case.leak.parts.get("smtp_password")
        return {**old, "smtp_password": found} if found else old


def smtp_password(secret_key: Secret, region: str) -> Secret:
    """Return the SMTP password of *secret_key* in *region*.

    >>> len(base64.b64decode(smtp_password(Secret(b"k" * 40), "eu-west-1").reveal()))
    33
    """
    key = b"AWS4" + secret_key.reveal()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return Secret(base64.b64encode(b"\x04" + key))
