"""How much is at stake for people: the check's own working out, under the registry's name."""

from __future__ import annotations

from allotment.contract.check.risk import HIGH, LOW, MEDIUM, TIERS, Risk, assess, is_lower

__all__ = ["HIGH", "LOW", "MEDIUM", "TIERS", "Risk", "assess", "is_lower"]
