"""Currencies of prices, as Yahoo spells them: `GBp` is a penny, a hundredth of `GBP`."""

#: The currency of an exchange's shares by the suffix of its Yahoo tickers. London's funds are also listed in dollars or
#: pounds, so the currency that Yahoo reports for a symbol takes precedence.
_BY_SUFFIX = {
    suffix: currency
    for currency, suffixes in {
        "EUR": "AS AT BE BR DE DU F HA HE HM IR LS MC MI MU NX PA RG SG TI TL VI",
        "GBp": "L",
        "JPY": "T",
        "HKD": "HK",
        "CAD": "TO V CN NE",
        "CHF": "SW",
        "AUD": "AX",
        "NZD": "NZ",
        "SEK": "ST",
        "DKK": "CO",
        "NOK": "OL",
        "ISK": "IC",
        "PLN": "WA",
        "CZK": "PR",
        "HUF": "BD",
        "RON": "RO",
        "TRY": "IS",
        "INR": "NS BO",
        "CNY": "SS SZ",
        "TWD": "TW TWO",
        "KRW": "KS KQ",
        "SGD": "SI",
        "MYR": "KL",
        "THB": "BK",
        "IDR": "JK",
        "BRL": "SA",
        "MXN": "MX",
        "ARS": "BA",
        "CLP": "SN",
        "SAR": "SR",
        "QAR": "QA",
        "ZAc": "JO",
        "ILA": "TA",
    }.items()
    for suffix in suffixes.split()
}
#: Hundredths with a name of their own, by their spelling in capitals.
_HUNDREDTHS = {"GBX": "GBp", "ZAC": "ZAc", "ILA": "ILA"}
_LETTERS = 3


def of_ticker(symbol: str) -> str | None:
    """Return the currency implied by the spelling of a Yahoo ticker; None if it implies none, as for an index.

    >>> [of_ticker(ticker) for ticker in ("SPY", "BRK-B", "BARC.L", "7203.T", "BTC-EUR", "EURUSD=X", "JPY=X", "^FTSE")]
    ['USD', 'USD', 'GBp', 'JPY', 'EUR', 'USD', 'JPY', None]
    """
    name, _, exchanged = symbol.rpartition("-")
    if name and exchanged in ("USD", "USDT", "EUR", "GBP", "BTC"):
        return exchanged
    if symbol.endswith("=X"):
        pair = symbol.removesuffix("=X")
        return pair[-_LETTERS:] if len(pair) in (_LETTERS, 2 * _LETTERS) else None
    if symbol.startswith("^") or "=" in symbol:
        return None
    _, dot, suffix = symbol.rpartition(".")
    return _BY_SUFFIX.get(suffix) if dot else "USD"


def pair_names(source: str, currency: str, base: str) -> tuple[str, ...]:
    """Return the names under which a source may have the pair of two currencies, the usual one first.

    >>> pair_names("yahoo", "EUR", "USD"), pair_names("file:/bars.csv", "EUR", "USD")[:2]
    (('EURUSD=X',), ('EURUSD', 'USDEUR'))
    """
    yahoos = f"{currency}{base}=X"
    return (yahoos,) if source == "yahoo" else (currency + base, base + currency, yahoos, f"{base}{currency}=X")


def spelled(text: object) -> str | None:
    """Return the canonical spelling of a currency, None if the text is empty; pence stay pence in any spelling.

    >>> spelled("usd"), spelled("GBp"), spelled("GBX"), spelled("GBP"), spelled(" ")
    ('USD', 'GBp', 'GBp', 'GBP', None)
    """
    name = str(text or "").strip()
    if name in _HUNDREDTHS.values():
        return name
    return _HUNDREDTHS.get(name.upper(), name.upper()) or None
