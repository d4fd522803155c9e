"""Links that open the Live page with a prompt and settings filled in, and what such a link says."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from lr_demo.config import Profile, RunSettings, check_prompt, parse_settings
from lr_demo.errors import ConfigError
from lr_demo.runs.roles import check_runnable

LONGEST_LINK = 8_000
"""Characters of a link; browsers take more, but what stands between them and a server may not."""


@dataclass(frozen=True)
class Wish:
    """What a link asks for."""

    settings: RunSettings
    prompt: str | None
    """None where it says nothing of it."""


def settings_link(prompt: str, settings: RunSettings) -> str:
    """The query of a link that fills in this prompt and exactly these settings.

    Raises:
        ConfigError: the prompt is too long for a link.
    """
    given = json.dumps(settings.model_dump(mode="json"), separators=(",", ":"))
    query = f"?{urlencode({'settings': given, 'prompt': prompt})}"
    if len(query) > LONGEST_LINK:
        raise ConfigError(
            f"the prompt is too long for a link ({len(prompt):,} characters): share the run itself, which shows it too"
        )
    return query


def read_link(settings: str | None, prompt: str | None, profile: Profile) -> Wish:
    """What a link's `settings` and `prompt` ask for; what it does not say is the profile's default.

    Raises:
        ConfigError: it cannot be read, a value is unknown or out of range, or this profile cannot run it.
    """
    given: dict[str, object] = {}
    if settings:
        try:
            given = json.loads(settings)
        except ValueError:
            raise ConfigError("the settings in this link cannot be read: it was cut or changed on its way") from None
        if not isinstance(given, dict):
            raise ConfigError("the settings in this link are no settings: it was changed on its way")
        unknown = ", ".join(str(name)[:60] for name in given if name not in RunSettings.model_fields)
        if unknown:
            raise ConfigError(f"this link has settings that there are not here: {unknown}")
    try:
        base = profile.defaults.model_copy(update={"temperature": None} if "temperature" in given else {})
        wanted = parse_settings(base, given)
        check_runnable(profile, wanted)
        return Wish(wanted, check_prompt(prompt) if prompt else None)
    except ConfigError as error:
        raise ConfigError(f"this link cannot be followed here: {error}") from None
