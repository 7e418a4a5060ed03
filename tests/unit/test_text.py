"""Text as stores keep it: times, ids, and what is taken out of it."""

from datetime import timedelta

import pytest

from memva.domain.ids import new_id
from memva.domain.redaction import redacted_event
from memva.domain.text import clean_text, folded
from memva.domain.time import from_text, to_text
from memva.testing import sample_event
from memva.testing.clock import START


def test_time_text_sorts_as_time() -> None:
    times = [START.replace(year=year) + timedelta(microseconds=1) for year in (1, 999, 2026, 9999)]
    texts = [to_text(time) for time in times]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
    assert [from_text(text) for text in texts] == times


def test_new_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {(id_[14], id_[19] in "89ab", len(id_)) for id_ in ids} == {("7", True, 36)}
    assert [id_[:13] for id_ in ids] == sorted(id_[:13] for id_ in ids)


def test_clean_text() -> None:
    assert clean_text("plain") == "plain"
    assert clean_text("é\x00\ud83d") == "é\ufffd\ufffd"
    assert clean_text("😀") == "😀"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Fix", "fIX"), ("Straße", "STRASSE"), ("\u00e9", "E\u0301"), ("ΣΑΣ", "σας"), ("ﬁ", "FI")],
)
def test_folded_text_is_equal_whatever_its_case(one: str, other: str) -> None:
    assert folded(one) == folded(other) == folded(folded(one))


def test_folded_text_keeps_its_accents() -> None:
    assert folded("é") == "é" != folded("e")


def test_redaction_leaves_identity() -> None:
    event = sample_event(uuid="secret", data={"uuid": "secret", "n": [1, None, "a secret"]})
    kept = redacted_event(event, lambda text: text.replace("secret", "-"))
    assert kept.uuid == "secret"
    assert kept.data == {"uuid": "-", "n": [1, None, "a -"]}
