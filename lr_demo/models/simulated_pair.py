"""The simulated models of a profile: target and draft of one story, or of one recording."""

from dataclasses import fields

from lr_demo.config import Profile, SimulatedServer
from lr_demo.models.recorded import RecordedModel, RecordedText
from lr_demo.models.simulated import SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Voice


def simulated_models(
    profile: Profile,
    seed: int = 0,
    target_server: str | None = None,
    text: RecordedText | None = None,
    *,
    plain: bool = False,
) -> tuple[SimulatedModel, SimulatedModel | None]:
    """Target and draft as the profile's servers and its `simulation` describe them; a seed names the story.

    `target_server` plays the target: by default the plain one. With `text` they write what it says instead of a story;
    `plain`: the target alone, what the recorded plain run says.
    """
    plan = profile.simulation
    story = SeededStory(plan.steps, plan.tokens_per_step, plan.spread, plan.acceptance, plan.identical, seed)
    words = Vocabulary("simulated")

    def model(role: str, server_name: str | None, voice: Voice) -> SimulatedModel | None:
        server = profile.servers.get(server_name or "")
        if not isinstance(server, SimulatedServer):
            return None
        made = SimulatedModel(
            name=f"{server.model} {role}",
            story=story,
            voice=voice,
            words=words,
            seconds_per_token=(server.ms_per_token or 0.0) / 1000,
            batch_cost=server.batch_cost,
            chunk_tokens=plan.chunk_tokens,
            speculation=server.speculation,
            choose_seconds=plan.verdict_ms / 1000,
            batch_growth=server.batch_growth,
            proposal_growth=server.proposal_growth,
            request_seconds=server.request_ms / 1000,
            read_seconds=server.read_ms / 1000,
        )
        if text is None:
            return made
        given = {each.name: getattr(made, each.name) for each in fields(made)}
        return RecordedModel(**given, text=text, plain=plain)

    target = model("target", target_server or profile.roles.target, Voice.TARGET)
    if target is None:
        raise ValueError(f"profile {profile.name} has no simulated target")
    return target, model("draft", profile.roles.draft, Voice.DRAFT)
