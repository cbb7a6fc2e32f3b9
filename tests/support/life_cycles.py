"""Jobs of any service on `support.scripted_aws`: each is started, looked at and stopped by its service's own calls, and its
script says how it fares.

A job is known by its mark: a word that its parameters have in them, so that every call about the job has it too. In a
`Kind`, MARK stands for it, STATE for what a look at the job shows, and DETAIL for what that has after a slash.
"""

import json
import re
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field, replace

from support.scripted_aws import LOST, Call, Refusal

MARK = re.compile(r"mark[0-9a-f]{10}")
THROTTLED = "THROTTLED"
"""As a look's answer: the service wishes for fewer calls."""
GONE = "GONE"
"""As a job's end: there is nothing to look at any more."""


def new_mark() -> str:
    return f"mark{uuid.uuid4().hex[:10]}"


def filled(template, mark: str, state: str = ""):
    """A template with its mark and state."""
    state, _, detail = state.partition("/")
    text = json.dumps(template).replace("MARK", mark).replace("STATE", state).replace("DETAIL", detail)
    return json.loads(text)


def marks_of(call: Call) -> list[str]:
    """The jobs that a call is about."""
    return list(dict.fromkeys(MARK.findall(call.text)))


def without_marker(parameters: dict, marker: tuple[str, str]) -> dict:
    """Parameters with a marker, without it; its member goes too if nothing else is in it."""
    member, key = marker
    rest = {name: value for name, value in parameters[member].items() if name != key}
    assert len(rest) == len(parameters[member]) - 1, f"no {key} in {parameters}"
    others = {name: value for name, value in parameters.items() if name != member}
    return {**others, **({member: rest} if rest else {})}


@dataclass(frozen=True)
class Kind:
    """A resource with a job. Calls and answers are in botocore's names, `parameters`, `submitted` and `result` in the
    state machine's."""

    resource: str
    service: str
    parameters: dict
    start: tuple[str, dict]
    """The start call as botocore reads it, but for its token."""
    answer: dict
    submitted: dict
    """What `TaskSubmitted` shows of the answer, without metadata."""
    describe: tuple[str, dict]
    job: dict
    """The whole answer to a look."""
    running: tuple[str, ...]
    succeeds: str
    fails: str | None
    result: dict
    """The state's result; of a failure the cause."""
    token: str | None = None
    """The member that has the start call's idempotency token."""
    marker: tuple[str, str] | None = None
    """Where there is no token: the member and the key in it that hold a marker, which descriptions show as well."""
    find: tuple[str, dict, dict] | None = None
    """The call that looks for jobs with markers, and its answer."""
    stop: tuple[str, dict, dict] | None = None
    """The call that stops a job, and its answer."""
    named: str | None = None
    """The error of a second start under the same name."""
    again: bool = False
    """Whether a second start does no harm."""
    several: tuple[str, dict] | None = None
    """The call that looks at several: its operation, and the answer about one."""
    shared: str | None = None
    """A word that all jobs of the kind have in common: a call that has it and no mark is about all of them."""
    gone: tuple[str, dict] | None = None
    """The error that says that the job is gone, and the state's result then."""
    throttle: str = "ThrottlingException"

    @property
    def can_be_found(self) -> bool:
        """Whether a start call whose answer was lost can be made up for."""
        return bool(self.token or self.marker or self.named or self.again)


def together(kind: Kind, scope: str, word: str, several: tuple[str, dict]) -> Kind:
    """The kind with one scope for all its jobs, named by the word, and the call that looks at all jobs of a scope."""
    names = ("parameters", "start", "find", "answer", "submitted", "describe", "job", "result", "stop")
    parts = {name: json.loads(json.dumps(getattr(kind, name)).replace(scope, word)) for name in names}
    return replace(kind, **parts, shared=word, several=several)


@dataclass
class Life:
    """A job's script, and what has become of the job."""

    kind: Kind
    looks: deque
    """What the looks at it show one after another; the last is shown until the job is let go."""
    end: str
    lose: int = 0
    """So many answers to its start call are lost."""
    hold: bool = False
    """Whether its first start call waits for `held` and is cut then."""
    mark: str = field(default_factory=new_mark)
    starts: int = 0
    tokens: set = field(default_factory=set)
    marked: dict = field(default_factory=dict)
    """What descriptions show of its marker."""
    jobs: int = 0
    """How many of it there are: more than one is a second submission."""
    stops: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def parameters(self) -> dict:
        return filled(self.kind.parameters, self.mark)

    def answer(self, call: Call):
        """What its service answers."""
        kind = self.kind
        if call.operation == kind.start[0]:
            return self._started(call)
        if call.operation == kind.describe[0]:
            return self._looked(kind.job)
        if kind.several and call.operation == kind.several[0]:
            return self._looked(kind.several[1], call.parameters.get("states"))
        if kind.find and call.operation == kind.find[0]:
            return self._looked(kind.find[2])
        if kind.stop and call.operation == kind.stop[0]:
            self.stops += 1
            return filled(kind.stop[2], self.mark)
        raise Refusal("UnknownOperationException", f"{kind.resource} has no use for it")

    def _started(self, call: Call):
        kind = self.kind
        with self.lock:
            self.starts += 1
            token = call.parameters.get(kind.token) if kind.token else None
            if kind.named and self.jobs:
                raise Refusal(kind.named, "there is one of that name")
            if token is None or token not in self.tokens:
                self.jobs += 1
            self.tokens.add(token)
            if kind.marker:
                self.marked = {kind.marker[0]: call.parameters[kind.marker[0]]}
            first, lost = self.starts == 1, self.starts <= self.lose
        self.arrived.set()
        if self.hold and first:
            self.held.wait(60)
            return LOST
        return LOST if lost else filled(kind.answer, self.mark)

    def _looked(self, template: dict, states: list[str] | None = None):
        """What is shown of it; nothing where only jobs in other states are."""
        kind = self.kind
        with self.lock:
            if len(self.looks) > 1 or (self.looks and self.let_go.is_set()):
                shown = self.looks.popleft()
            else:
                shown = self.looks[0] if self.looks else self.end
        if shown == THROTTLED:
            raise Refusal(kind.throttle, "Rate exceeded")
        if shown == GONE:
            raise Refusal(kind.gone[0], "not found")
        if states and shown not in states:
            return {name: [] for name in template}
        return self._with_marker(filled(template, self.mark, shown))

    def _with_marker(self, answer):
        """An answer with its marker wherever it has the member for it."""
        if isinstance(answer, list):
            return [self._with_marker(item) for item in answer]
        if isinstance(answer, dict):
            return {name: self.marked.get(name) or self._with_marker(item) for name, item in answer.items()}
        return answer

    def result(self) -> dict:
        """What its state gives, or says as the cause of its failure."""
        if self.end == GONE:
            return filled(self.kind.gone[1], self.mark)
        return filled(self.kind.result, self.mark, self.end)


def merged(answers: list):
    """One answer about several jobs."""
    if any(answer is LOST for answer in answers):
        return LOST
    whole: dict = {}
    for answer in answers:
        for name, value in answer.items():
            whole[name] = whole[name] + value if isinstance(whole.get(name), list) else value
    return whole


class LifeCycles:
    """What `ScriptedAws` answers by: the lives that it was told of."""

    def __init__(self):
        self._lives: dict[str, Life] = {}

    def tell(self, kind: Kind, *looks: str, end: str | None = None, let_go: bool = False, **more) -> Life:
        """A new life: looks, and the end that comes when it is let go."""
        life = Life(kind, deque(looks or kind.running), end or kind.succeeds, **more)
        if let_go:
            life.let_go.set()
        self._lives[life.mark] = life
        return life

    @staticmethod
    def _has_all(call: Call, kind: Kind) -> bool:
        """Whether the call is about all jobs of the kind."""
        return kind.shared is not None and kind.shared in call.text

    def __call__(self, call: Call):
        lives = [self._lives[mark] for mark in marks_of(call) if mark in self._lives]
        lives = lives or [life for life in list(self._lives.values()) if life.jobs and self._has_all(call, life.kind)]
        if not lives:
            raise Refusal("ValidationException", f"nobody told of {call.text}")
        return merged([life.answer(call) for life in lives])
