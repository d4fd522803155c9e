"""What the page is told in JSON of the servers: what they are, how far, what they are doing."""

from lr_demo.config import EndpointServer, LlamaCppServer, Profile, ServerConfig, SimulatedServer, VllmServer
from lr_demo.runs.engine_thread import FleetView
from lr_demo.serving.gpus import GpuReading
from lr_demo.serving.rates import ServerFigures
from lr_demo.serving.sampler import AddressReading, PacePoint, ServerReading, Telemetry
from lr_demo.serving.status import ServerStatus
from lr_demo.ui.views import ProfileView, View, profile_view


class AddressView(View):
    """One of several addresses of a server that runs already."""

    address: str
    state: str
    """`loading` while it is asked, then `ready` or `failed`."""
    problem: str | None
    """Why it is left out, for people."""


class ServerView(View):
    name: str
    roles: list[str]
    engine: str
    model: str
    device: str
    """What it computes on, in words."""
    gpus: list[int]
    state: str
    detail: str
    progress: float | None
    simulated: bool
    restartable: bool
    """True where its process is ours."""
    on_demand: bool
    """True where it is started when a run first needs it."""
    has_log: bool
    speculation: str | None
    """Where its token proposals come from, in words; None where there are none, or where that is not known here."""
    addresses: list[AddressView]
    """Where it runs already, if at several addresses; else none."""


class FleetMessage(View):
    profile: ProfileView
    """What runs that are started now run on."""
    servers: list[ServerView]
    error: str | None
    ending: str | None
    """Name of the profile whose servers these are, while they end and those of `profile` are still to come."""


class SpeculationView(View):
    """Over the server's life, and over the last minute."""

    proposed: int
    accepted: int
    acceptance: float | None
    acceptance_lately: float | None
    length: float | None
    """Mean accepted length, tokens a pass."""
    length_lately: float | None


class FiguresView(View):
    running: int
    waiting: int
    kv_cache: float | None
    tokens_per_s: float | None
    prompt_tokens_per_s: float | None
    hit_rate: float | None
    hit_rate_lately: float | None
    speculation: SpeculationView


class AddressReadingView(View):
    """What one of several addresses tells."""

    address: str
    answers: bool
    problem: str | None
    running: int | None
    waiting: int | None
    tokens_per_s: float | None


class ReadingView(View):
    name: str
    figures: FiguresView | None
    """Of several addresses together."""
    problem: str | None
    addresses: list[AddressReadingView]
    """Each that is used."""
    pace: list[tuple[float, float]]
    """Points that are new since the message before: age in seconds, tokens per second."""


class TelemetryMessage(View):
    servers: list[ReadingView]
    gpus: list[GpuReading]


def fleet_message(view: FleetView, profile: Profile) -> FleetMessage:
    """`profile` is what runs that are started now run on."""
    return FleetMessage(
        profile=profile_view(profile),
        servers=[server_view(status, view.profile) for status in view.servers],
        error=view.error,
        ending=view.profile.name if view.ending else None,
    )


def server_view(status: ServerStatus, profile: Profile) -> ServerView:
    config = profile.servers.get(status.name)  # none: the embedding model's weights
    return ServerView(
        name=status.name,
        roles=list(status.roles),
        engine=status.engine,
        model=status.model,
        device=device_in_words(config),
        gpus=list(config.gpus) if isinstance(config, VllmServer) else [],
        state=status.state.value,
        detail=status.detail,
        progress=status.progress,
        simulated=isinstance(config, SimulatedServer),
        restartable=isinstance(config, VllmServer | LlamaCppServer),
        on_demand=isinstance(config, VllmServer | LlamaCppServer) and config.on_demand,
        has_log=status.log is not None,
        speculation=_speculation_in_words(config),
        addresses=_addresses(status, config),
    )


def telemetry_message(telemetry: Telemetry, since: float) -> TelemetryMessage:
    """`since` is when the message before was made, on the telemetry's clock."""
    return TelemetryMessage(
        servers=[_reading_view(server, telemetry.at, since) for server in telemetry.servers],
        gpus=list(telemetry.gpus),
    )


def _addresses(status: ServerStatus, config: ServerConfig | None) -> list[AddressView]:
    if not isinstance(config, EndpointServer) or len(config.addresses) == 1:
        return []
    problems = {asked.address: asked.problem for asked in status.addresses}
    return [
        AddressView(
            address=address,
            state="loading" if address not in problems else "ready" if problems[address] is None else "failed",
            problem=f"left out until the next start: {problem}" if (problem := problems.get(address)) else None,
        )
        for address in config.addresses
    ]


def device_in_words(config: ServerConfig | None) -> str:
    """What a server computes on."""
    match config:
        case VllmServer(gpus=(gpu,)):
            return f"GPU {gpu}"
        case VllmServer(gpus=(_, *_)):
            return f"GPUs {', '.join(map(str, config.gpus))}"
        case VllmServer():
            return "all cores" if config.cores is None else f"cores {config.cores}"
        case LlamaCppServer():
            return "1 thread" if config.threads == 1 else f"{config.threads} threads"
        case EndpointServer():
            return "runs elsewhere" if len(config.addresses) == 1 else f"{len(config.addresses)} replicas elsewhere"
        case SimulatedServer():
            return "no device"
        case None:
            return "processor"


def _speculation_in_words(config: ServerConfig | None) -> str | None:
    speculation = config.speculation if config is not None and not isinstance(config, EndpointServer) else None
    if speculation is None:
        return None
    return f"{speculation.method.replace('_', ' ')}, {speculation.tokens} tokens"


def _reading_view(server: ServerReading, now: float, since: float) -> ReadingView:
    return ReadingView(
        name=server.name,
        figures=_figures_view(server.figures) if server.figures is not None else None,
        problem=server.problem,
        addresses=[_address_reading_view(address) for address in server.addresses],
        pace=[_point(point, now) for point in server.pace if point.at > since],
    )


def _address_reading_view(reading: AddressReading) -> AddressReadingView:
    figures = reading.figures
    return AddressReadingView(
        address=reading.address,
        answers=reading.answers,
        problem=reading.problem,
        running=figures.running if figures is not None else None,
        waiting=figures.waiting if figures is not None else None,
        tokens_per_s=figures.tokens_per_s if figures is not None else None,
    )


def _point(point: PacePoint, now: float) -> tuple[float, float]:
    return round(now - point.at, 3), round(point.tokens_per_s, 2)


def _figures_view(figures: ServerFigures) -> FiguresView:
    return FiguresView(
        running=figures.running,
        waiting=figures.waiting,
        kv_cache=figures.kv_cache_usage,
        tokens_per_s=figures.tokens_per_s,
        prompt_tokens_per_s=figures.prompt_tokens_per_s,
        hit_rate=figures.cache.hit_rate,
        hit_rate_lately=figures.cache_lately.hit_rate,
        speculation=SpeculationView(
            proposed=figures.speculation.proposed_tokens,
            accepted=figures.speculation.accepted_tokens,
            acceptance=figures.speculation.acceptance_rate,
            acceptance_lately=figures.speculation_lately.acceptance_rate,
            length=figures.speculation.mean_accepted_length,
            length_lately=figures.speculation_lately.mean_accepted_length,
        ),
    )
