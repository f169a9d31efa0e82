"""Does a document's number look right? A hint for the person who types it, never a decision. Pure.

Only where python-stdnum knows the very number that stands on the papers. Most cards bear two, their
own and their holder's; what a vendor reads as the document's number may be either. So a row has a
*shape*: whatever else somebody types is another number, of which we know nothing.

Left out on purpose: numbers that lost their check digit (KOR and ISL, for people registered of
late; DNK since 2007), that were issued with wrong ones (DOM), that have none (MYS, ARG, PAK), and
tax or insurance numbers that no identity card bears (AUT, DEU, FRA, ITA, CHE).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from stdnum.be import eid
from stdnum.be import ssn as be_ssn
from stdnum.bg import egn
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.exceptions import InvalidComponent, ValidationError
from stdnum.fi import hetu
from stdnum.lt import asmens
from stdnum.nl import identiteitskaartnummer
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import cc
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.za import idnr


class _Number(NamedTuple):
    """One number that some papers bear: how it is recognised, and who checks it."""

    shape: str
    validate: Callable[[str], str]


# Without the letter, eight digits stand nowhere on these papers.
_SPANISH = (
    _Number(r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}-?[A-Z]?", dni.validate),
    _Number(r"[XYZ]-?[0-9]{7}-?[A-Z]?", nie.validate),
)
# The one number of a Dutch passport or card; the BSN is another and stands on the back.
_DUTCH = (_Number(r".+", identiteitskaartnummer.validate),)

#: By country and kind of papers. What is written between the parts is in the shape, or is a space.
_KNOWN: Mapping[tuple[str, str], tuple[_Number, ...]] = {
    ("BEL", "id_card"): (
        _Number(r"[0-9]{3}-?[0-9]{7}-?[0-9]{2}", eid.validate),  # the card's
        _Number(r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}-?[0-9]{3}[.-]?[0-9]{2}", be_ssn.validate),
    ),
    ("BGR", "id_card"): (_Number(r"[0-9]{10}", egn.validate),),  # a card's own has nine
    # With its dash: nine digits without one may be the card's own number.
    ("CHL", "id_card"): (_Number(r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-[0-9K]", rut.validate),),
    ("CHN", "id_card"): (_Number(r".+", ric.validate),),  # the only number of the card
    ("ESP", "id_card"): _SPANISH,
    ("ESP", "driving_licence"): _SPANISH,
    ("EST", "id_card"): (_Number(r"[0-9]{11}", ik.validate),),
    ("FIN", "id_card"): (_Number(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Z]", hetu.validate),),
    ("LTU", "id_card"): (_Number(r"[0-9]{11}", asmens.validate),),
    ("NLD", "id_card"): _DUTCH,
    ("NLD", "passport"): _DUTCH,
    # Its check digits are good until 2032.
    ("NOR", "id_card"): (_Number(r"[0-9]{11}", fodselsnummer.validate),),
    ("POL", "id_card"): (_Number(r"[0-9]{11}", pesel.validate),),
    ("PRT", "id_card"): (_Number(r"[0-9]{9}[0-9A-Z]{2}[0-9]", cc.validate),),
    ("ROU", "id_card"): (_Number(r"[0-9]{13}", cnp.validate),),
    ("SWE", "id_card"): (_Number(r"(?:[0-9]{2})?[0-9]{6}[-+]?[0-9]{4}", personnummer.validate),),
    ("THA", "id_card"): (_Number(r"(?:[0-9]-?){12}[0-9]", pin.validate),),
    ("TUR", "id_card"): (_Number(r"[0-9]{11}", tckimlik.validate),),
    ("ZAF", "id_card"): (_Number(r"[0-9]{13}", idnr.validate),),
}


def looks_wrong(country: str, id_type: str, number: str) -> bool:
    """Return whether a number is surely mistyped; ``False`` also where nobody knows.

    :param country: the issuing country, ISO 3166-1 alpha-3.
    :param id_type: ``passport``, ``id_card`` or ``driving_licence``.
    """
    known = _KNOWN.get((country, id_type), ())
    typed = "".join(number.split()).upper()
    alike = [item for item in known if re.fullmatch(item.shape, typed)]
    return bool(alike) and not any(_holds(item, typed) for item in alike)


def _holds(item: _Number, typed: str) -> bool:
    try:
        item.validate(typed)
    except InvalidComponent:
        # An unknown district, a date that is none: lists grow, and offices make exceptions.
        return True
    except ValidationError:
        return False
    return True
