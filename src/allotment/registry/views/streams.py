"""Streams: the list and the form."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from allotment.registry import gate, permissions, stream_versions
from allotment.registry.forms.stream import StreamForm
from allotment.registry.models import Stream
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.views import kinds


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every stream, with what runs on it."""
    now = timezone.now()
    running = kinds.running_by_stream(now)
    rows = [(stream, running.get(stream.pk, 0)) for stream in Stream.objects.order_by("name")]
    return render(request, "registry/streams.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form of a stream that is not there yet."""
    gate.require(request, "streams")
    return _form_page(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """The form of a stored stream; who may not save it can read it."""
    gate.require(request, "see" if request.method == "GET" else "streams")
    return _form_page(request, _stream(name))


@require_safe
def history(request: HttpRequest, name: str) -> HttpResponse:
    """Who changed what, when and why; `?from=1&to=3` says what lies between two versions."""
    return _history_page(request, _stream(name))


@require_POST
def revert(request: HttpRequest, name: str) -> HttpResponse:
    """One click: an earlier version is the next version, where no rule of the form refuses it."""
    gate.require(request, "streams")
    stream = _stream(name)
    number, began = request.POST.get("number", ""), request.POST.get("revision", "")
    try:
        saved = stream_versions.revert(
            stream,
            int(number) if number.isdecimal() else 0,
            reason=request.POST.get("reason", ""),
            meant="meant" in request.POST,
            expected=int(began) if began.isdecimal() else None,
        )
    except RuleRefusedError as error:
        loses = all(refusal.rule == "block-not-lost" for refusal in error.refusals)
        refused = {"refusals": error.refusals, "number": number, "loses": loses}
        return _history_page(request, _stream(name), refused, status=422)
    names = {"stream": saved.name, "number": number, "revision": saved.revision}
    messages.success(
        request,
        _("%(stream)s is as it was in version %(number)s; this is version %(revision)s.") % names,
    )
    return redirect("stream-history", name=name)


def _stream(name: str) -> Stream:
    found = Stream.objects.filter(name=name).first()
    if found is None:
        raise Http404(f"no stream is called {name}")
    return found


def _history_page(
    request: HttpRequest,
    stream: Stream,
    refused: dict[str, object] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    versions = stream_versions.all_of(stream)
    wanted = (request.GET.get("from", ""), request.GET.get("to", ""))
    chosen = [v for v in versions if str(v.number) in wanted]
    context = {
        "stream": stream,
        "entries": versions[::-1],
        "between": stream_versions.Between(chosen[0], chosen[-1]) if chosen else None,
        "revert": permissions.may(request.user, "streams"),
        **(refused or {}),
    }
    return render(request, "registry/stream_history.html", context, status=status)


def _codes(form: StreamForm) -> list[str]:
    """What refuses a form that was sent: names of rules, and words of the library's own."""
    found = form.errors.as_data().values() if form.is_bound else ()
    return [error.code or "" for errors in found for error in errors]


def _form_page(request: HttpRequest, stream: Stream | None) -> HttpResponse:
    status = 200
    refusals: tuple[Refusal, ...] = ()
    names = StreamForm.base_fields
    initial = {n: getattr(stream, n) for n in names if hasattr(stream, n)} if stream else {}
    if request.method == "POST":
        form = StreamForm(request.POST, stream=stream, initial=initial)
        status = 422
        if form.is_valid():
            try:
                saved = form.save()
            except RuleRefusedError as error:
                refusals, status = error.refusals, 412
            else:
                messages.success(request, gettext("%(name)s is saved.") % {"name": saved.name})
                return redirect("streams")
    else:
        form = StreamForm(stream=stream, initial=initial)
    context = {
        "form": form,
        "stream": stream,
        "refusals": refusals,
        "rules": sorted({code for code in _codes(form) if "-" in code}),
    }
    return render(request, "registry/stream_form.html", context, status=status)
