"""How long anything waits for a model server, and how often it asks again: every such limit, with its reason.

Times are seconds. Together they bound what a failure costs a run:

- target hung: given up after `silence_s`, then asked again until `TARGET_PATIENCE_S` after its first failure;
  the last attempt may take `silence_s` once more. Killed: noticed at once. Given up by the fleet: the run ends.
- draft or judge, killed, hung or slow: the run goes on with the target alone at once where the schedule does not
  wait for the role, else after `JUDGE_PATIENCE_S`, or for the draft of the synchronous schedule and of SpecReason
  after `silence_s`, and after `drafted_step_s` where it writes on.
  From then on it waits for neither: one attempt after another, beside the run, finds out when the role is back.
- a server that hangs: killed and started again after `QUIET_S` + `HEALTH_LIMIT_S` at most; while it loads, after
  `LOADING_SILENCE_S` + `HEALTH_PERIOD_S`.
"""

from lr_demo.events import Role

# A run and its target.

TARGET_PATIENCE_S = 240.0
"""A run waits so long for a target that fails. More than it takes to find that a server hangs and to start it again:
two minutes each for a model of 32 billion parameters. A server that the fleet has given up is not waited for."""
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0
"""Between two requests to a target that fails; doubled each time."""

# Silence: a request that is at work writes a token now and then.

_SILENCE_S = {Role.TARGET: 120.0, Role.DRAFT: 10.0, Role.JUDGE: 120.0}
"""Longest time between two tokens. A request may have to wait for a place at its server: on two cores four sequences of
256 tokens take 28 s, and other requests' prompts are read in between, 14 s for 2,048 tokens. A draft that is slower
than its limit is of no use."""
READING_TOKENS_PER_S = 50.0
"""Slowest reading of a prompt before the first token: a third of what two cores read with a model of 1.5 billion
parameters, since several prompts are read at a time."""


def silence_s(role: Role, unread: int = 0) -> float:
    """Longest time that a role may take for its next token while it has `unread` tokens of prompt to read first."""
    return _SILENCE_S[role] + unread / READING_TOKENS_PER_S


SHORT_ANSWER_S = 30.0
"""For what takes no model: encoding a text, a chat's template, the context length. Milliseconds, but for a server
whose cores are all computing."""
CONNECT_S = 5.0
STREAM_SILENCE_S = 1200.0
"""Backstop below the limits above, for whoever reads a model without them: 50,000 tokens of prompt."""

# Roles that a run can do without.

_DRAFTED_STEP_S = 60.0


def drafted_step_s(unread: int) -> float:
    """Longest time for a whole drafted step behind `unread` tokens of prompt: 256 tokens take 25 s on two busy cores.

    The synchronous schedule and SpecReason wait for it; a draft that is slower is of no use to them.
    """
    return _DRAFTED_STEP_S + unread / READING_TOKENS_PER_S


WARM_UP_S = 90.0
"""A run waits so long for a verifier that gets ready: on two slow cores a judge that reads its examples for the first
time took 22 s, loading the embedding model 18 s."""
JUDGE_PATIENCE_S = 30.0
"""A verdict that takes longer is a reject, and the judge counts as away. A verdict is one token behind a few hundred
tokens of prompt: 5 s on two busy cores."""
REASON_S = 60.0
"""For a reason in words, which no run waits for: some hundred tokens of prompt and 96 to write, 20 s on two cores."""
UNANSWERED_REQUESTS = 3
UNANSWERED_S = 2.0
"""A draft is away when so many requests in a row were given up without a token, over so long a time. A draft that is
merely late has written something by then, and one such request alone says nothing: the step may have been short."""
FIRST_RETURN_PAUSE_S = 0.5
LONGEST_RETURN_PAUSE_S = 16.0
"""Between two attempts to bring back a role that is away; doubled each time. They run beside the decoding and cost
it nothing but, where cores are shared, the time of the proof."""
PROOF_TOKENS = 4
"""A draft that writes so many is back. One alone proves little: a stream may break off behind it."""

# A draft that the target's server asks between two passes, while every answer there waits.

ASKED_DRAFT_S = 2.0
"""An answer that takes longer is not waited for: a handful of tokens takes a quarter of a second on two cores."""
FIRST_ASKED_PAUSE_S, LONGEST_ASKED_PAUSE_S = 2.0, 64.0
"""A draft that does not answer is left alone for so long; doubled each time."""

# The fleet and its servers.

HEALTH_PERIOD_S = 10.0
"""A server that is ready is looked at so often; one look is a request without a token, 1 or 2 ms of one core."""
HEALTH_NOTICE_S = 15.0
"""A look that takes longer is said."""
HEALTH_LIMIT_S = 120.0
"""A server that gives no sign of life for so long is killed and started again. llama.cpp answers between two batches:
14 s for 2,048 tokens on two cores, a minute on a processor four times slower."""
QUIET_S = 60.0
"""A vLLM server none of whose figures changed for so long is asked for one token: its front answers even where its
engine hangs."""
LOADING_SILENCE_S = 300.0
"""A server that loads and, for so long, neither says nor computes anything is ended and started again. Capturing graphs
and compiling may be silent for minutes, but compute; a network disk that comes back after its server was started again,
or another process that holds a lock, may take two or three."""
LOADING_CPU_S = 1.0
"""Less processor time than that within it is none: threads that wait and look around now and then use some tenths.
Reading weights takes more than that for each two or three gigabytes, whatever the disk."""
RESTARTS = 3
"""A server that dies is started again so often …"""
RESTART_WINDOW_S = 600.0
"""… within so many seconds, or without having been ready in between; then it is given up until somebody restarts it."""
FIRST_RESTART_PAUSE_S = 0.5
LONGEST_RESTART_PAUSE_S = 30.0
"""Before the first restart, and at most; four times as long before each further one, since memory and ports may need
time to become free."""
