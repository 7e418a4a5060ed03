from memva.domain import SkippedLines
from memva.domain.canonical import canonical_fields
from memva.testing import sample_event, sample_job
from memva.testing.contract.cursors import sample_cursor


def test_fields_come_by_name_as_one_line_each() -> None:
    fields = canonical_fields(sample_job(data={"b": "\n\ud800", "a": None}, error="naïve"))
    assert list(fields)[:3] == ["id", "type", "data"]
    assert fields["data"] == '{"a":null,"b":"\\n\\ud800"}'
    assert (fields["error"], fields["claims"], fields["result"]) == ('"na\\u00efve"', "0", "null")
    assert fields["created_at"] == '"2026-01-02T03:04:05.678901Z"'
    assert not any("\n" in text for text in fields.values())


def test_what_python_takes_for_equal_and_json_does_not_is_told_apart() -> None:
    texts = {canonical_fields(sample_event(data={"n": n}))["data"] for n in (1, 1.0, True)}
    assert len(texts) == 3
    assert sample_event(data={"n": 1}) == sample_event(data={"n": True})


def test_fields_may_be_left_out_and_may_hold_entities() -> None:
    assert "position" not in canonical_fields(sample_event(), leave_out=("position",))
    fields = canonical_fields(sample_cursor())
    assert fields["transcript"] == '["-code-app","claude-1","subagents/agent-1"]'
    assert fields["carry"] == '["2026-01-02T03:04:05.678901Z","/code/app"]'
    assert fields["skipped"] == '[25,[[3,"is not JSON"],[5,"odd"]]]'
    assert canonical_fields(sample_cursor(skipped=SkippedLines()))["skipped"] == "[0,[]]"
