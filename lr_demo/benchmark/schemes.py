"""The schemes that are compared: what each sets, and whether a profile can run it."""

from enum import StrEnum

from lr_demo.config import (
    DraftedSpeculation,
    EndpointServer,
    Mode,
    Profile,
    Proposals,
    SimulatedSpeculation,
    VerifierKind,
    parse_settings,
)


class Scheme(StrEnum):
    """A way to solve a problem."""

    AR = "ar"
    LR_JUDGE = "lr-judge"
    LR_EMBEDDING = "lr-embedding"
    LR_EXACT = "lr-exact"
    SPECREASON = "specreason"
    SD_NGRAM = "sd-ngram"
    SD_DRAFT_MODEL = "sd-draft-model"
    SD_DRAFTED = "sd-drafted"
    LR_SD_NGRAM = "lr-sd-ngram"
    LR_SD_DRAFT_MODEL = "lr-sd-draft-model"
    LR_SD_DRAFTED = "lr-sd-drafted"
    AUTO = "auto"


SETTINGS: dict[Scheme, dict[str, object]] = {
    Scheme.AR: {"mode": Mode.AUTOREGRESSIVE},
    Scheme.LR_JUDGE: {"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.JUDGE},
    Scheme.LR_EMBEDDING: {"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.EMBEDDING},
    Scheme.LR_EXACT: {"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.EXACT},
    Scheme.SPECREASON: {"mode": Mode.SPECREASON, "threshold": 7.0},
    Scheme.SD_NGRAM: {"mode": Mode.SPECULATIVE, "proposals": Proposals.NGRAM},
    Scheme.SD_DRAFT_MODEL: {"mode": Mode.SPECULATIVE, "proposals": Proposals.NGRAM},
    Scheme.SD_DRAFTED: {"mode": Mode.SPECULATIVE, "proposals": Proposals.DRAFTED},
    Scheme.LR_SD_NGRAM: {"mode": Mode.LOOKAHEAD_SPECULATIVE, "proposals": Proposals.NGRAM},
    Scheme.LR_SD_DRAFT_MODEL: {"mode": Mode.LOOKAHEAD_SPECULATIVE, "proposals": Proposals.NGRAM},
    Scheme.LR_SD_DRAFTED: {"mode": Mode.LOOKAHEAD_SPECULATIVE, "proposals": Proposals.DRAFTED},
    Scheme.AUTO: {"mode": Mode.AUTO},
}
"""What a scheme sets; everything else is the profile's default or an option. `Proposals.NGRAM` means something only to
a target that takes drafted steps; any other has its own proposals, whatever is set."""

_METHOD = {
    Scheme.SD_NGRAM: "ngram",
    Scheme.SD_DRAFT_MODEL: "draft_model",
    Scheme.SD_DRAFTED: "drafted",
    Scheme.LR_SD_NGRAM: "ngram",
    Scheme.LR_SD_DRAFT_MODEL: "draft_model",
    Scheme.LR_SD_DRAFTED: "drafted",
}
"""Where a scheme's token proposals come from, as a server's `speculation.method`."""


def why_not(profile: Profile, scheme: str) -> str | None:
    """Why a profile cannot run a scheme, for people; None where it can, or where nobody knows: of a server that is not
    ours, and of a simulated one, it is not known where its proposals come from."""
    if scheme not in set(Scheme):
        return f"this release has no scheme {scheme}"
    wanted = Scheme(scheme)
    missing = profile.missing_for(parse_settings(profile.defaults, SETTINGS[wanted]))
    if missing:
        return f"profile {profile.name} lacks {' and '.join(missing)}"
    method = _METHOD.get(wanted)
    server = profile.servers[profile.roles.speculative_target or profile.roles.target]
    if method is None or isinstance(server, EndpointServer) or server.speculation is None:
        return None
    has = server.speculation.method
    if method == "drafted" and has != "drafted":
        return f"the speculative target of profile {profile.name} takes no drafted steps; one on vLLM can"
    either = method == "ngram" and isinstance(server.speculation, DraftedSpeculation)
    if has == method or either or isinstance(server.speculation, SimulatedSpeculation):
        return None
    return f"the speculative target of profile {profile.name} proposes tokens by {has}, not by {method}"
