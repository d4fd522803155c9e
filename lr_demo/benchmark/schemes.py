"""The schemes that are compared: what each sets, and which profile can run it."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import ValidationError

from lr_demo.config import (
    DraftedSpeculation,
    DraftModelSpeculation,
    EndpointServer,
    Mode,
    NgramSpeculation,
    Profile,
    Proposals,
    SimulatedSpeculation,
    VerifierKind,
    VllmServer,
    parse_settings,
)
from lr_demo.errors import ConfigError


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


def why_not(profile: Profile, scheme: Scheme) -> str | None:
    """Why a profile cannot run a scheme, for people; None where it can, or where nobody knows: of a server that is not
    ours, and of a simulated one, it is not known where its proposals come from."""
    missing = profile.missing_for(parse_settings(profile.defaults, SETTINGS[scheme]))
    if missing:
        return f"profile {profile.name} lacks {' and '.join(missing)}"
    method = _METHOD.get(scheme)
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


def variant(profile: Profile, scheme: Scheme) -> Profile:
    """The profile where it can run the scheme, else a copy of it, by another name, with the scheme's token proposals.

    Plain decoding keeps a target without any.

    Raises:
        ConfigError: there can be no such copy; says why the profile itself cannot run the scheme.
    """
    reason = why_not(profile, scheme)
    if reason is None:
        return profile
    name, method = profile.roles.speculative_target, _METHOD.get(scheme)
    server = profile.servers.get(name or "")
    if not isinstance(server, VllmServer) or not isinstance(server.speculation, DraftedSpeculation):
        raise ConfigError(reason)
    speculation: NgramSpeculation | DraftModelSpeculation
    if method == "ngram":
        speculation = NgramSpeculation(method="ngram")
    else:
        draft = profile.servers[profile.roles.draft or ""]
        if draft.vocabulary != server.vocabulary:
            raise ConfigError(f"{reason}, and its draft {draft.model} has another tokenizer than {server.model}")
        speculation = DraftModelSpeculation(method="draft_model", model=draft.model)
    copy = profile.model_dump()
    if name == profile.roles.target:  # plain decoding would have such proposals too
        copy["servers"][name]["speculation"] = None
        copy["roles"]["speculative_target"] = name = "speculative"
    copy["servers"][name] = {**server.model_dump(), "speculation": speculation.model_dump()}
    try:
        return Profile.model_validate({**copy, "name": f"{profile.name}-{str(method).replace('_', '-')}"})
    except ValidationError as error:
        raise ConfigError(f"{reason}, and a copy that could has no room: {error.errors()[0]['msg']}") from None


def by_profile(profile: Profile, schemes: Iterable[Scheme]) -> list[tuple[Profile, list[Scheme]]]:
    """Which profile runs which schemes: the profile itself first, then its variants, each with plain decoding too where
    that is asked for, since only what ran on the same servers is compared.

    Raises:
        ConfigError: no variant of the profile can run one of them.
    """
    wanted = list(schemes)
    groups: dict[str, tuple[Profile, list[Scheme]]] = {}
    for scheme in wanted:
        one = variant(profile, scheme)
        _, chosen = groups.setdefault(one.name, (one, [Scheme.AR] if Scheme.AR in wanted else []))
        if scheme not in chosen:
            chosen.append(scheme)
    return sorted(groups.values(), key=lambda group: group[0] is not profile)
