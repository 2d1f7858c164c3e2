"""Streams: the list and the form."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from allotment.registry import gate
from allotment.registry.forms.stream import StreamForm
from allotment.registry.models import State, Stream
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.views import kinds


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every stream, with what runs on it."""
    now = timezone.now()
    running: dict[int, int] = {}
    for item in kinds.everything():
        if item.state(now) is State.RUNNING:
            running[item.stream_id] = running.get(item.stream_id, 0) + 1
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
    stream = Stream.objects.filter(name=name).first()
    if stream is None:
        raise Http404(f"no stream is called {name}")
    return _form_page(request, stream)


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
                messages.success(request, f"{saved.name} is saved.")
                return redirect("streams")
    else:
        form = StreamForm(stream=stream, initial=initial)
    context = {"form": form, "stream": stream, "refusals": refusals}
    return render(request, "registry/stream_form.html", context, status=status)
