"""Sightings: a lease has run out when it was seen expired twice, an interval apart."""

from datetime import timedelta

import pytest

from memva import InvalidValue, Sightings
from memva.testing import sample_job
from memva.testing.clock import START

JOB = sample_job(status="processing", claim_token="t", lease_until=START)
OTHER = sample_job(id="job-2", status="processing", claim_token="t", lease_until=START)


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_second_sighting_after_the_interval_confirms() -> None:
    clock = Seconds()
    sightings = Sightings(timedelta(seconds=10), clock=clock)
    assert sightings.confirmed([JOB]) == []
    clock.now = 5.0
    assert sightings.confirmed([JOB, OTHER]) == []
    clock.now = 10.0
    assert sightings.confirmed([JOB, OTHER]) == [JOB]
    clock.now = 15.0
    assert sightings.confirmed([OTHER]) == [OTHER]


def test_what_was_not_seen_between_is_seen_anew() -> None:
    clock = Seconds()
    sightings = Sightings(timedelta(seconds=10), clock=clock)
    sightings.confirmed([JOB])
    clock.now = 5.0
    sightings.confirmed([])
    clock.now = 10.0
    assert sightings.confirmed([JOB]) == []


def test_renewed_lease_is_another() -> None:
    clock = Seconds()
    sightings = Sightings(timedelta(seconds=10), clock=clock)
    sightings.confirmed([JOB])
    clock.now = 10.0
    renewed = JOB.renewed(now=START, lease=timedelta(seconds=1))
    assert sightings.confirmed([renewed]) == []


def test_interval_is_not_negative() -> None:
    with pytest.raises(InvalidValue):
        Sightings(timedelta(seconds=-1))
