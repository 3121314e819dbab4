"""A stage's threads: what breaks one thing costs that thing alone, and the log says which it was."""

from __future__ import annotations

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from shared.pools import Lane
from tests.jobs_for_tests import new_job
from worker.crew import Crew
from worker.handoff import Handoff
from worker.work import Message, Work


def work_of(number: int) -> Work:
    return Work(Message(f"message-{number}", Lane.BULK, "", "", 1))


def test_what_breaks_a_stage_is_named_and_the_next_is_handled() -> None:
    breaking, unclaimed, good = works = [work_of(number) for number in range(3)]
    handled = []

    def handle(work: Work) -> None:
        if work is breaking:
            work.job = new_job()  # known only once it is handled
        if work is not good:
            raise KeyError("unforeseen")
        handled.append(work)

    inbox: Handoff[Work] = Handoff(len(works))
    for work in works:
        inbox.put(work)
    with capture_logs(processors=[merge_contextvars]) as lines:
        crew = Crew("fetcher", 1, inbox, handle, about=Work.in_log)
        crew.start()
        crew.stop()
    for work in works:
        work.cancelled.close()
    assert handled == [good]
    of_job, of_message = lines
    assert breaking.job
    assert (of_job["event"], of_job["job_id"]) == ("unexpected_error", breaking.job.id)
    assert (of_message["event"], of_message["message_id"]) == ("unexpected_error", unclaimed.message.id)
