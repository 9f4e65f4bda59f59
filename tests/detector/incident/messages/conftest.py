from tests.detector.incident.notify.conftest import (  # noqa: F401
    arrived,
    deliveries,
    mail_settings,
    mailbox,
    operator,
    timer,
)
