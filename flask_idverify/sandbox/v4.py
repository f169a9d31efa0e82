"""The Netverify v4 endpoints (reference 2A)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from . import requests_v4, v4_bodies
from .clock import stamp
from .countries import id_types
from .creation import create
from .errors import ApiError
from .images import jpeg, png
from .store import Phase, Transaction
from .wire import answer, attach, base_url, basic_matches, check_accept, json_body, sandbox

blueprint = Blueprint("v4", __name__, url_prefix="/api")
_SCAN = "/netverify/v2/scans/<ref>"


def error_body(status: int, detail: str) -> dict[str, Any]:
    """Word an error; the real shape is undocumented (reference 6.4)."""
    return {"message": detail, "httpStatus": str(status)}


attach(blueprint, "v4", error_body)


def _now() -> str:
    return stamp(sandbox().clock.now())


def _admit(*, images: bool = False) -> None:
    """Check credentials and Accept; wrong headers are 403 here (reference 2A.8)."""
    state = sandbox()
    if not basic_matches(state):
        raise ApiError(state.engine.options.v4_auth_failure, "Invalid credentials")
    check_accept(*(("image/",) if images else ("application/json",)), status=403)


def _scan(ref: str) -> Transaction:
    state = sandbox()
    found = state.find(ref)
    if found is None or found.generation != "v4" or found.gone(state.clock.now()):
        raise ApiError(404, "No such scan")
    return found


@blueprint.post("/v4/initiate", endpoint="start")
@blueprint.post("/v4/initiate/", endpoint="start_slash")
def initiate() -> Response:
    """Start a transaction (references 2A.3, 2A.4 and 7.1)."""
    _admit()
    state = sandbox()
    body = json_body(status=403)
    checked = requests_v4.read(body, local=state.allow_local_urls)
    transaction = create(state, checked, body, base_url())
    return answer(
        {
            "timestamp": stamp(transaction.created_at),
            "transactionReference": transaction.reference,
            "redirectUrl": transaction.hosted_url,
        }
    )


@blueprint.get(_SCAN, endpoint="status")
def status(ref: str) -> Response:
    """Tell the processing status (references 2A.5 and 7.5)."""
    _admit()
    with sandbox().lock:
        found = _scan(ref)
        return answer({"timestamp": _now(), "scanReference": ref, "status": found.status})


def _parts(ref: str) -> dict[str, dict[str, Any]]:
    found = _scan(ref)
    pending = found.status == "PENDING"
    if pending and sandbox().engine.options.pending_details == "404":
        raise ApiError(404, "The scan is still pending")
    return v4_bodies.parts(found)


@blueprint.get(f"{_SCAN}/data", endpoint="details")
def data(ref: str) -> Response:
    """Tell everything (references 2A.6 and 7.6)."""
    _admit()
    with sandbox().lock:
        return answer({"timestamp": _now(), "scanReference": ref, **_parts(ref)})


@blueprint.get(
    f"{_SCAN}/data/<any(document, transaction, verification):part>", endpoint="details_part"
)
def data_part(ref: str, part: str) -> Response:
    """Tell one part, its members beside the reference (reference 2A.6)."""
    _admit()
    with sandbox().lock:
        return answer({"timestamp": _now(), "scanReference": ref, **_parts(ref).get(part, {})})


@blueprint.get(f"{_SCAN}/images", endpoint="image_list")
def images(ref: str) -> Response:
    """List the pictures; one alone comes as an object (reference 2A.7)."""
    _admit()
    with sandbox().lock:
        names = v4_bodies.image_classifiers(_scan(ref))
    if not names:
        raise ApiError(404, "No images")
    prefix = f"{base_url()}/api/netverify/v2/scans/{ref}/images"
    listed = [{"classifier": name, "href": f"{prefix}/{name}"} for name in names]
    found = listed[0] if len(listed) == 1 else listed
    return answer({"timestamp": _now(), "scanReference": ref, "images": found})


@blueprint.get(f"{_SCAN}/images/<classifier>", endpoint="image")
def image(ref: str, classifier: str) -> Response:
    """Return one picture: a placeholder, since nobody was photographed (reference 2A.7)."""
    _admit(images=True)
    with sandbox().lock:
        known = classifier in v4_bodies.image_classifiers(_scan(ref))
    if not known:
        raise ApiError(404, "No such image")
    if classifier == "face":
        return Response(png(classifier), content_type="image/png")
    return Response(jpeg(classifier), content_type="image/jpeg")


@blueprint.delete(_SCAN, endpoint="erase")
def erase(ref: str) -> Response:
    """Delete a scan, at once and for good (reference 2A.2)."""
    _admit()
    with sandbox().lock:
        found = _scan(ref)
        found.deleted = True
        found.phase = Phase.FINISHED
    return Response("", 200, content_type="application/json")


@blueprint.get("/netverify/v2/acceptedIdTypes", endpoint="health")
def accepted() -> Response:
    """List what the tenant accepts; serves as the credential check (reference 2A.2)."""
    _admit()
    return answer({"timestamp": _now(), "acceptedIdTypes": id_types(accepted_only=True)})


@blueprint.get("/netverify/v2/supportedIdTypes", endpoint="health_supported")
def supported() -> Response:
    """List what the vendor can check at all (reference 2A.2)."""
    _admit()
    return answer({"timestamp": _now(), "supportedIdTypes": id_types(accepted_only=False)})
