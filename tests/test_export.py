"""A person gets all that is held of them, and nothing that is others'."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import service, texts
from flask_idverify.models import AuditEntry, CallbackRow, Identity, VendorAccount, Verification
from tests.erasing import NOTE, PERSONAL, SIGNED, USER_ID, identity_of, live, owed, verified
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, Vendor

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.mark.parametrize("kind", GENERATIONS)
def test_everything_that_is_held_is_in_it(host: Host, vendor: Vendor, kind: str) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    references = live(host, vendor, user)
    row = host.idverify.start(host.add_user("x@example.com"), lena(id_number="OTHER-1"), consent())
    host.db.session.execute(
        update(Verification)
        .where(Verification.vendor_reference == references[0])
        .values(vendor_message="No such thing.", related=[row.id])
    )
    host.db.session.commit()
    found = host.idverify.export(user)
    assert found is not None
    text = json.dumps(found, ensure_ascii=False)
    for canary in [*(word for word in PERSONAL if word != "Canary"), *references]:
        assert canary in text
    identity, attempts = found["identity"], found["verifications"]
    assert identity["standing"] == "verified"
    assert identity["claim"] == lena().to_dict()
    assert identity["document"]["last_name"] == "GRUBER"
    assert identity["verified_at"].endswith("+00:00")
    assert [item["status"] for item in attempts] == ["rejected", "approved", "approved"]
    assert [item["test"] for item in attempts] == [False, False, True]
    poor, good, _ = attempts
    assert poor["reasons"][0]["code"] == "document_unreadable"
    assert poor["reasons"][0]["told"] in poor["told"]
    assert poor["findings"]
    assert poor["vendor_message"] == "No such thing."
    assert poor["consent"]["ip"] == "203.0.113.24"
    assert poor["consent"]["wording"] == "1"
    assert poor["consent"]["obtained_at"].endswith("+00:00")
    assert good["decided_by"] == "an administrator"
    (callback,) = good["callbacks"]
    assert good["vendor_reference"] in callback["body"]
    own = select(VendorAccount.account_id).where(VendorAccount.user_id == USER_ID)
    accounts = host.db.session.scalars(own).all()
    assert [item["account_id"] for item in found["vendor_accounts"]] == list(accounts)
    who = {step["by"] for step in found["history"]}
    assert who == {"you", "the vendor", "an administrator"}
    assert found["complete"] is True
    assert "kept by the vendor" in found["explained"]["pictures"]
    assert "until it is erased" in found["explained"]["kept_for"]


@pytest.mark.parametrize("kind", GENERATIONS)
def test_each_code_in_it_stands_in_words_in_its_legend(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    live(host, vendor, user)
    found = host.idverify.export(user)
    assert found is not None
    legend = found["legend"]
    assert legend["standing"] == {"verified": "Verified"}
    assert legend["status"] == {"approved": "Approved", "rejected": "Not accepted"}
    assert legend["country"] == {"AUT": "Austria"}
    assert legend["id_type"] == legend["type"] == {"passport": "Passport"}
    assert legend["action"]["verification.started"] == "The vendor opened its page"
    assert legend["rule"]["vendor"] == "The vendor's own decision"
    assert legend["policy"]["on_warning"] == "Vendor's warnings"
    assert legend["policy"]["review"] == "a person decides"
    assert legend["checks_passed"]["usability"] == "The pictures can be used"
    codes = ("document_unreadable", "face_not_comparable")
    assert legend["reasons"] == {code: str(texts.reason(code).user) for code in codes}
    assert {step["action"] for step in found["history"]} == set(legend["action"])
    assert {rule for step in found["history"] if (rule := step["facts"].get("rule"))} == set(
        legend["rule"]
    )
    checks = {check for attempt in found["verifications"] for check in attempt["checks_passed"]}
    assert checks == set(legend["checks_passed"])


def test_nothing_of_others_is_in_it(host: Host, vendor: Vendor) -> None:
    """Admins' notes and names, and other people's verifications."""
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    live(host, vendor, user)
    other = host.idverify.start(
        host.add_user("x@example.com"), lena(id_number="OTHER-1"), consent()
    )
    host.db.session.execute(
        update(Verification).where(Verification.id != other.id).values(related=[other.id])
    )
    host.db.session.commit()
    text = json.dumps(host.idverify.export(user))
    for canary in (NOTE, "note_digest", "admin:7", "OTHER-1", other.id):
        assert canary not in text


def test_it_is_audited_with_who_asked(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)
    host.idverify.export(user)
    host.idverify.export(user, admin="7")
    query = select(AuditEntry).where(AuditEntry.action == "identity.exported")
    entries = host.db.session.scalars(query.order_by(AuditEntry.sequence)).all()
    assert [entry.actor for entry in entries] == ["user", "admin:7"]
    assert host.idverify.export(host.add_user("new@example.com")) is None


@pytest.mark.parametrize("kind", GENERATIONS)
def test_erased_person_leaves_an_export_without_them(host: Host, vendor: Vendor, kind: str) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    live(host, vendor, user)
    identity = identity_of(host, user)
    service.erase(identity, **SIGNED)
    found = service.export(identity, actor="admin:7")
    text = json.dumps({**found, "owed_to_vendors": None})
    for canary in PERSONAL:
        assert canary not in text
    assert len(found["owed_to_vendors"]) == len(owed(host))


def test_what_cannot_be_decrypted_is_marked_and_not_fatal(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = verified(host, vendor, user)
    assert vendor.notification(row.vendor_reference).arrive()
    host.db.session.execute(update(Verification).values(document_sealed="lost:AAAA"))
    host.db.session.execute(update(CallbackRow).values(body_sealed="nonsense"))
    host.db.session.commit()
    found = host.idverify.export(user)
    assert found is not None
    (attempt,) = found["verifications"]
    assert attempt["document"] == {"unreadable": "key_unavailable"}
    assert attempt["callbacks"][0]["body"] == {"unreadable": "decryption_failed"}
    assert attempt["claim"] == lena().to_dict()
    assert found["complete"] is False


@pytest.fixture
def run(host: Host, vendor: Vendor) -> Callable[..., Any]:
    host.add_provider(vendor.url, PLATFORM)
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)

    def invoke(*words: str, **values: Any) -> Any:
        answer = host.app.test_cli_runner().invoke(args=["idverify", *words], **values)
        assert "Traceback" not in answer.output
        assert answer.exception is None or isinstance(answer.exception, SystemExit)
        return answer

    return invoke


def test_command_writes_a_file_that_only_its_owner_reads(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "lena.json"
    assert run("export", "1", "--output", str(path)).exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["identity"]["claim"] == lena().to_dict()
    path.write_text("mine")
    refused = run("export", "1", "--output", str(path))
    assert (refused.exit_code, "--force" in refused.output) == (1, True)
    assert path.read_text() == "mine"
    path.chmod(0o644)
    assert run("export", "1", "--output", str(path), "--force").exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["complete"] is True


def test_command_without_a_name_is_logged_as_the_command_line(
    host: Host, run: Callable[..., Any]
) -> None:
    assert run("export", "1").exit_code == 0
    assert run("export", "1", "--admin", "Vera Huber").exit_code == 0
    query = select(AuditEntry).where(AuditEntry.action == "identity.exported")
    entries = host.db.session.scalars(query.order_by(AuditEntry.sequence)).all()
    assert [entry.actor for entry in entries] == ["cli", "admin:Vera Huber"]


def test_command_prints_or_says_what_is_wrong(run: Callable[..., Any], tmp_path: Path) -> None:
    assert json.loads(run("export", "1").output)["identity"]["user_id"] == "1"
    missing = run("export", "99")
    assert (missing.exit_code, "no identity of user '99'" in missing.output) == (1, True)
    assert run("export").exit_code == 2
    nowhere = run("export", "1", "--output", str(tmp_path / "no" / "x.json"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.output) == (1, True)


def erased(host: Host) -> Identity:
    host.db.session.expire_all()
    return host.db.session.scalars(select(Identity)).one()


SIGN = ("--admin", "7", "--reason", "Asked by letter.")


def test_erase_command_asks_or_refuses_where_nobody_can_answer(
    host: Host, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = run("erase", "1", *SIGN, "--dry-run")
    assert "Would remove: personal data of 1 verification(s) (0 unfinished)" in dry.output
    refused = run("erase", "1", *SIGN)
    assert (refused.exit_code, "--yes" in refused.output) == (1, True)
    assert run("erase", "1", "--admin", "7").exit_code == 2
    assert erased(host).is_verified
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    assert run("erase", "1", *SIGN, input="n\n").exit_code == 1
    assert erased(host).is_verified
    assert run("erase", "1", *SIGN, input="y\n").exit_code == 0
    assert erased(host).erased_at


def test_erase_command_has_the_vendor_delete_at_once_or_tells_what_is_owed(
    host: Host, vendor: Vendor, run: Callable[..., Any]
) -> None:
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    done = run("erase", "1", *SIGN, "--yes")
    assert done.exit_code == 0
    assert "Removed: personal data of 1 verification(s)" in done.output
    assert "Erased here. Still owed by vendors: 1 deletion(s):" in done.stdout
    assert "403" in done.stdout
    assert "`flask idverify work` goes on trying" in done.stdout
    again = run("erase", "--identity", erased(host).id, *SIGN, "--yes")
    assert (again.exit_code, "erased already" in again.output) == (1, True)


def test_erase_command_finds_a_user_who_is_gone(
    host: Host, vendor: Vendor, run: Callable[..., Any]
) -> None:
    host.idverify.forget(host.db.session.get(host.User, 1))
    closed = erased(host).user_id
    assert closed.startswith("closed:")
    assert "--no-wait" in run("erase", "--help").output
    waiting = run("erase", closed, *SIGN, "--yes", "--no-wait")
    assert "not tried yet" in waiting.output
    assert len(owed(host)) == 1
    assert erased(host).erased_at


def test_export_names_the_person_as_the_host_does(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    host.idverify.user_id_getter(lambda _: USER_ID)
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)
    found = host.idverify.export(user)
    assert found is not None
    assert found["identity"]["user_id"] == USER_ID
