"""The simulated models of a profile: target and draft of one story."""

from lr_demo.config import Profile, SimulatedServer
from lr_demo.models.simulated import SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Voice


def simulated_models(
    profile: Profile, seed: int = 0, target_server: str | None = None
) -> tuple[SimulatedModel, SimulatedModel | None]:
    """Target and draft as the profile's servers and its `simulation` describe them; a seed names the story.

    `target_server` plays the target: by default the plain one.
    """
    plan = profile.simulation
    story = SeededStory(plan.steps, plan.tokens_per_step, plan.spread, plan.acceptance, plan.identical, seed)
    words = Vocabulary("simulated")

    def model(role: str, server_name: str | None, voice: Voice) -> SimulatedModel | None:
        server = profile.servers.get(server_name or "")
        if not isinstance(server, SimulatedServer):
            return None
        return SimulatedModel(
            name=f"{server.model} {role}",
            story=story,
            voice=voice,
            words=words,
            seconds_per_token=server.ms_per_token / 1000,
            batch_cost=server.batch_cost,
            chunk_tokens=plan.chunk_tokens,
            speculation=server.speculation,
            choose_seconds=plan.verdict_ms / 1000,
        )

    target = model("target", target_server or profile.roles.target, Voice.TARGET)
    if target is None:
        raise ValueError(f"profile {profile.name} has no simulated target")
    return target, model("draft", profile.roles.draft, Voice.DRAFT)
