"""What one writes first: receive one message, work, delete it. Each seat is a process that does so for ever."""

from __future__ import annotations

import boto3

from bench.peers import command, work

WAIT_SECONDS = 20  # the longest long poll. SQS Developer Guide, "Amazon SQS short and long polling"
MESSAGES = 1  # the default, and all that a process can work on. SQS API Reference, ReceiveMessage


def put(jobs: list[str]) -> None:
    """A message for each job."""
    sqs = boto3.client("sqs")
    for first in range(0, len(jobs), 10):
        sqs.send_message_batch(
            QueueUrl=command.queue_url(),
            Entries=[{"Id": job, "MessageBody": job} for job in jobs[first : first + 10]],
        )


def main() -> None:
    """Work for ever."""
    sqs, url = boto3.client("sqs"), command.queue_url()
    while True:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=MESSAGES, WaitTimeSeconds=WAIT_SECONDS)
        for message in received.get("Messages", []):
            work.do(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    command.run(["boto3"], {"MaxNumberOfMessages": MESSAGES, "WaitTimeSeconds": WAIT_SECONDS}, put, main)
