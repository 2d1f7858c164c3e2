"""What instruments and experiments share: the form, the switch and the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from allotment.registry import history_diff, lifecycle, rules
from allotment.registry import plan as plans
from allotment.registry.forms.item import (
    IDENTIFIER_HINTS,
    SAMPLE_UNIT_HINTS,
    ExperimentForm,
    InstrumentForm,
)
from allotment.registry.forms.rows import (
    GroupFormSet,
    GroupRows,
    SiteFormSet,
    SiteRows,
    typed,
    wrong_cells,
)
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Experiment, State
from allotment.registry.plan import AnyPlan, ExperimentPlan, GroupPlan, rate_text
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.views import kinds

_FIRST_GROUPS = (GroupPlan(name="control", description="What people see today"), GroupPlan(name=""))


@dataclass
class _Bundle:
    """A form with its rows."""

    form: ExperimentForm | InstrumentForm
    sites: SiteRows
    groups: GroupRows | None
    row_errors: dict[str, list[str]] = field(default_factory=dict)

    def is_valid(self) -> bool:
        parts: list[Any] = [self.form, self.sites, *([self.groups] if self.groups else [])]
        valid = [part.is_valid() for part in parts]
        for name, rows in (("sites", self.sites), ("groups", self.groups)):
            if rows is not None and rows.non_form_errors():
                self.row_errors[name] = [str(error) for error in rows.non_form_errors()]
        return all(valid)

    def plan(self, before: AnyPlan | None) -> AnyPlan:
        shares = self.sites.shares()
        if isinstance(self.form, ExperimentForm):
            groups = self.groups.plans() if self.groups is not None else ()
            return self.form.plan(shares, groups, before)
        return self.form.plan(shares, before)

    def refuse(self, refusals: tuple[Refusal, ...]) -> None:
        for refusal in refusals:
            if refusal.field in self.form.fields:
                self.form.add_error(
                    refusal.field, ValidationError(refusal.sentence, code=refusal.rule)
                )
            else:
                self.row_errors.setdefault(refusal.field, []).append(refusal.sentence)


def _form_class(kind: str) -> type[ExperimentForm | InstrumentForm]:
    return ExperimentForm if kind == "experiment" else InstrumentForm


def _stored(kind: str, plan: AnyPlan | None) -> _Bundle:
    """The form as it stands in the database, or empty."""
    groups: tuple[GroupPlan, ...] = _FIRST_GROUPS
    if isinstance(plan, ExperimentPlan):
        groups = plan.groups
    sites = [
        {"site": site, "rate": rate_text(rate * 100)} for site, rate in (plan.sites if plan else ())
    ]
    form_class = _form_class(kind)
    rows = [{"name": g.name, "description": g.description, "weight": g.weight} for g in groups]
    return _Bundle(
        form=form_class(initial=form_class.initial_for(plan)),
        sites=SiteFormSet(initial=sites or [{}], prefix="sites"),
        groups=GroupFormSet(initial=rows, prefix="groups") if kind == "experiment" else None,
    )


def _posted(kind: str, request: HttpRequest) -> _Bundle:
    return _Bundle(
        form=_form_class(kind)(request.POST),
        sites=SiteFormSet(request.POST, prefix="sites"),
        groups=GroupFormSet(request.POST, prefix="groups") if kind == "experiment" else None,
    )


def _with_row(kind: str, bundle: _Bundle, added: str) -> _Bundle:
    """The same form with what was typed, and one row more."""
    sites = typed(bundle.sites, blank=int(added == "site"))
    groups = typed(bundle.groups, blank=int(added == "group")) if bundle.groups else []
    return _Bundle(
        form=_form_class(kind)(initial=bundle.form.typed()),
        sites=SiteFormSet(initial=sites, prefix="sites"),
        groups=GroupFormSet(initial=groups, prefix="groups") if kind == "experiment" else None,
    )


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """The form of an item that is not there yet."""
    return _form_page(request, kind, None)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """The form of a stored item. Saving it never switches it on or off."""
    return _form_page(request, kind, kinds.find(kind, name))


def _form_page(request: HttpRequest, kind: str, item: AnyItem | None) -> HttpResponse:
    before = plans.of(item) if item else None
    refusals: tuple[Refusal, ...] = ()
    status = 200
    if request.method == "POST":
        bundle = _posted(kind, request)
        added = request.POST.get("add", "")
        if added in {"group", "site"}:
            bundle = _with_row(kind, bundle, added)
        else:
            status = 422
            if bundle.is_valid():
                try:
                    saved = _save(request, bundle, item)
                except RuleRefusedError as error:
                    refusals = error.refusals
                    bundle.refuse(refusals)
                else:
                    return redirect(kind, name=saved.machine_name)
    else:
        bundle = _stored(kind, before)
        if before is not None and item is not None and item.activated is None:
            refusals = rules.to_activate(before, now=timezone.now())
    context = _form_context(kind, item, bundle) | {
        "refusals": refusals,
        "advice": _advice(bundle, refusals),
        "was_refused": status != 200,  # noqa: PLR2004
    }
    return render(request, "registry/item_form.html", context, status=status)


def _form_context(kind: str, item: AnyItem | None, bundle: _Bundle) -> dict[str, Any]:
    now = timezone.now()
    return {
        "kind": kind,
        "item": item,
        "state": item.state(now) if item else None,
        "frozen": item is not None and item.activated is not None,
        "form": bundle.form,
        "sites": bundle.sites,
        "groups": bundle.groups,
        "row_errors": bundle.row_errors,
        "wrong_fields": _wrong(bundle),
        "about_open": _in_use(bundle, "description", "purpose", "task"),
        "sent_open": _in_use(bundle, "attributes", "schema_id")
        or bool(bundle.form["environments"].errors),
        "identifier_hints": IDENTIFIER_HINTS,
        "sample_unit_hints": SAMPLE_UNIT_HINTS,
    }


def _advice(bundle: _Bundle, refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """What would refuse the switch if the form were saved as it stands, and is not said already."""
    default = _share(bundle.form["default_rate"].value())
    rates = [_share(row["rate"].value()) for row in bundle.sites.forms]
    said = {refusal.rule for refusal in refusals}
    return tuple(r for r in rules.some_traffic(default, rates) if r.rule not in said)


def _in_use(bundle: _Bundle, *names: str) -> bool:
    """Whether one of these fields holds something or is wrong, so that it must not be folded."""
    fields = [bundle.form[name] for name in names if name in bundle.form.fields]
    return any(field.value() or field.errors for field in fields)


def _share(typed_share: object) -> Decimal:
    """A share as somebody typed it; what is no number counts as some: its own error tells of it."""
    try:
        return Decimal(str(typed_share or 0))
    except InvalidOperation:
        return Decimal(1)


def _wrong(bundle: _Bundle) -> list[tuple[str, str, str]]:
    """(label, id, first error) of every field that is wrong, for the list beside the form."""
    form = bundle.form
    if not form.is_bound:
        return []
    fields = [
        (str(form.fields[name].label), form[name].auto_id, str(found[0]))
        for name, found in form.errors.items()
        if name in form.fields
    ]
    groups = wrong_cells(bundle.groups) if bundle.groups is not None else []
    return [*fields, *groups, *wrong_cells(bundle.sites)]


def _save(request: HttpRequest, bundle: _Bundle, item: AnyItem | None) -> AnyItem:
    if item is None:
        made = lifecycle.create(bundle.plan(None))
        messages.success(request, f"{made.name} is saved as a draft. It is switched off.")
        return made
    saved = lifecycle.edit(
        item, bundle.plan(plans.of(item)), reason=bundle.form.cleaned_data["reason"]
    )
    state = saved.state(timezone.now())
    live = state in {State.RUNNING, State.SCHEDULED}
    after = (
        "It stays switched on; sites read the change within seconds."
        if live
        else ("It stays switched off.")
    )
    messages.success(request, f"{saved.name} is saved. {after}")
    return saved


@require_POST
def activate(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Switch on, or show which rules refuse it."""
    item = kinds.find(kind, name)
    try:
        item = lifecycle.activate(item)
    except RuleRefusedError as error:
        context = item_context(request, item) | {"refusals": error.refusals}
        return render(request, "registry/activate_refused.html", context, status=422)
    if item.state(timezone.now()) is State.SCHEDULED:
        messages.success(request, f"{item.name} is switched on and waits for its start.")
    else:
        messages.success(request, f"{item.name} runs. Sites read it within seconds.")
    return redirect(kind, name=name)


@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Ask once what stopping means, then switch off."""
    item = kinds.find(kind, name)
    if request.method == "POST":
        lifecycle.stop(item, reason=request.POST.get("reason", "").strip())
        word = "Nobody is enrolled any more" if kind == "experiment" else "Nothing is sent any more"
        messages.success(request, f"{item.name} is stopped. {word} once sites have read it.")
        return redirect(kind, name=name)
    return render(request, "registry/stop.html", item_context(request, item))


@require_safe
def history(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Who changed what, when and why."""
    item = kinds.find(kind, name)
    records = list(item.history.select_related("history_user").order_by("history_date"))
    context = item_context(request, item) | {"entries": history_diff.entries(records)[::-1]}
    return render(request, "registry/history.html", context)


def item_context(request: HttpRequest, item: AnyItem) -> dict[str, Any]:
    """What the head of every page of an item shows."""
    kind = item.KIND
    now = timezone.now()
    state = item.state(now)
    current = request.resolver_match.url_name if request.resolver_match else ""
    live = state in {State.RUNNING, State.SCHEDULED}
    plan = plans.of(item)
    return {
        "item": item,
        "kind": kind,
        "plan": plan,
        "state": state,
        "live": live,
        "hindrances": rules.to_activate(plan, now=now) if state is State.DRAFT else (),
        "tabs": [(url, label, url == current) for url, label in kinds.TABS[kind]],
        "day": _day(item, now),
        "subjects": kinds.SUBJECTS.get(item.identifier_type, "subjects")
        if isinstance(item, Experiment)
        else "",
    }


def _day(item: AnyItem, now: datetime) -> dict[str, int] | None:
    """Which day of the planned ones this is, counted from 1."""
    if item.state(now) is not State.RUNNING or item.start is None:
        return None
    total = max(1, -(-(item.end - item.start).total_seconds() // 86_400))
    today = min(total, (now - item.start).total_seconds() // 86_400 + 1)
    share = (now - item.start) / (item.end - item.start)
    return {"today": int(today), "total": int(total), "percent": max(1, round(100 * share))}
