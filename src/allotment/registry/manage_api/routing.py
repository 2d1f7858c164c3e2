"""The one router of the management API: routes of one path but other methods must stand in one."""

from __future__ import annotations

from typing import Annotated

from ninja import Router
from pydantic import Field

from allotment.registry.manage_api.fields import Reason

router = Router()
Dry = Annotated[bool, Field(description="Judge and compare, but store nothing.")]
Why = Reason
