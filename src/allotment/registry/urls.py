"""The addresses of the registry. Names of items may hold dots, so they are matched as text."""

from __future__ import annotations

from django.urls import URLPattern, path

from allotment.registry import api
from allotment.registry.manage_api import application
from allotment.registry.views import (
    accounts,
    audit_log,
    calendar,
    directory,
    experiments,
    faults,
    health,
    home,
    instruments,
    item_form,
    items,
    kill,
    lab_health,
    people,
    people_self,
    places,
    public,
    sign_on,
    streams,
    verbs,
)


def _of(kind: str) -> list[URLPattern]:
    """The addresses that instruments and experiments share."""
    at = f"{kind}s/<str:name>"
    pages = {
        "edit": item_form.edit,
        "health": health.page,
        "history": items.history,
        "revert": items.revert,
        "ask": verbs.ask,
        "withdraw": verbs.withdraw,
        "approve": verbs.approve,
        "activate": verbs.activate,
        "start": verbs.start,
        "stop": verbs.stop,
        "archive": verbs.archive,
        "restore": verbs.restore,
    }
    return [
        path(f"{kind}s/new", item_form.new, {"kind": kind}, name=f"{kind}-new"),
        *(
            path(f"{at}/{word}", view, {"kind": kind}, name=f"{kind}-{word}")
            for word, view in pages.items()
        ),
    ]


urlpatterns = [
    # Programs ask for these far more often than people ask for pages, and each address before the
    # one that fits is tried: behind all pages it took as long as the rest of a 304.
    path("api/v1/instruments", api.instruments, name="api-instruments"),
    path("api/v1/experiments", api.experiments, name="api-experiments"),
    path("w/api.php", api.stream_configs, name="api-streams"),
    path("healthz", api.healthz, name="healthz"),
    path(application.PREFIX, application.patterns()),
    path("", home.home, name="home"),
    path("login", accounts.log_in, name="login"),
    path("login/local", accounts.log_in_locally, name="login-local"),
    path("login/sso", sign_on.Begin.as_view(), name="sso-begin"),
    path("login/sso/return", sign_on.Return.as_view(), name="sso-return"),
    path("logout", accounts.log_out, name="logout"),
    path("password", accounts.change_password, name="password"),
    path("theme", accounts.choose_theme, name="theme"),
    path("language", accounts.choose_language, name="language"),
    path("account", people_self.account, name="account"),
    path("account/sessions", people_self.end_sessions, name="account-sessions"),
    path("account/tokens/new", people_self.new_token, name="token-new"),
    path("account/tokens/<str:identifier>/revoke", people_self.revoke_token, name="token-revoke"),
    path("people", people.listing, name="people"),
    path("people/new", people.new, name="person-new"),
    path("people/tokens", people.all_tokens, name="tokens"),
    path("people/of/<str:name>", people.person, name="person"),
    path("people/of/<str:name>/switch", people.switch, name="person-switch"),
    path("people/of/<str:name>/password", people.reset_password, name="person-password"),
    path("people/of/<str:name>/sessions", people.end_sessions, name="person-sessions"),
    path("teams", people.teams, name="teams"),
    path("teams/new", people.new_team, name="team-new"),
    path("teams/<int:key>", people.team, name="team"),
    path("teams/<int:key>/remove", people.remove_team, name="team-remove"),
    path("audit", audit_log.page, name="audit"),
    path("audit/export", audit_log.export, name="audit-export"),
    path("public/experiments/<str:name>", public.experiment, name="public-experiment"),
    path("experiments/<str:name>/publish", public.publish, name="experiment-publish"),
    path("health", lab_health.page, name="lab-health"),
    path("directory", directory.directory, name="directory"),
    path("calendar", calendar.page, name="calendar"),
    path("directory/views", directory.save_view, name="view-save"),
    path("directory/views/<int:key>/remove", directory.remove_view, name="view-remove"),
    path("kill", kill.page, name="kill"),
    *_of("experiment"),
    path("experiments/<str:name>/decide", verbs.decide, name="experiment-decide"),
    path(
        "experiments/<str:name>/relaunch",
        verbs.relaunch,
        {"kind": "experiment"},
        name="experiment-relaunch",
    ),
    path("experiments/<str:name>", experiments.plan, name="experiment"),
    path(
        "experiments/<str:name>/configuration",
        experiments.configuration,
        name="experiment-configuration",
    ),
    path("experiments/<str:name>/results", experiments.results, name="experiment-results"),
    path("experiments/<str:name>/install", experiments.install, name="experiment-install"),
    *_of("instrument"),
    path("instruments/<str:name>", instruments.detail, name="instrument"),
    path("instruments/<str:name>/install", instruments.install, name="instrument-install"),
    path("sites", places.listing, name="sites"),
    path("sites/new", places.new_site, name="site-new"),
    path("sites/exceptions/new", places.new_exception, name="exception-new"),
    path(
        "sites/exceptions/<int:key>/withdraw",
        places.withdraw_exception,
        name="exception-withdraw",
    ),
    path("sites/of/<str:name>", places.site, name="site"),
    path("sites/of/<str:name>/remove", places.remove_site, name="site-remove"),
    path("layers/new", places.new_layer, name="layer-new"),
    path("layers/of/<str:name>", places.layer, name="layer"),
    path("streams", streams.listing, name="streams"),
    path("streams/new", streams.new, name="stream-new"),
    path("streams/<path:name>/history", streams.history, name="stream-history"),
    path("streams/<path:name>/revert", streams.revert, name="stream-revert"),
    path("streams/<path:name>", streams.edit, name="stream"),
]

handler400 = faults.bad_request
handler403 = faults.forbidden
handler404 = faults.not_found
handler500 = faults.server_error
