"""Audio that cannot be scored as it is, found on its samples; shared/audio_rules.py finds the same on its header."""


class UnscorableAudio(ValueError):
    """The client's audio breaks a rule: the job ends as `bad_input`.

    `code` names the rule for machines, `message` says for people what is wrong and what to do. Which of the job's
    files it is, the caller knows.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
