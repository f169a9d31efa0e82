"""Sealed values open where they were sealed, with a key we have, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from flask_idverify.claims import Claim
from flask_idverify.encryption import Key, Keyring, Macs, digest_of_secret, parse_keys
from flask_idverify.errors import ConfigurationError, DecryptionFailed, KeyUnavailable
from flask_idverify.models import Identity, Provider
from tests.hosts import Host, lena

OLD = Key("old", b"o" * 32)
NEW = Key("new", b"n" * 32)
CONTEXT = "idverify_identity.claim_sealed.1"


@given(st.binary(max_size=2000), st.text(max_size=60))
def test_what_is_sealed_opens_to_itself(plain: bytes, context: str) -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(plain, context)
    assert ring.open(sealed, context) == plain
    assert len(plain) < 8 or plain not in sealed.encode()


@given(st.binary(max_size=50), st.data())
def test_any_change_is_noticed(plain: bytes, data: Any) -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(plain, CONTEXT)
    place = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("Ab0-_=:#"))
    changed = sealed[:place] + letter + sealed[place + 1 :]
    try:
        opened = ring.open(changed, CONTEXT)
    except (DecryptionFailed, KeyUnavailable):
        return
    # Only bits that base64 itself ignores (the last letter's spare ones) may change unnoticed.
    assert opened == plain


def test_two_sealings_of_one_value_differ() -> None:
    ring = Keyring([NEW])
    assert len({ring.seal(b"same", CONTEXT) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "elsewhere",
    [
        "idverify_identity.claim_sealed.2",
        "idverify_identity.document_sealed.1",
        "idverify_verification.claim_sealed.1",
        "",
    ],
)
def test_moved_ciphertext_does_not_open(elsewhere: str) -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(b"Lena", CONTEXT)
    assert ring.open(sealed, CONTEXT) == b"Lena"
    with pytest.raises(DecryptionFailed, match="changed or copied") as refusal:
        ring.open(sealed, elsewhere)
    assert "Lena" not in str(refusal.value)
    assert sealed not in str(refusal.value)


def test_rotation_seals_with_the_first_key_and_reads_the_others() -> None:
    before = Keyring([OLD]).seal(b"x", CONTEXT)
    ring = Keyring([NEW, OLD])
    assert ring.open(before, CONTEXT) == b"x"
    assert ring.seal(b"x", CONTEXT).startswith("new:")
    with pytest.raises(DecryptionFailed):
        Keyring([Key("old", b"z" * 32)]).open(before, CONTEXT)


def test_lost_key_is_told_from_damage_and_names_what_to_do() -> None:
    sealed = Keyring([OLD]).seal(b"x", CONTEXT)
    with pytest.raises(KeyUnavailable, match=r"'old'.*IDVERIFY_ENCRYPTION_KEYS.*back") as refusal:
        Keyring([NEW]).open(sealed, CONTEXT)
    assert sealed not in str(refusal.value)


@pytest.mark.parametrize(
    "damaged", ["", "Lena Marie Gruber", "Lena: Gruber", "new:", "new:é", ":x"]
)
def test_what_was_never_sealed_is_refused_and_not_quoted(damaged: str) -> None:
    with pytest.raises((DecryptionFailed, KeyUnavailable)) as refusal:
        Keyring([NEW]).open(damaged, CONTEXT)
    assert "Gruber" not in str(refusal.value)
    assert "Lena" not in str(refusal.value)


def test_keys_show_their_names_only() -> None:
    shown = repr((NEW, Keyring([NEW, OLD]), Macs([NEW], "X"), Key.derive(NEW, "audit")))
    assert "nnnn" not in shown
    assert "b'" not in shown
    assert "new" in shown


def test_keys_are_named_by_their_material_unless_they_are_named() -> None:
    material = "A" * 43
    plain, named = parse_keys([material, f"2026:{material}"], "X")
    assert plain.material == named.material
    assert (named.id, len(plain.id)) == ("2026", 8)


@pytest.mark.parametrize("wrong", ["", "short", "A" * 42, "A" * 44, "x" * 17 + ":" + "A" * 43])
def test_keys_of_another_size_or_name_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="IDVERIFY_X"):
        Key.parse(wrong, "IDVERIFY_X")
    with pytest.raises(ConfigurationError, match="at least one"):
        Keyring([])


def test_derived_keys_serve_one_purpose_each() -> None:
    derived = {Key.derive(NEW, purpose).material for purpose in ("audit", "fingerprint", "x")}
    assert len(derived | {NEW.material}) == 4
    assert Key.derive(NEW, "audit") == Key.derive(NEW, "audit")
    assert Key.derive(NEW, "audit").id == "new"


def test_macs_are_checked_under_the_key_that_made_them() -> None:
    before, after = Macs([OLD], "X"), Macs([NEW, OLD], "X")
    assert after.matches(b"data", before.mac(b"data"), "old")
    assert not after.matches(b"data", before.mac(b"data"), "new")
    assert not after.matches(b"other", before.mac(b"data"), "old")
    assert before.tagged(b"data") in after.all_tagged(b"data")
    with pytest.raises(KeyUnavailable, match="IDVERIFY_Y"):
        Macs([NEW], "IDVERIFY_Y").matches(b"data", before.mac(b"data"), "old")


def test_digest_of_a_secret_is_not_the_secret() -> None:
    assert digest_of_secret("key") == digest_of_secret("key")
    assert digest_of_secret("key") != digest_of_secret("Key")
    assert "key" not in digest_of_secret("key")


# -- in the tables -------------------------------------------------------------------------------


@pytest.mark.usefixtures("app_context")
def test_database_holds_no_plain_value(host: Host) -> None:
    host.add_provider("http://127.0.0.1:9", client_secret="hunter2-secret")
    host.db.session.add(Identity(user_id="1", claim=lena()))
    host.db.session.commit()
    stored = ""
    for name in ("idverify_provider", "idverify_identity", "idverify_audit"):
        stored += repr(host.db.session.execute(text(f"SELECT * FROM {name}")).all())
    for canary in ("hunter2", "Lena", "U7301945"):
        assert canary not in stored
    provider = host.db.session.query(Provider).one()
    assert provider.client_secret == "hunter2-secret"
    assert "hunter2" not in repr(provider)


@pytest.mark.usefixtures("app_context")
def test_sealed_values_outside_of_an_app_are_refused_clearly() -> None:
    with pytest.raises(TypeError, match="no attribute"):
        Identity(user_id="1", secret="x")
    assert Identity.claim.context(Identity(user_id="1")).startswith("idverify_identity.claim")
    assert isinstance(lena(), Claim)
