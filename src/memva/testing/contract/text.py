"""What a store promises of text and JSON that break databases."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from memva.domain.event import EventKey, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.job_page import JobQuery
from memva.domain.json import encode_json, parse_object
from memva.domain.ports import Store
from memva.testing.contract.claims import claim
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.events import stored
from memva.testing.contract.jobs import all_jobs
from memva.testing.contract.sessions import all_sessions
from memva.testing.samples import sample_event, sample_job, sample_session

ODD_TEXT: Final = {
    "blank": "   ",
    "quotes": "'; DROP TABLE sessions; -- \" ` \\",
    "wildcards": "%_*?[a-z]{x}:name?1$2",
    "lines": "one\r\ntwo\rthree\u2028four",
    "controls": "\x01\x08\x1b[31mred\x1b[0m\x7f\x85",
    "decomposed": "e\u0301 is not \u00e9",
    "astral": "\U0001f680 \U0010ffff \ufffe",
    "right to left": "\u202eabc\u05d0",
    "number": "0123e4",
    "null word": "NULL",
}
"""Text that stores keep as it is, each named after what it is meant to trip."""

ODD_JSON: Final[dict[str, Any]] = {
    "nul": {"a\x00b": "c\x00d\x00"},
    "surrogates": {"\ud800": "half a pair \udfff", "other half": "\ude00\ud83d"},
    "escapes": {"\\u0000": "\\ud800 \\n", "quote": '"'},
    "integers": {"n": [2**63, -(2**63) - 1, 2**64, 10**300, 0, -0]},
    "floats": {"n": [1e308, 5e-324, -0.0, 0.1, 1.0]},
    "types": {"n": [1, 1.0, True, None, "1", [], {}, [[]], ""]},
    "keys": {"": {"": ""}, "data": 1, "'": 2, "$.a[0]": 3},
    "deep": {"a": [[[[[[[[[[{"b": {"c": {"d": {}}}}]]]]]]]]]]},
    **{name: {text: text} for name, text in ODD_TEXT.items()},
}
"""JSON that stores keep as it is, each named after what it is meant to trip."""


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal in their types too."""
    return repr(one) == repr(other)


class TextContract:
    """Text and JSON come back equal, whatever they hold."""

    @pytest.mark.parametrize("text", list(ODD_TEXT.values()), ids=list(ODD_TEXT))
    def test_text_comes_back_equal(self, store: Store, text: str) -> None:
        """Every plain text field keeps any text."""
        session = sample_session(title=text, project_path=text)
        store.sessions.add(session)
        event = sample_event(cwd=text, project_name=text, project_key=text, subpath=text)
        store.events.append([event])
        job = sample_job(
            id="job-1", error=text, worker_id=text if text.strip() else None, checkpoint=text
        )
        store.jobs.add([job])
        assert store.sessions.get("session-1") == session
        back = store.events.get(event.key)
        assert (back.cwd, back.project_name, back.transcript) == (text, text, event.transcript)
        assert store.jobs.get("job-1") == job

    @pytest.mark.parametrize(
        "text", [text for name, text in ODD_TEXT.items() if name != "blank"],
        ids=[name for name in ODD_TEXT if name != "blank"],
    )  # fmt: skip
    def test_ids_and_types_may_look_like_anything(self, store: Store, text: str) -> None:
        """Ids, types and keys are values, never parts of a statement or a pattern."""
        store.sessions.add(sample_session(id=text))
        store.sessions.add(sample_session(id="other"))
        event = sample_event(
            uuid=text, session_id=text, event_type=text, parent_uuid=text, memva_session_id=text
        )
        store.events.append([event, sample_event(uuid="other", memva_session_id="other")])
        job = sample_job(
            id=text,
            type=text,
            memva_session_id=text,
            concurrency_key=text,
            unique_key=text,
        )
        assert store.jobs.add([job]) == [job]
        assert store.jobs.add([attrs.evolve(job, id="other")]) == [job]
        narrow = JobQuery(types=[text], memva_session_id=text, concurrency_key=text)
        assert list(store.jobs.find(narrow, limit=9)) == [job]
        store.cursors.put(sample_cursor(source=text, memva_session_id=text))

        assert store.sessions.get(text).id == text
        assert store.events.get(EventKey(Transcript("-code-app", text, ""), text)).uuid == text
        for query in (EventQuery(session_id=text), EventQuery(memva_session_id=text)):
            assert [found.event_type for found in stored(store, query)] == [text]
        assert store.events.associate([text], "other", session_id=text) == 1
        assert store.events.associated_session(text) == "other"
        [job] = claim(store, types=[text])
        assert (job.id, job.type) == (text, text)
        assert store.cursors.get(text) is not None
        store.sessions.delete(text)
        assert [session.id for session in all_sessions(store)] == ["other"]

    @pytest.mark.parametrize("value", list(ODD_JSON.values()), ids=list(ODD_JSON))
    def test_json_comes_back_equal(self, store: Store, value: Any) -> None:
        """Any JSON comes back equal, types included, wherever it is kept."""
        store.sessions.add(sample_session(metadata=value))
        store.events.append([sample_event(data=value)])
        store.jobs.add([sample_job(data=value, result=value, checkpoint=value)])
        assert same(store.sessions.get("session-1").metadata, value)
        assert same(store.events.get(sample_event().key).data, value)
        assert same(stored(store)[0].data, value)
        job = store.jobs.get("job-1")
        assert same(job.data, value)
        assert same(job.result, value)
        assert same(job.checkpoint, value)

    @pytest.mark.parametrize("value", list(ODD_JSON.values()), ids=list(ODD_JSON))
    def test_parsed_object_comes_back_equal(self, store: Store, value: Any) -> None:
        """An object that brings the text it was read from is stored as any other."""
        parsed = parse_object(encode_json(value, field="data").encode())
        assert parsed is not None
        store.events.append([sample_event(data=parsed)])
        [back] = stored(store)
        assert type(back.data) is dict
        assert same(back.data, value)

    def test_json_is_each_callers_own(self, store: Store) -> None:
        """What one caller does to JSON that it gave or was given, no other caller sees."""
        given: dict[str, Any] = {"list": []}
        store.sessions.add(sample_session(metadata=given))
        store.events.append([sample_event(data=given)])
        store.jobs.add([sample_job(data=given)])
        for _ in range(2):
            values: list[Any] = [
                given,
                store.sessions.get("session-1").metadata,
                all_sessions(store)[0].metadata,
                store.events.get(sample_event().key).data,
                stored(store)[0].data,
                store.jobs.get("job-1").data,
                all_jobs(store)[0].data,
            ]
            assert values[1:] == [{"list": []}] * 6
            for value in values:
                value["list"].append("changed")

    def test_ten_megabytes_come_back(self, store: Store) -> None:
        """A text of ten megabytes is kept as any other."""
        large = "é\x00" * 2_500_000 + "x" * 5_000_000
        event = sample_event(data={"large": large})
        store.events.append([event])
        assert store.events.get(event.key).data["large"] == large
