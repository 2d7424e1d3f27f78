"""`$convertCurrencyToSubunit` and `$convertCurrencyFromSubunit`, by the digits of ISO 4217."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

from isthmus.expressions.functions.arguments import get_setting
from isthmus.expressions.javascript import convert_integral_to_int, format_number_text, is_nil, parse_float
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["SUBUNIT_DIGITS", "convert_currency_from_subunit", "convert_currency_to_subunit"]

_CODES_BY_DIGITS: Final = {
    0: """BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XAG XAU XBA XBB XBC XBD XDR XOF XPD XPF
        XPT XSU XTS XUA XXX""",
    2: """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
        CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
        GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD
        MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR
        PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY
        TTD TWD TZS UAH USD USN UYU UZS VES WST XCD YER ZAR ZMW ZWL""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

SUBUNIT_DIGITS: Final[Mapping[str, int]] = {
    code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()
}
"""Currency code (upper case) -> digits of its subunit, for the 179 codes that mappings may name."""


def convert_currency_to_subunit(
    evaluation: Evaluation, amount: object = UNDEFINED, code: object = UNDEFINED
) -> object:
    """An amount of a currency in its subunit (cents), rounded down.

    The product is computed in doubles, so `19.99` USD is 1998; the setting `currency_exact` computes it in
    decimal.

    Arguments:
        amount: a number, or text that starts with one.
        code: an ISO 4217 code in upper case; for another one the amount stays as it is.
    Null and missing: a null or missing amount stays so; text without a number gives NaN.
    Example:
        [$convertCurrencyToSubunit(10.5, "USD"), $convertCurrencyToSubunit(500, "JPY")]
        => [1050, 500]
    """
    digits = SUBUNIT_DIGITS.get(code) if isinstance(code, str) else None
    if is_nil(amount) or digits is None:
        return amount
    number = parse_float(amount)
    if not math.isfinite(number):
        return number
    if get_setting(evaluation, "currency_exact") is True:
        exact = Decimal(format_number_text(number)).scaleb(digits)
        return int(exact.to_integral_value(rounding=ROUND_FLOOR))
    scaled: float = number * 10**digits
    return convert_integral_to_int(float(math.floor(scaled))) if math.isfinite(scaled) else scaled


def convert_currency_from_subunit(amount: object = UNDEFINED, code: object = UNDEFINED) -> object:
    """An amount in the subunit of a currency (cents) as text in the currency itself, all digits shown.

    Arguments:
        amount: a number, or text that starts with one.
        code: an ISO 4217 code in upper case; for another one the amount stays as it is.
    Null and missing: a null or missing amount stays so; text without a number gives `"NaN"`.
    Example:
        [$convertCurrencyFromSubunit(1050, "USD"), $convertCurrencyFromSubunit(2500, "KWD")]
        => ["10.50", "2.500"]
    """
    digits = SUBUNIT_DIGITS.get(code) if isinstance(code, str) else None
    if is_nil(amount) or digits is None:
        return amount
    number = parse_float(amount) / 10**digits
    return _format_fixed(number, digits)


def _format_fixed(number: float, digits: int) -> str:
    """Return the number with `digits` decimals, ties away from zero; from 1e21 up as JavaScript writes it."""
    if not math.isfinite(number) or abs(number) >= 1e21:
        return format_number_text(number)
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    digits_text = f"{rounded:f}"
    return digits_text[1:] if number == 0 and digits_text.startswith("-") else digits_text
