"""Sites, layers, and exceptions to caps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from allotment.registry import gate, permissions, placing
from allotment.registry.forms.places import (
    ExceptionForm,
    LayerForm,
    PlaceForm,
    SiteForm,
    exceptions,
)
from allotment.registry.layers import free_share
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import (
    Account,
    CapException,
    Experiment,
    Instrument,
    Layer,
    Site,
)
from allotment.registry.rules import RuleRefusedError
from allotment.registry.surroundings import Neighborhood

PAGE_SIZE = 50


def _acting(request: HttpRequest) -> Account | None:
    return request.user if isinstance(request.user, Account) else None


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The registered sites, the layers with what is free in them, and the exceptions."""
    gate.require(request, "see")
    neighborhood = Neighborhood(timezone.now())
    layers = [
        (layer, neighborhood.owners(layer.name), free_share(neighborhood.taken_in(layer.name)))
        for layer in Layer.objects.all()
    ]
    asked = request.GET.get("q", "").strip()
    words = asked.casefold().split()
    found = [
        site
        for site in neighborhood.book.sites.values()
        if all(word in f"{site.name} {site.label} {site.family}".casefold() for word in words)
    ]
    found.sort(key=lambda site: (site.family, site.name))
    context = {
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "asked": asked,
        "query": urlencode({"q": asked}) if asked else "",
        "many": len(neighborhood.book.sites) > PAGE_SIZE,
        "total": len(neighborhood.book.sites),
        "layers": layers,
        "exceptions": exceptions(),
        "tending": permissions.may(request.user, "places"),
    }
    return render(request, "registry/sites.html", context)


@require_http_methods(["GET", "POST"])
def new_site(request: HttpRequest) -> HttpResponse:
    """The form of a site that is not registered yet."""
    gate.require(request, "places")
    return _site_page(request, Site())


@require_http_methods(["GET", "POST"])
def site(request: HttpRequest, name: str) -> HttpResponse:
    """The form of a registered site."""
    gate.require(request, "places")
    found = Site.objects.filter(name=name).first()
    if found is None:
        raise Http404(f"no site is called {name}")
    return _site_page(request, found)


@require_POST
def remove_site(request: HttpRequest, name: str) -> HttpResponse:
    """Forget a site."""
    gate.require(request, "places")
    found = Site.objects.filter(name=name).first()
    if found is None:
        raise Http404(f"no site is called {name}")
    try:
        placing.remove_site(found, by=_acting(request))
    except RuleRefusedError as error:
        form = SiteForm(initial=SiteForm.initial_of(found))
        return _page(request, form, found, error, status=422)
    messages.success(
        request, gettext("%(name)s has no family, environments or cap any more.") % {"name": name}
    )
    return redirect("sites")


@require_http_methods(["GET", "POST"])
def new_layer(request: HttpRequest) -> HttpResponse:
    """The form of a layer that is not there yet."""
    gate.require(request, "places")
    return _layer_page(request, Layer())


@require_http_methods(["GET", "POST"])
def layer(request: HttpRequest, name: str) -> HttpResponse:
    """The form of a layer."""
    gate.require(request, "places")
    found = Layer.objects.filter(name=name).first()
    if found is None:
        raise Http404(f"no layer is called {name}")
    return _layer_page(request, found)


@require_http_methods(["GET", "POST"])
def new_exception(request: HttpRequest) -> HttpResponse:
    """More than a site's cap, for one item, with a reason."""
    gate.require(request, "places")
    form = ExceptionForm(request.POST if request.method == "POST" else None)

    def store() -> None:
        given = form.cleaned_data
        placing.grant_exception(
            _item(given["item"]),
            given["site"],
            given["cap"] / 100,
            reason=given["reason"],
            by=_acting(request),
        )

    return _stored_or_page(request, form, None, store, gettext("The exception is granted."))


@require_POST
def withdraw_exception(request: HttpRequest, key: int) -> HttpResponse:
    """Take an exception back."""
    gate.require(request, "places")
    granted = CapException.objects.filter(pk=key).first()
    if granted is None:
        raise Http404("no such exception")
    placing.withdraw_exception(granted, by=_acting(request))
    messages.success(
        request,
        gettext("%(machine_name)s has no exception on %(site)s any more.")
        % {"machine_name": granted.machine_name, "site": granted.site},
    )
    return redirect("sites")


def _item(name: str) -> AnyItem:
    found = (
        Experiment.objects.filter(machine_name=name).first()
        or Instrument.objects.filter(machine_name=name).first()
    )
    if found is None:
        raise Http404(f"no item is called {name}")
    return found


def _site_page(request: HttpRequest, found: Site) -> HttpResponse:
    initial = SiteForm.initial_of(found) if found.pk else None
    form = SiteForm(request.POST if request.method == "POST" else None, initial=initial)

    def store() -> None:
        reason = form.cleaned_data["reason"]
        placing.save_site(form.apply(found), by=_acting(request), reason=reason)

    return _stored_or_page(request, form, found, store, gettext("The site is saved."))


def _layer_page(request: HttpRequest, found: Layer) -> HttpResponse:
    initial = LayerForm.initial_of(found) if found.pk else None
    form = LayerForm(request.POST if request.method == "POST" else None, initial=initial)
    if found.pk and placing.is_used(found):
        form.locked = frozenset({"name"})

    def store() -> None:
        reason = form.cleaned_data["reason"]
        placing.save_layer(form.apply(found), by=_acting(request), reason=reason)

    return _stored_or_page(request, form, found, store, gettext("The layer is saved."))


def _stored_or_page(
    request: HttpRequest,
    form: PlaceForm,
    found: Site | Layer | None,
    store: Callable[[], None],
    said: str,
) -> HttpResponse:
    if request.method != "POST":
        return _page(request, form, found, None)
    if not form.is_valid():
        return _page(request, form, found, None, status=422)
    try:
        store()
    except RuleRefusedError as error:
        for refusal in error.refusals:
            form.add_error(
                refusal.field if refusal.field in form.fields else None, refusal.sentence
            )
        return _page(request, form, found, error, status=422)
    messages.success(request, said)
    return redirect("sites")


def _page(
    request: HttpRequest,
    form: PlaceForm,
    found: Site | Layer | None,
    error: RuleRefusedError | None,
    *,
    status: int = 200,
) -> HttpResponse:
    word = {SiteForm: "site", LayerForm: "layer", ExceptionForm: "exception"}[type(form)]
    stored = type(found).objects.get(pk=found.pk) if found is not None and found.pk else None
    context: dict[str, Any] = {
        "form": form,
        "word": word,
        "found": stored,
        "refusals": error.refusals if error else (),
    }
    return render(request, "registry/place_form.html", context, status=status)
