"""The exceptions of Flask-IDVerify.

Two trees that never meet: a :class:`ConfigurationError` is a mistake of the developer or the
admin and stops what was asked; everything under :class:`IDVerifyError` happens in a working
installation and can be shown to somebody. No message ever holds personal data or a secret.
"""

from __future__ import annotations

from typing import Any

import click


class ConfigurationError(click.ClickException, RuntimeError):
    """The installation is set up wrongly. The message names the key and says what to do.

    It deliberately stands outside :class:`IDVerifyError`, so that code which handles vendor
    trouble cannot swallow it. Being a ``ClickException``, it ends a command of Flask's with one
    line and exit code 1, also where the app cannot be made; servers show its traceback as any
    other's.
    """


class IDVerifyError(Exception):
    """Base of everything that can go wrong in a correctly configured installation.

    :cvar code: a stable machine-readable string, used by the JSON API as the problem type.
    :cvar http_status: the status that the JSON API answers with.
    """

    code = "idverify_error"
    http_status = 400


class InvalidInput(IDVerifyError):
    """A value given by a person or by the host cannot be used.

    :param field: the field's public name, e.g. ``id_number``.
    :param message: what was expected and what to do; never the value itself.
    """

    code = "invalid_input"
    http_status = 422

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class InvalidClaim(InvalidInput):
    """The claim (ID type, number, real name or country) is incomplete or malformed."""

    code = "invalid_claim"


class InvalidConsent(InvalidInput):
    """The consent record is incomplete or malformed."""

    code = "invalid_consent"


class InvalidPolicy(InvalidInput):
    """A field of a link's policy or conditions has an unusable value."""

    code = "invalid_policy"


class InvalidProvider(InvalidInput):
    """A field of a provider has an unusable value (endpoint, type, an option)."""

    code = "invalid_provider"


class ConsentMissing(IDVerifyError):
    """The provider needs the user's consent and none was given; nothing was sent to the vendor."""

    code = "consent_missing"
    http_status = 422


class NotSignedIn(IDVerifyError):
    """There is no user id to verify: the user is anonymous or was not saved yet."""

    code = "not_signed_in"
    http_status = 401


class PendingChanges(IDVerifyError):
    """``db.session`` holds uncommitted work of the host; the call would have committed it."""

    code = "pending_changes"
    http_status = 500


class NotFound(IDVerifyError):
    """No such provider, application, identity or verification (or it is not theirs)."""

    code = "not_found"
    http_status = 404


class NotConfigured(NotFound):
    """The default application does not exist yet: no provider was ever linked to it."""

    code = "not_configured"
    http_status = 503


class AlreadyVerified(IDVerifyError):
    """The user is verified for this application already; no vendor call was made."""

    code = "already_verified"
    http_status = 409


class IdentityLocked(IDVerifyError):
    """A locked identity field would have changed. Only an audited admin reset reopens it."""

    code = "identity_locked"
    http_status = 409


class VerificationInProgress(IDVerifyError):
    """The user has an unfinished verification for this application.

    :ivar verification: that row, or ``None`` when it was finished in the meantime.
    """

    code = "verification_in_progress"
    http_status = 409

    def __init__(self, message: str, verification: Any = None) -> None:
        super().__init__(message)
        self.verification = verification


class AttemptLimitReached(IDVerifyError):
    """The user has used up their attempts.

    :ivar retry_at: when the next attempt is admitted (aware UTC).
    """

    code = "attempt_limit_reached"
    http_status = 429

    def __init__(self, message: str, retry_at: Any = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class NoProvider(IDVerifyError):
    """The application has no enabled provider at all."""

    code = "not_configured"
    http_status = 503


class ProviderUnusable(NoProvider):
    """A provider's row cannot be used any more, e.g. its endpoint is no longer admitted."""


class ClaimNotAccepted(IDVerifyError):
    """Providers exist, but none accepts documents of this type or country.

    :ivar reason: ``country_not_accepted`` or ``document_type_not_accepted``.
    """

    code = "claim_not_accepted"
    http_status = 422

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class TransitionRefused(IDVerifyError):
    """The verification is not in a state from which the asked step is allowed."""

    code = "transition_refused"
    http_status = 409


class ChangedMeanwhile(TransitionRefused):
    """An admin decided on what is not so any more."""

    code = "changed_meanwhile"


class ErasureRefused(IDVerifyError):
    """Personal data must be kept: the host holds it (``IDVERIFY_LEGAL_HOLD``); nothing changed."""

    code = "erasure_refused"
    http_status = 409


class ReasonMissing(IDVerifyError):
    """An admin's decision needs a reason and an admin's name; one of them is empty."""

    code = "reason_missing"
    http_status = 422


class DatabaseBusy(IDVerifyError):
    """The database stayed locked for longer than we wait."""

    code = "database_busy"
    http_status = 503


class KeyUnavailable(IDVerifyError):
    """A stored value was encrypted under a key that is no longer configured."""

    code = "key_unavailable"
    http_status = 500


class DecryptionFailed(IDVerifyError):
    """A stored value does not decrypt where it stands: it was changed or moved."""

    code = "decryption_failed"
    http_status = 500


class AuditBroken(IDVerifyError):
    """The audit chain does not hold; the message names the first bad entry.

    :param subject: whose chain it is.
    :param sequence: number of the first bad entry.
    :param what: ``changed``, ``removed``, ``inserted``, ``reordered`` or ``cut off``.
    """

    code = "audit_broken"
    http_status = 500

    def __init__(self, subject: str, sequence: int, what: str, message: str) -> None:
        super().__init__(f"Audit of {subject}: {message}")
        self.subject, self.sequence, self.what = subject, sequence, what


class VendorError(IDVerifyError):
    """The vendor could not be asked, or answered with something unusable.

    :param message: what happened and what the admin should do.
    :param status: the vendor's HTTP status, if there was an answer.
    :param detail: the vendor's own words, cut and masked, for the admin only.
    :param retry_after: seconds to wait, as the vendor asked, if it did.
    """

    code = "vendor_error"
    http_status = 502
    #: Whether trying the same call again later can help.
    transient = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class VendorUnavailable(VendorError):
    """No answer, a timeout, or a 5xx: the vendor is down or out of reach."""

    code = "vendor_unavailable"
    http_status = 503
    transient = True


class VendorBusy(VendorError):
    """429: the vendor's rate limit was hit.

    From the service it has a ``retry_after``, in whole seconds, whether the vendor named one or
    not: for so long nobody asks that vendor.
    """

    code = "vendor_busy"
    http_status = 503
    transient = True


class VendorBackedOff(VendorBusy):
    """The vendor's rate limit was hit a while ago; nothing was sent now."""


class VendorRefused(VendorError):
    """401 or 403: credentials, User-Agent or permissions are not accepted."""

    code = "vendor_refused"


class VendorRejectedRequest(VendorError):
    """400 and the like: the vendor does not accept what was sent."""

    code = "vendor_rejected_request"


class VendorRecordMissing(VendorError):
    """404: the vendor does not know the reference, or has deleted it."""

    code = "vendor_record_missing"


class VendorProtocolError(VendorError):
    """The vendor answered 2xx with something that is not the documented shape."""

    code = "vendor_protocol_error"
    transient = True


class SandboxRefused(VendorError):
    """A sandbox answered, and this app does not admit sandboxes."""

    code = "sandbox_refused"
