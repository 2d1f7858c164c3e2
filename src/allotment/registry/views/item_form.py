"""The form of instruments and experiments: rows, rules beside it, and nothing lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from allotment.registry import (
    checking,
    gate,
    history_diff,
    lifecycle,
    rules,
    subject_replay,
    versions,
)
from allotment.registry import plan as plans
from allotment.registry.forms import as_typed
from allotment.registry.forms.bundle import Bundle
from allotment.registry.forms.kinds import IDENTIFIER_HINTS, SAMPLE_UNIT_HINTS
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument, Site, Team
from allotment.registry.permissions import with_owner
from allotment.registry.plan import AnyPlan
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.rules.freezing import frozen_fields
from allotment.registry.sites import FAMILY_PREFIX
from allotment.registry.states import LIVE
from allotment.registry.surroundings import Neighborhood, range_of
from allotment.registry.views import kinds

UNPROCESSABLE = 422
STALE_RULE = "nobody-wrote-meanwhile"
_FOLDED = {
    "about_open": ("description", "purpose", "task", "contact", "links", "is_template"),
    "secondary_open": ("secondary_metrics", "guardrails"),
    "size_open": ("planned_size", "planned_days"),
    "narrow_open": ("targeting", "layer", "layer_share", "holds_out"),
    "sent_open": ("attributes", "schema_id"),
}


@dataclass(frozen=True)
class _Answer:
    """What the page says of a form: what refuses it, and with which status."""

    refusals: tuple[Refusal, ...] = ()
    status: int = 200
    checked: bool = False
    live: bool = False
    effects: tuple[str, ...] = ()


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """The form of an item that is not there yet; `?from=name` begins it like another one."""
    gate.require(request, "create")
    source = request.GET.get("from", "")
    model = kinds.find(kind, source) if source else None
    return _form_page(request, kind, None, model)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """The form of a stored item. Saving it never takes it to another state."""
    item = kinds.find(kind, name)
    gate.require(request, "edit", item)
    return _form_page(request, kind, item, None)


def _form_page(
    request: HttpRequest, kind: str, item: AnyItem | None, model: AnyItem | None
) -> HttpResponse:
    before = plans.of(item) if item else None
    locked = frozen_fields(kind, lifecycle.standing(item, timezone.now()) if item else None)
    if request.method != "POST":
        bundle = Bundle.stored(kind, before if model is None else lifecycle.copied(model), locked)
        if item is not None:
            bundle.form.initial["revision"] = item.revision
        elif not bundle.form.initial.get("owners"):
            bundle.form.initial["owners"] = _usual_owner(request)
        refusals = _to_switch_on(before, item) if before is not None and item is not None else ()
        if item is not None and item.activated is not None:
            refusals = ()
        return _page(request, kind, item, bundle, _Answer(refusals), model)
    bundle = Bundle.posted(kind, request.POST, locked, before)
    added = request.POST.get("add", "")
    if added in bundle.rows:
        return _page(request, kind, item, bundle.with_row(added), _Answer(), model)
    live = request.POST.get("check") == "live"
    if not bundle.is_valid():
        status = 200 if live else UNPROCESSABLE
        return _page(request, kind, item, bundle, _Answer(status=status, live=live), model)
    if "check" in request.POST:
        plan = bundle.plan(before)
        found = _checked(plan, item)
        bundle.refuse(found)
        answer = _Answer(found, checked=True, live=live, effects=_effects(item, before, plan))
        return _page(request, kind, item, bundle, answer, model)
    try:
        saved = _save(request, bundle, item)
    except RuleRefusedError as error:
        if item is not None and any(r.rule == STALE_RULE for r in error.refusals):
            return _conflict_page(request, item, bundle, locked, error.refusals)
        bundle.refuse(error.refusals)
        return _page(request, kind, item, bundle, _Answer(error.refusals, UNPROCESSABLE), model)
    return redirect(kind, name=saved.machine_name)


def _usual_owner(request: HttpRequest) -> str:
    """Whose a new item is at first: the team of who makes it, or the person."""
    by = request.user
    if not isinstance(by, Account):
        return ""
    teams = sorted(by.team_names)
    return teams[0] if len(teams) == 1 else f"@{by.username}"


def _effects(item: AnyItem | None, before: AnyPlan | None, plan: AnyPlan) -> tuple[str, ...]:
    """What saving the form does to the people in it; of an item that is not there yet, nothing."""
    if item is None or before is None:
        return ()
    was, now = versions.as_kept(before), versions.as_kept(plan)
    return tuple(subject_replay.between(item, was, now))


def _conflict_page(
    request: HttpRequest,
    item: AnyItem,
    bundle: Bundle,
    locked: frozenset[str],
    refusals: tuple[Refusal, ...],
) -> HttpResponse:
    """Somebody saved meanwhile: what they changed, what this form changes, and the form again with
    the one on top of the other. Saving it begins from the version that is stored now."""
    stored = kinds.find(item.KIND, item.machine_name)
    theirs = plans.of(stored)
    began = versions.find(stored, bundle.form.cleaned_data["revision"])
    now, mine = versions.as_kept(theirs), versions.as_kept(bundle.plan(theirs))
    # A record also keeps what no plan says, such as the stage; no form writes that.
    was = {name: began.record.get(name) for name in now} if began is not None else now
    merged = plans.from_record(item.KIND, versions.rebased(was, now, mine))
    again = Bundle.stored(item.KIND, merged, locked)
    again.form.initial["revision"] = stored.revision
    again.form.initial["reason"] = bundle.form.cleaned_data["reason"]
    by = versions.find(stored, stored.revision)
    conflict = {
        "began": bundle.form.cleaned_data["revision"],
        "stored": by,
        "theirs": history_diff.changes(was, now),
        "mine": history_diff.changes(was, mine),
    }
    answer = _Answer(refusals, UNPROCESSABLE)
    return _page(request, item.KIND, stored, again, answer, None, conflict)


def _page(
    request: HttpRequest,
    kind: str,
    item: AnyItem | None,
    bundle: Bundle,
    answer: _Answer,
    model: AnyItem | None,
    conflict: dict[str, Any] | None = None,
) -> HttpResponse:
    now = timezone.now()
    state = item.state(now) if item else None
    context: dict[str, Any] = {
        "kind": kind,
        "item": item,
        "model": model,
        "state": state,
        "frozen": bool(bundle.form.locked),
        "form": bundle.form,
        "rows": bundle.rows,
        "row_errors": bundle.row_errors,
        "wrong_fields": bundle.wrong(),
        "refusals": answer.refusals,
        "advice": _advice(bundle, answer.refusals),
        "findings": _findings(kind, item, bundle, answer.refusals),
        "checked": answer.checked,
        "live": answer.live,
        "effects": answer.effects,
        "conflict": conflict,
        "was_refused": answer.status == UNPROCESSABLE,
        "templates": _templates(kind) if item is None else (),
        "known_sites": _known_sites(),
        "known_teams": list(Team.objects.values_list("name", flat=True)),
        "identifier_hints": IDENTIFIER_HINTS,
        "sample_unit_hints": SAMPLE_UNIT_HINTS,
    }
    context |= {name: bundle.in_use(*fields) for name, fields in _FOLDED.items()}
    context["sent_open"] = context["sent_open"] or bool(bundle.form["environments"].errors)
    template = "registry/form_check.html" if answer.live else "registry/item_form.html"
    return render(request, template, context, status=answer.status)


def _findings(
    kind: str, item: AnyItem | None, bundle: Bundle, refusals: tuple[Refusal, ...]
) -> list[checking.Remark]:
    """What the check finds in the form as it stands, and no rule has said; of what is not typed
    yet, nothing."""
    found = checking.of_candidate(as_typed.entry(kind, bundle), timezone.now(), item)
    said = {refusal.rule for refusal in refusals}
    remarks = [checking.remark(finding) for finding in checking.judged(found, said)]
    return [
        remark
        for remark in remarks
        if remark.severity != "error" or not as_typed.is_empty(bundle, remark.field)
    ]


def _checked(plan: AnyPlan, item: AnyItem | None) -> tuple[Refusal, ...]:
    """What would refuse that the plan is saved, and then that it is switched on."""
    now = timezone.now()
    around = Neighborhood(now).around(plan, item)
    before = lifecycle.standing(item, now) if item else None
    found = rules.to_save(plan, before=before, now=now, around=around)
    said = {refusal.rule for refusal in found}
    if before is None or not before.activated:
        further = rules.to_be_complete(plan, around=around, now=now)
        found += tuple(refusal for refusal in further if refusal.rule not in said)
    return found


def _to_switch_on(plan: AnyPlan, item: AnyItem) -> tuple[Refusal, ...]:
    now = timezone.now()
    around = Neighborhood(now).around(plan, item)
    return rules.to_activate(
        plan, now=now, around=around, approved=item.approved is not None, own=range_of(item)
    )


def _advice(bundle: Bundle, refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """What would refuse the switch if the form were saved as it stands, and is not said already."""
    default = _share(bundle.form["default_rate"].value())
    rates = [_share(row["rate"].value()) for row in bundle.rows["sites"].forms]
    said = {refusal.rule for refusal in refusals}
    return tuple(r for r in rules.some_traffic(default, rates) if r.rule not in said)


def _share(typed_share: object) -> Decimal:
    """A share as somebody typed it; what is no number counts as some: its own error tells of it."""
    try:
        return Decimal(str(typed_share or 0))
    except InvalidOperation:
        return Decimal(1)


def _templates(kind: str) -> list[AnyItem]:
    """What a new item can begin from."""
    of_kind = Experiment if kind == "experiment" else Instrument
    return list(of_kind.objects.filter(is_template=True).exclude(stage="archived").order_by("name"))


def _known_sites() -> list[str]:
    """Registered families and sites, for the field that takes any."""
    rows = list(Site.objects.values_list("name", "family"))
    families = sorted({family for _, family in rows if family})
    return [*(f"{FAMILY_PREFIX}{family}" for family in families), *(name for name, _ in rows)]


def _save(request: HttpRequest, bundle: Bundle, item: AnyItem | None) -> AnyItem:
    by = request.user if isinstance(request.user, Account) else None
    plan = bundle.plan(plans.of(item) if item else None)
    if item is None:
        if by is not None:
            plan = plans.with_owners(plan, with_owner(by, plan.owners))
        made = lifecycle.create(plan, by=by)
        messages.success(
            request,
            gettext("%(name)s is saved as a draft. It is switched off.") % {"name": made.name},
        )
        return made
    found = bundle.form.cleaned_data
    saved = lifecycle.edit(item, plan, reason=found["reason"], by=by, expected=found["revision"])
    live = saved.state(timezone.now()) in LIVE
    withdrawn = item.approved is not None and saved.approved is None
    if live:
        text = gettext(
            "%(name)s is saved. It stays switched on; sites read the change within seconds."
        )
    elif withdrawn:
        text = gettext("%(name)s is saved. It stays switched off. It waits for approval again.")
    else:
        text = gettext("%(name)s is saved. It stays switched off.")
    messages.success(request, text % {"name": saved.name})
    return saved
