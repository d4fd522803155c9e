"""The base of everything that is read from a profile: an unknown key is a mistake, and nothing changes later."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
