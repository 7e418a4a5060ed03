"""A Hypothesis state machine that drives any stores beside a plain model of their jobs.

It needs Hypothesis, which `pip install "memva[testing]"` brings along. A host subclasses it and
gives it the stores that are to be driven together, empty ones for each run:

    class MyJobs(JobMachine):
        @contextmanager
        def stores(self) -> Iterator[list[Store]]:
            with MyStore() as store:
                yield [store]

    TestMyJobs = MyJobs.TestCase

A run does some 50 things, in any order, to all of the stores and to the model. Each must come to
the same answer, or to the same error, and leave the same jobs. How many runs there are, and how
long they are, is up to Hypothesis's settings: `TestMyJobs.settings = settings(max_examples=1_000)`.
"""

from memva.testing.job_machine.machine import JobMachine

__all__ = ["JobMachine"]
