import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError

from exchange.brokers.error_codes import Judgement, VenueRefusal, judge_answer, judge_failure


def wrapped(reason: Exception) -> requests.RequestException:
    """The failure as requests tells it of what urllib3 has given up."""
    return requests.ConnectionError(MaxRetryError(None, "/order", reason))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failure", "judged"),
    [
        (wrapped(NewConnectionError(None, "refused")), Judgement.NOT_SENT),  # type: ignore[arg-type]
        (requests.ConnectTimeout("slow"), Judgement.NOT_SENT),
        (requests.ConnectTimeout(), Judgement.NOT_SENT),
        (wrapped(ReadTimeoutError(None, "/order", "slow")), Judgement.OPEN),  # type: ignore[arg-type]
        (requests.ConnectionError("cut"), Judgement.OPEN),
        (requests.ConnectionError(), Judgement.OPEN),
        (requests.ReadTimeout("slow"), Judgement.OPEN),
    ],
)
def test_only_a_connection_that_was_never_made_is_certain(
    failure: requests.RequestException, judged: Judgement
) -> None:
    assert judge_failure(failure) is judged


@pytest.mark.parametrize(
    ("status", "code", "said", "judged"),
    [
        (499, -1015, "Too many new orders.", Judgement.LIMITED),
        (500, -1015, "Too many new orders.", Judgement.OPEN),
        (499, -1121, "Invalid symbol.", Judgement.REFUSED),
        (500, -1121, "Invalid symbol.", Judgement.OPEN),
        (400, -2010, "An order. Duplicate order sent.", Judgement.REFUSED),
        (400, -2013, "Duplicate order sent.", Judgement.REFUSED),
        (418, -1121, "", Judgement.LIMITED),
    ],
)
def test_the_ends_of_what_an_answer_says(status: int, code: int, said: str, judged: Judgement) -> None:
    assert judge_answer(status, code, said) is judged


def test_a_refusal_has_the_code_nought_where_none_was_told() -> None:
    assert (VenueRefusal("no").code, VenueRefusal("no", -1121).code, str(VenueRefusal("no"))) == (0, -1121, "no")
