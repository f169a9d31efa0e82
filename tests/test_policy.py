"""Guarantees of policies and of what they make of a vendor's outcome. Everybody is invented."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date, datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_idverify.claims import Claim, Document, IdType, PartialDate
from flask_idverify.errors import InvalidPolicy
from flask_idverify.matching import Agreement
from flask_idverify.policy import (
    Conditions,
    Policy,
    Verdict,
    admits,
    expires_on,
    judge,
    meets,
)
from flask_idverify.states import Reason, Status
from flask_idverify.types import Finding, Outcome, Severity

TODAY = date(2024, 6, 15)
CHECKS = frozenset({"usability", "liveness", "similarity"})

CLAIM = Claim(id_type="passport", id_number="P 123456", real_name="Anna Gruber", country="AUT")
DOCUMENT = Document(
    type="passport",
    country="AUT",
    number="P123456",
    first_name="ANNA",
    last_name="GRUBER",
    date_of_birth=PartialDate(1990, 5, 17),
    expires_on=PartialDate(2030, 1, 31),
)
APPROVED = Outcome(Status.approved, document=DOCUMENT, checks=CHECKS)
DOUBTED = Outcome(
    Status.in_review,
    reasons=(Reason.age_difference,),
    document=DOCUMENT,
    checks=CHECKS - {"liveness"},
    warned=frozenset({"liveness"}),
    waivable=True,
)


def rule_on(
    outcome: Outcome = APPROVED,
    policy: Policy | None = None,
    *,
    duplicate: bool = False,
    claim: Claim = CLAIM,
    **printed: Any,
) -> Verdict:
    """Judge an outcome whose document has *printed* in place of its own facts."""
    if printed:
        assert outcome.document is not None
        outcome = replace(outcome, document=replace(outcome.document, **printed))
    return judge(
        outcome,
        claim,
        policy or Policy(),
        today=TODAY,
        required_checks=CHECKS,
        duplicate=duplicate,
    )


def in_short(verdict: Verdict) -> tuple[str, list[str], bool, str]:
    reasons = [str(reason) for reason in verdict.reasons]
    return str(verdict.status), reasons, verdict.retryable, verdict.rule


APPROVAL: tuple[Any, ...] = ("approved", [], False, "policy")
MISMATCH: tuple[Any, ...] = ("in_review", ["claim_mismatch"], False)
UNVERIFIABLE: tuple[Any, ...] = ("in_review", ["claim_unverifiable"], False)


# -- what the vendor says -------------------------------------------------------------------------


def test_an_approval_of_the_claimed_person_stands_and_has_no_reasons() -> None:
    verdict = rule_on()
    assert in_short(verdict) == APPROVAL
    assert verdict.match is not None
    assert verdict.match.name is Agreement.agree


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.approved])
def test_whatever_the_vendor_did_not_approve_passes_unchanged(status: Status) -> None:
    outcome = Outcome(status, (Reason.document_unreadable,), True, DOCUMENT, checks=CHECKS)
    lax = Policy(on_warning="accept", match_name=False, match_number=False)
    for policy in (Policy(), lax):
        verdict = rule_on(outcome, policy, duplicate=True)
        assert in_short(verdict) == (str(status), ["document_unreadable"], True, "vendor")


def test_a_case_for_a_person_shows_how_the_claim_compares() -> None:
    verdict = rule_on(Outcome(Status.in_review, (Reason.repeated_face,), document=DOCUMENT))
    assert verdict.match is not None
    assert verdict.match.number is Agreement.agree
    assert rule_on(Outcome(Status.in_review, (Reason.repeated_face,))).match is None


@pytest.mark.parametrize(
    ("on_warning", "expected"),
    [
        ("review", ("in_review", ["age_difference"], False, "on_warning")),
        ("reject", ("rejected", ["age_difference"], False, "on_warning")),
        ("accept", APPROVAL),
    ],
)
def test_mere_warnings_follow_the_policy(on_warning: Any, expected: tuple[Any, ...]) -> None:
    assert in_short(rule_on(DOUBTED, Policy(on_warning=on_warning))) == expected


def test_accepted_warnings_do_not_excuse_anything_else() -> None:
    accept = Policy(on_warning="accept")
    assert in_short(rule_on(DOUBTED, accept, last_name="GRUBERT")) == (*MISMATCH, "match_name")
    assert rule_on(DOUBTED, accept, number="P999999").status is Status.rejected


def test_an_accepted_warning_does_not_replace_a_check_that_was_not_made() -> None:
    outcome = replace(DOUBTED, checks=frozenset({"usability"}))
    verdict = rule_on(outcome, Policy(on_warning="accept"))
    expected = ["checks_missing", "age_difference"]
    assert in_short(verdict) == ("in_review", expected, False, "checks")


@pytest.mark.parametrize("on_warning", ["review", "reject", "accept"])
def test_a_watchlist_hit_is_always_for_a_person(on_warning: Any) -> None:
    finding = Finding("watchlistScreening: ALERT", Reason.watchlist_hit, Severity.review)
    for outcome in (
        replace(DOUBTED, reasons=(Reason.watchlist_hit,)),
        replace(DOUBTED, reasons=(Reason.age_difference, Reason.watchlist_hit)),
        replace(DOUBTED, findings=(finding,)),
    ):
        verdict = rule_on(outcome, Policy(on_warning=on_warning))
        assert (verdict.status, verdict.rule) == (Status.in_review, "vendor")


@pytest.mark.parametrize("status", [Status.rejected, Status.expired, Status.error, Status.created])
def test_nothing_but_a_review_can_be_waived(status: Status) -> None:
    verdict = rule_on(replace(DOUBTED, status=status), Policy(on_warning="accept"))
    assert (verdict.status, verdict.rule) == (status, "vendor")


def test_an_approval_without_a_required_check_goes_to_a_person() -> None:
    for checks in (frozenset[str](), CHECKS - {"liveness"}):
        verdict = rule_on(replace(APPROVED, checks=checks))
        assert in_short(verdict) == ("in_review", ["checks_missing"], False, "checks")
    warned = replace(APPROVED, checks=CHECKS - {"liveness"}, warned=frozenset({"liveness"}))
    assert rule_on(warned, Policy(on_warning="accept")).status is Status.in_review


# -- the claim ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Status.approved, checks=CHECKS, document=None),
        Outcome(Status.approved, checks=CHECKS, document=Document()),
    ],
)
def test_an_approval_with_nothing_read_is_unverifiable(outcome: Outcome) -> None:
    assert in_short(rule_on(outcome)) == (*UNVERIFIABLE, "match_name")


def test_an_approval_with_nothing_read_stands_if_nothing_is_to_be_compared() -> None:
    nothing = Policy(match_name=False, match_number=False)
    assert in_short(rule_on(Outcome(Status.approved, checks=CHECKS), nothing)) == APPROVAL


@pytest.mark.parametrize(
    ("printed", "rule"),
    [
        ({"number": None}, "match_number"),
        ({"number": "*****456"}, "match_number"),
        ({"number": "XXXX"}, "match_number"),
        ({"first_name": None, "last_name": None}, "match_name"),
        ({"last_name": "G*****"}, "match_name"),
        ({"first_name": "N/A", "last_name": "N/A"}, "match_name"),
    ],
)
def test_what_was_masked_or_not_read_is_for_a_person(printed: dict[str, Any], rule: str) -> None:
    assert in_short(rule_on(**printed)) == (*UNVERIFIABLE, rule)
    assert in_short(rule_on(policy=Policy.from_dict({rule: False}), **printed)) == APPROVAL


def test_similar_names_are_for_a_person_however_similar() -> None:
    stated = replace(CLAIM, real_name="John Smith")
    verdict = rule_on(claim=stated, first_name="JOAN", last_name="SMITH")
    assert in_short(verdict) == (*MISMATCH, "match_name")
    stated = replace(CLAIM, real_name="Maximiliane-Theresia Gruber")
    verdict = rule_on(claim=stated, first_name="MAXIMILIANE-TERESIA", last_name="GRUBER")
    assert in_short(verdict) == (*MISMATCH, "match_name")


def test_a_name_with_nothing_in_common_is_rejected_and_may_be_corrected() -> None:
    verdict = rule_on(first_name="TOMASZ", last_name="WILK")
    assert in_short(verdict) == ("rejected", ["claim_mismatch"], True, "match_name")
    waived = rule_on(policy=Policy(match_name=False), first_name="TOMASZ", last_name="WILK")
    assert in_short(waived) == APPROVAL


def test_names_in_scripts_that_cannot_be_compared_are_for_a_person() -> None:
    stated = replace(CLAIM, real_name="محمد الصبري")
    assert in_short(rule_on(claim=stated)) == (*MISMATCH, "match_name")


def test_a_differing_number_is_rejected_and_may_be_corrected() -> None:
    verdict = rule_on(number="P123457")
    assert in_short(verdict) == ("rejected", ["claim_mismatch"], True, "match_number")
    assert in_short(rule_on(policy=Policy(match_number=False), number="P123457")) == APPROVAL


@pytest.mark.parametrize(
    ("printed", "rule"),
    [
        ({"type": "id_card"}, "claimed_type"),
        ({"type": "visa"}, "claimed_type"),
        ({"country": "DEU"}, "claimed_country"),
    ],
)
def test_other_papers_than_claimed_are_for_a_person(printed: dict[str, Any], rule: str) -> None:
    lax = Policy(match_name=False, match_number=False)
    for policy in (Policy(), lax):
        assert in_short(rule_on(policy=policy, **printed)) == (*MISMATCH, rule)


def test_unread_type_and_country_matter_only_if_the_policy_restricts_them() -> None:
    assert in_short(rule_on(type=None, country=None)) == APPROVAL
    types, countries = (
        Policy(id_types=frozenset({"passport"})),
        Policy(countries=frozenset({"AUT"})),
    )
    assert in_short(rule_on(policy=types, type=None)) == (*UNVERIFIABLE, "id_types")
    assert in_short(rule_on(policy=countries, country=None)) == (*UNVERIFIABLE, "countries")


# -- the papers -----------------------------------------------------------------------------------


def test_papers_that_the_policy_does_not_accept_are_rejected_and_others_may_be_tried() -> None:
    types, countries = Policy(id_types=frozenset({"id_card"})), Policy(countries=frozenset({"DEU"}))
    verdict = rule_on(policy=types)
    assert in_short(verdict) == ("rejected", ["document_type_not_accepted"], True, "id_types")
    verdict = rule_on(policy=countries)
    assert in_short(verdict) == ("rejected", ["country_not_accepted"], True, "countries")
    both = replace(types, countries=frozenset({"AUT", "DEU"}), id_types=frozenset({"passport"}))
    assert in_short(rule_on(policy=both)) == APPROVAL


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        ("reject", ("rejected", ["document_expired"], True, "expired_documents")),
        ("review", ("in_review", ["document_expired"], False, "expired_documents")),
        ("accept", APPROVAL),
    ],
)
def test_expired_papers_follow_the_policy(treatment: Any, expected: tuple[Any, ...]) -> None:
    policy = Policy(expired_documents=treatment)
    assert in_short(rule_on(policy=policy, expires_on=PartialDate(2024, 6, 14))) == expected
    assert in_short(rule_on(policy=policy, expires_on=PartialDate(2024, 5))) == expected
    assert in_short(rule_on(policy=policy, expires_on=PartialDate(2023))) == expected


@pytest.mark.parametrize(
    "expiry",
    [
        None,
        PartialDate(2024, 6, 15),
        PartialDate(2024, 6),
        PartialDate(2024),
        PartialDate(9999, 12),
    ],
)
def test_papers_are_valid_through_the_last_day_that_their_date_admits(
    expiry: PartialDate | None,
) -> None:
    assert in_short(rule_on(expires_on=expiry)) == APPROVAL


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        (PartialDate(2006, 6, 15), APPROVAL),  # the birthday itself
        (PartialDate(2006, 6, 16), ("rejected", ["underage"], False, "minimum_age")),
        (PartialDate(2006, 6), (*UNVERIFIABLE, "minimum_age")),
        (PartialDate(2006), (*UNVERIFIABLE, "minimum_age")),
        (PartialDate(2006, 5), APPROVAL),
        (PartialDate(2005), APPROVAL),
        (PartialDate(2006, 7), ("rejected", ["underage"], False, "minimum_age")),
        (PartialDate(2007), ("rejected", ["underage"], False, "minimum_age")),
        (PartialDate(2030, 1, 1), ("rejected", ["underage"], False, "minimum_age")),
        (None, (*UNVERIFIABLE, "minimum_age")),
    ],
)
def test_the_minimum_age_holds_for_the_youngest_reading(
    birth: PartialDate | None, expected: tuple[Any, ...]
) -> None:
    assert in_short(rule_on(policy=Policy(minimum_age=18), date_of_birth=birth)) == expected
    assert in_short(rule_on(date_of_birth=birth)) == APPROVAL


@pytest.mark.parametrize(("today", "adult"), [(date(2022, 2, 28), False), (date(2022, 3, 1), True)])
def test_who_was_born_on_a_leap_day_is_older_on_the_first_of_march(
    today: date, adult: bool
) -> None:
    born = replace(DOCUMENT, date_of_birth=PartialDate(2004, 2, 29))
    adults = Policy(minimum_age=18)
    assert meets(CLAIM, born, CHECKS, adults, today=today, required_checks=CHECKS) is adult


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        ("review", ("in_review", ["duplicate_document"], False, "duplicates")),
        ("reject", ("rejected", ["duplicate_document"], False, "duplicates")),
        ("accept", APPROVAL),
    ],
)
def test_papers_of_another_account_follow_the_policy(
    treatment: Any, expected: tuple[Any, ...]
) -> None:
    assert in_short(rule_on(policy=Policy(duplicates=treatment), duplicate=True)) == expected


def test_the_gravest_objection_decides_and_all_are_kept() -> None:
    verdict = rule_on(last_name="GRUBERT", country="DEU", number="P1", duplicate=True)
    reasons = ["claim_mismatch", "duplicate_document"]
    assert in_short(verdict) == ("rejected", reasons, True, "match_number")
    verdict = rule_on(
        replace(APPROVED, checks=frozenset()),
        Policy(minimum_age=18),
        number=None,
        date_of_birth=PartialDate(2010),
        expires_on=PartialDate(2020),
    )
    assert in_short(verdict) == (
        "rejected",
        ["document_expired", "underage", "checks_missing", "claim_unverifiable"],
        False,  # other papers do not make anybody older
        "expired_documents",
    )


# -- facts locked before, and their end -----------------------------------------------------------


def satisfies(policy: Policy, document: Document | None = DOCUMENT) -> bool:
    return meets(CLAIM, document, CHECKS, policy, today=TODAY, required_checks=CHECKS)


def test_locked_facts_meet_a_policy_only_if_every_demand_is_known_to_hold() -> None:
    assert satisfies(Policy())
    assert not satisfies(Policy(countries=frozenset({"DEU"})))
    assert not satisfies(Policy(id_types=frozenset({"id_card"})))
    assert satisfies(Policy(minimum_age=34))
    assert not satisfies(Policy(minimum_age=35))
    unseen = CHECKS - {"liveness"}
    assert not meets(CLAIM, DOCUMENT, unseen, Policy(), today=TODAY, required_checks=CHECKS)
    assert not satisfies(Policy(minimum_age=18), replace(DOCUMENT, date_of_birth=None))
    assert not satisfies(Policy(countries=frozenset({"AUT"})), replace(DOCUMENT, country=None))
    assert not satisfies(Policy(minimum_age=18), None)
    assert not satisfies(Policy(), None)
    assert satisfies(Policy(match_name=False, match_number=False), None)
    other = replace(DOCUMENT, last_name="HUBER")
    assert not satisfies(Policy(), other), "another application may not have compared names"
    assert satisfies(Policy(match_name=False), other)


def test_locked_facts_of_expired_papers_meet_only_a_policy_that_accepts_them() -> None:
    expired = replace(DOCUMENT, expires_on=PartialDate(2024, 6, 14))
    assert not satisfies(Policy(), expired)
    assert not satisfies(Policy(expired_documents="review"), expired)
    assert satisfies(Policy(expired_documents="accept"), expired)


@pytest.mark.parametrize(
    ("policy", "printed", "expected"),
    [
        (Policy(), PartialDate(2025, 1, 31), date(2025, 1, 31)),
        (Policy(), PartialDate(2025, 2), date(2025, 2, 28)),
        (Policy(), PartialDate(2025), date(2025, 12, 31)),
        (Policy(), PartialDate(9999, 12, 31), None),
        (Policy(), PartialDate(9999, 12), None),
        (Policy(), None, None),
        (Policy(valid_for=30), None, date(2024, 7, 15)),
        (Policy(valid_for=30), PartialDate(2024, 7, 1), date(2024, 7, 1)),
        (Policy(valid_for=30), PartialDate(2024, 8, 1), date(2024, 7, 15)),
        (Policy(expired_documents="accept"), PartialDate(2025, 1, 31), None),
        (Policy(expired_documents="accept", valid_for=30), PartialDate(2020), date(2024, 7, 15)),
    ],
)
def test_a_verification_ends_with_the_papers_or_the_period_whichever_is_first(
    policy: Policy, printed: PartialDate | None, expected: date | None
) -> None:
    document = replace(DOCUMENT, expires_on=printed)
    assert expires_on(document, policy, TODAY) == expected
    assert expires_on(document, policy, datetime(2024, 6, 15, 23, tzinfo=timezone.utc)) == expected


def test_a_verification_without_document_ends_only_with_the_period() -> None:
    assert expires_on(None, Policy(), TODAY) is None
    assert expires_on(None, Policy(valid_for=1), TODAY) == date(2024, 6, 16)


# -- policies and conditions as values ------------------------------------------------------------


def test_the_defaults_are_those_of_the_design() -> None:
    assert Policy().to_dict() == {
        "match_name": True,
        "match_number": True,
        "countries": None,
        "id_types": None,
        "minimum_age": None,
        "expired_documents": "reject",
        "on_warning": "review",
        "required_capabilities": None,
        "duplicates": "review",
        "on_reversal": "flag",
        "max_attempts": None,
        "valid_for": None,
        "keep_fingerprint": False,
    }
    assert Policy.from_dict({}) == Policy()
    assert Conditions.from_dict({}) == Conditions()


@pytest.mark.parametrize(
    ("rules", "refusal"),
    [
        ({}, None),
        ({"countries": ["AUT", "DEU"], "id_types": ["passport"]}, None),
        ({"countries": ["DEU", "XKX"]}, Reason.country_not_accepted),
        ({"id_types": ["id_card"]}, Reason.document_type_not_accepted),
        ({"countries": ["DEU"], "id_types": ["id_card"]}, Reason.country_not_accepted),
    ],
)
def test_a_claim_is_admitted_by_country_and_type(
    rules: dict[str, Any], refusal: Reason | None
) -> None:
    assert admits(Policy.from_dict(rules), CLAIM) is refusal
    assert admits(Conditions.from_dict(rules), CLAIM) is refusal
    assert Conditions.from_dict(rules).admits(CLAIM) is (refusal is None)


BAD: list[tuple[str, list[Any]]] = [
    ("match_name", [None, 1, "true", []]),
    ("match_number", [None, 0, "no"]),
    ("keep_fingerprint", [None, 0, "no"]),
    ("countries", [[], "AUT", ["AT"], ["aut"], ["XXX"], ["AUT", None], [["AUT"]], 7, {"AUT": 1}]),
    ("id_types", [[], "passport", ["visa"], ["PASSPORT"], [None], {"passport": 1}]),
    ("minimum_age", [0, -1, 151, True, "18", 18.0, float("nan")]),
    ("expired_documents", [None, "", "Reject", "flag", True, ["reject"]]),
    ("on_warning", [None, "approve", 1]),
    ("required_capabilities", [[], "liveness", [""], ["live ness"], ["liveness\n"], [1], [None]]),
    ("duplicates", [None, "revoke"]),
    ("on_reversal", [None, "reject"]),
    ("max_attempts", [0, -5, False, "5", 10**9]),
    ("valid_for", [0, -1, True, "365", 10**9]),
]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD for value in values]
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidPolicy, match=rf"^{field}: expected ") as refused:
        Policy.from_dict({field: value})
    assert refused.value.field == field
    with pytest.raises(InvalidPolicy, match=rf"^{field}: expected "):
        Policy(**{field: value})
    if field in ("countries", "id_types"):
        with pytest.raises(InvalidPolicy, match=rf"^{field}: expected "):
            Conditions.from_dict({field: value})


def test_an_unknown_field_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidPolicy, match=r"^match_birthday: is no field of the policy; known"):
        Policy.from_dict({"match_birthday": True})
    with pytest.raises(InvalidPolicy, match=r"^minimum_age: is no field of the conditions; known"):
        Conditions.from_dict({"minimum_age": 18})


@pytest.mark.parametrize("data", [None, [], "strict", 7, [("match_name", True)]])
def test_what_is_no_mapping_is_refused(data: Any) -> None:
    with pytest.raises(InvalidPolicy, match=r"^policy: expected an object"):
        Policy.from_dict(data)
    with pytest.raises(InvalidPolicy, match=r"^conditions: expected an object"):
        Conditions.from_dict(data)


def test_every_field_of_a_policy_is_tested_with_bad_values() -> None:
    assert {field for field, _ in BAD} == {item.name for item in fields(Policy)}


treatments = st.sampled_from(["reject", "review", "accept"])
some_countries = st.none() | st.frozensets(
    st.sampled_from(["AUT", "DEU", "XKX", "VNM"]), min_size=1
)
some_types = st.none() | st.frozensets(st.sampled_from([*IdType.__members__]), min_size=1)
capabilities = ["usability", "liveness", "similarity", "extraction", "watchlistScreening"]
policies = st.builds(
    Policy,
    match_name=st.booleans(),
    match_number=st.booleans(),
    countries=some_countries,
    id_types=some_types,
    minimum_age=st.none() | st.integers(1, 150),
    expired_documents=treatments,
    on_warning=treatments,
    required_capabilities=st.none() | st.frozensets(st.sampled_from(capabilities), min_size=1),
    duplicates=treatments,
    on_reversal=st.sampled_from(["flag", "revoke"]),
    max_attempts=st.none() | st.integers(1, 1000),
    valid_for=st.none() | st.integers(1, 36500),
)


@given(policies)
def test_a_policy_survives_json_exactly(policy: Policy) -> None:
    assert Policy.from_dict(json.loads(json.dumps(policy.to_dict()))) == policy
    assert hash(policy) == hash(Policy.from_dict(policy.to_dict()))


@given(st.builds(Conditions, countries=some_countries, id_types=some_types))
def test_conditions_survive_json_exactly(conditions: Conditions) -> None:
    assert Conditions.from_dict(json.loads(json.dumps(conditions.to_dict()))) == conditions


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
some_fields = st.sampled_from([item.name for item in fields(Policy)]) | st.text()


@given(st.dictionaries(some_fields, json_values, max_size=3))
def test_no_json_builds_a_half_valid_policy(data: dict[str, Any]) -> None:
    try:
        policy = Policy.from_dict(data)
    except InvalidPolicy as refused:
        assert refused.field in data  # noqa: PT017 - either end of the attempt is a guarantee
    else:
        assert Policy.from_dict(policy.to_dict()) == policy


def _partial(year: int, month: int, day: int, parts: int) -> PartialDate:
    return PartialDate(*(year, month, day)[:parts])


printed_dates = st.none() | st.builds(
    _partial, st.integers(1, 9998), st.integers(1, 12), st.integers(1, 28), st.integers(1, 3)
)
printed_texts = st.none() | st.text(max_size=20) | st.sampled_from(["N/A", "<<<", "X***", "ANNA"])
documents = st.none() | st.builds(
    Document,
    type=st.sampled_from([None, "passport", "id_card", "visa"]),
    country=st.sampled_from([None, "AUT", "DEU"]),
    number=printed_texts | st.just("P123456"),
    personal_number=printed_texts,
    first_name=printed_texts,
    last_name=printed_texts | st.just("GRUBER"),
    date_of_birth=printed_dates,
    expires_on=printed_dates,
)
some_checks = st.frozensets(st.sampled_from(capabilities))
outcomes = st.builds(
    Outcome,
    status=st.sampled_from(Status),
    reasons=st.lists(st.sampled_from(Reason), max_size=3).map(tuple),
    retryable=st.booleans(),
    document=documents | st.just(DOCUMENT),
    checks=some_checks,
    warned=some_checks,
    waivable=st.booleans(),
)


@settings(deadline=None)
@given(outcomes, policies, some_checks, st.booleans(), st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_no_outcome_is_better_for_being_judged(
    outcome: Outcome, policy: Policy, required: frozenset[str], duplicate: bool, today: date
) -> None:
    verdict = judge(
        outcome, CLAIM, policy, today=today, required_checks=required, duplicate=duplicate
    )
    assert verdict.rule
    if verdict.status is Status.approved:
        waived = outcome.status is Status.in_review and outcome.waivable
        assert outcome.status is Status.approved or (waived and policy.on_warning == "accept")
        assert required <= outcome.checks | outcome.warned
        assert outcome.status is not Status.approved or required <= outcome.checks
        assert verdict.reasons == ()
        assert not verdict.retryable
        assert not duplicate or policy.duplicates == "accept"
        agreed = verdict.match
        assert not policy.match_name or (agreed is not None and agreed.name == "agree")
        assert not policy.match_number or (agreed is not None and agreed.number == "agree")
        facts = (CLAIM, outcome.document, required, policy)
        assert meets(*facts, today=today, required_checks=required)
    elif outcome.status is Status.approved:
        assert verdict.reasons
        assert verdict.status in (Status.in_review, Status.rejected)
        assert not verdict.retryable or verdict.status is Status.rejected
    elif not outcome.waivable:
        assert (verdict.status, verdict.reasons) == (outcome.status, outcome.reasons)
    assert len(set(verdict.reasons)) == len(verdict.reasons) or verdict.rule != "policy"
    for personal in ("Anna", "Gruber", "ANNA", "GRUBER", "123456", "1990"):
        assert personal not in repr(verdict)
