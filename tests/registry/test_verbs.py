"""The verbs of the life cycle: approval, phases, decision, archive, kill; and their pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.damage import damage
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, placing, public_api
from allotment.registry import plan as plans
from allotment.registry.models import (
    Account,
    AuditEntry,
    Experiment,
    Instrument,
    KillSwitch,
    Layer,
    Phase,
    State,
)
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan
from allotment.registry.rules import RuleRefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
MakeInstrument = Callable[..., InstrumentPlan]
E = "/experiments/search-suggestions"
DAY = timedelta(days=1)


def state(item: Experiment | Instrument) -> State:
    return type(item).objects.get(pk=item.pk).state(timezone.now())


def refused(do: Callable[[], object]) -> list[str]:
    """The rules that refuse a write."""
    with pytest.raises(RuleRefusedError) as error:
        do()
    return [refusal.rule for refusal in error.value.refusals]


def pass_days(item: Experiment | Instrument, days: int) -> None:
    """Let the item be as if it had begun earlier."""
    back = timedelta(days=days)
    fields = ("start", "end", "activated", "stopped")
    row = type(item).objects.get(pk=item.pk)
    moved = {f: getattr(row, f) - back for f in fields if getattr(row, f) is not None}
    type(item).objects.filter(pk=item.pk).update(**moved)


def until_running(item: Experiment) -> None:
    """A phase that begins in the second in which the one before ended begins in the next one."""
    deadline = time.monotonic() + 30
    while state(item) is State.SCHEDULED and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state(item) is State.RUNNING


@pytest.fixture
def ben(db: None) -> Account:
    return Account.objects.create_user(username="ben", role="approver")


@pytest.fixture
def approval(settings: Any) -> None:  # noqa: ANN401 - Django's settings
    """From medium risk on, a second person must approve."""
    settings.ALLOTMENT = replace(settings.ALLOTMENT, approval_from="medium")


RISKY = {"risk_level": "medium", "review_link": "https://example.org/review/7"}


@pytest.mark.usefixtures("approval")
def test_activate__risk_that_needs_approval__only_after_another_person(
    experiment_plan: Make, account: Account, ben: Account
) -> None:
    item = lifecycle.create(experiment_plan(**RISKY), by=account)
    assert refused(lambda: lifecycle.activate(item)) == ["second-person-approved"]
    lifecycle.ask(item, by=account)
    assert state(item) is State.READY
    assert refused(lambda: lifecycle.approve(item, by=account)) == ["approver-is-another"]
    assert refused(lambda: lifecycle.activate(item)) == ["second-person-approved"]
    lifecycle.approve(item, by=ben)
    assert state(item) is State.READY
    assert state(lifecycle.activate(item, by=account)) is State.RUNNING


@pytest.mark.usefixtures("approval")
def test_edit__live_and_risk_rises_to_where_approval_is_asked__only_with_a_second_person(
    experiment_plan: Make, account: Account, ben: Account
) -> None:
    """What could not have been switched on alone is not come to by an edit alone."""
    item = lifecycle.activate(lifecycle.create(experiment_plan(), by=account), by=account)
    risky = replace(plans.of(item), risk_level="medium", review_link="https://example.org/review/7")
    assert refused(lambda: lifecycle.edit(item, risky, by=account)) == ["second-person-approved"]
    item = lifecycle.edit(lifecycle.stop(item, by=account), risky, by=account)
    lifecycle.approve(item, by=ben)
    item = lifecycle.activate(item, by=account)
    # What was approved may be described and raised on; it needs approval to be switched on again.
    more = replace(plans.of(item), description="Told better", default_rate=Decimal("0.5"))
    item = lifecycle.edit(item, more, by=account)
    assert state(item) is State.RUNNING
    assert item.approved is None


@pytest.mark.usefixtures("approval")
def test_activate__low_risk_below_the_bar__needs_nobody(experiment_plan: Make) -> None:
    assert state(lifecycle.activate(lifecycle.create(experiment_plan()))) is State.RUNNING


@pytest.mark.usefixtures("approval")
@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"description": "Told better"}, True),
        ({"owners": ("Web team",)}, True),
        ({"sites": (("frwiki", Decimal("0.2")),)}, False),
        ({"hypothesis": "Another one"}, False),
        ({"attributes": ()}, False),
    ],
)
def test_edit__of_what_was_approved__withdraws_the_approval(
    experiment_plan: Make, account: Account, ben: Account, change: dict[str, Any], kept: bool
) -> None:
    item = lifecycle.ask(lifecycle.create(experiment_plan(**RISKY), by=account))
    item = lifecycle.approve(item, by=ben)
    item = lifecycle.edit(item, replace(plans.of(item), **change), by=account)
    assert state(item) is State.READY
    assert (item.approved is not None) is kept
    if not kept:
        assert refused(lambda: lifecycle.activate(item)) == ["second-person-approved"]


@pytest.mark.usefixtures("approval")
def test_approve__by_whoever_edited_last__refused(
    experiment_plan: Make, account: Account, ben: Account
) -> None:
    item = lifecycle.ask(lifecycle.create(experiment_plan(**RISKY), by=account))
    lifecycle.edit(item, replace(plans.of(item), hypothesis="Mine"), by=ben)
    assert refused(lambda: lifecycle.approve(item, by=ben)) == ["approver-is-another"]


def test_ask__incomplete_plan__refused_by_every_rule_at_once(experiment_plan: Make) -> None:
    plan = experiment_plan(
        risk_level="pending", environments=(), sites=(), default_rate=Decimal(0), is_template=True
    )
    item = lifecycle.create(plan)
    found = refused(lambda: lifecycle.ask(item))
    assert found[:4] == [
        "template-never-runs",
        "risk-is-assessed",
        "environments-chosen",
        "some-traffic",
    ]
    assert state(item) is State.DRAFT


def test_start__scheduled__runs_from_this_minute(experiment_plan: Make) -> None:
    start = timezone.now() + 5 * DAY
    item = lifecycle.activate(lifecycle.create(experiment_plan(start=start)))
    assert state(item) is State.SCHEDULED
    item = lifecycle.start(item)
    assert state(item) is State.RUNNING
    assert item.start is not None
    assert timezone.now() - item.start < timedelta(minutes=1)


def test_edit__scheduled_start_into_the_past__is_no_start(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan(start=timezone.now() + 5 * DAY)))
    plan = replace(plans.of(item), start=timezone.now() - DAY)
    assert refused(lambda: lifecycle.edit(item, plan)) == ["start-in-future"]
    plan = replace(plans.of(item), start=None)
    assert refused(lambda: lifecycle.edit(item, plan)) == ["start-in-future"]


@pytest.mark.parametrize("kind", ["experiment", "instrument"])
def test_edit__after_the_clock_ended_it__never_wakes_it(
    experiment_plan: Make, instrument_plan: MakeInstrument, kind: str
) -> None:
    plan = experiment_plan() if kind == "experiment" else instrument_plan()
    item = lifecycle.activate(lifecycle.create(plan))
    pass_days(item, 200)
    assert state(item) is State.STOPPED
    later = replace(plans.of(type(item).objects.get()), end=timezone.now() + 30 * DAY)
    if kind == "experiment":
        assert refused(lambda: lifecycle.edit(item, later)) == ["end-stays"]
    else:
        lifecycle.edit(item, later)
    assert state(item) is State.STOPPED


def test_decide__needs_a_known_word_and_reasons_and_stays(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    assert refused(lambda: lifecycle.decide(item, "ship", "It was better")) == ["state-allows"]
    lifecycle.stop(item)
    assert refused(lambda: lifecycle.decide(item, "maybe", " ")) == ["decision-has-reasons"] * 2
    item = lifecycle.decide(item, "ship", "It was better, and nothing was harmed.")
    assert state(item) is State.DECIDED
    plan = plans.of(item)
    change = replace(plan, sites=(("frwiki", Decimal(1)),))
    assert refused(lambda: lifecycle.edit(item, change)) == ["closed-stays"]
    assert refused(lambda: lifecycle.activate(item)) == ["state-allows"]
    lifecycle.edit(item, replace(plan, description="Told for those who come later"))
    assert state(item) is State.DECIDED


def test_state_allows__refusal__names_the_first_step(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    lifecycle.stop(item)
    with pytest.raises(RuleRefusedError) as error:
        lifecycle.archive(item)
    (refusal,) = error.value.refusals
    assert refusal.rule == "state-allows"
    assert refusal.headline == "an experiment that is stopped cannot be archived"
    assert refusal.remedy == "First: “Decide”."


def test_archive_and_restore__back_where_it_was(
    experiment_plan: Make, instrument_plan: MakeInstrument
) -> None:
    experiment = lifecycle.create(experiment_plan())
    assert state(lifecycle.restore(lifecycle.archive(experiment))) is State.DRAFT
    lifecycle.stop(lifecycle.activate(experiment))
    lifecycle.decide(experiment, "no-decision", "The button was never built.")
    assert state(lifecycle.restore(lifecycle.archive(experiment))) is State.DECIDED
    instrument = lifecycle.stop(lifecycle.activate(lifecycle.create(instrument_plan())))
    assert state(lifecycle.archive(instrument)) is State.ARCHIVED
    assert state(lifecycle.restore(instrument)) is State.STOPPED
    assert state(lifecycle.activate(instrument)) is State.RUNNING


def analytics() -> list[dict[str, Any]]:
    return public_api.experiments(timezone.now(), analytics=True).documents


def test_relaunch__new_phase__name_stays_and_each_phase_is_kept(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    (first,) = analytics()
    assert (first["phase_index"], first["active"], "superseded" in first) == (0, True, False)
    lifecycle.stop(item)
    lifecycle.decide(item, "learn-more", "The groups were uneven.")
    item = lifecycle.relaunch(item)
    assert state(item) is State.DRAFT
    (kept,) = analytics()
    assert kept == {**first, "active": False, "stopped": kept["stopped"], "superseded": True}
    groups = (GroupPlan(name="control"), GroupPlan(name="larger"), GroupPlan(name="smaller"))
    plan = replace(plans.of(item), groups=groups, sites=(("eswiki", Decimal("0.01")),))
    item = lifecycle.edit(item, plan)
    renamed = replace(plan, machine_name="another-name")
    assert refused(lambda: lifecycle.edit(item, renamed)) == ["live-is-frozen"]
    others = replace(plan, identifier_type="mw-user")
    assert refused(lambda: lifecycle.edit(item, others)) == ["live-is-frozen"]
    item = lifecycle.activate(item)
    until_running(item)
    (served,) = public_api.experiments(timezone.now()).documents
    assert (served["name"], served["phase_index"]) == (first["name"], 1)
    assert served["groups"] == ["control", "larger", "smaller"]
    again, second = analytics()
    assert again == kept
    assert second == {
        **served,
        "active": True,
        "stopped": None,
        "versions": [str(item.first_version), str(item.version)],
    }
    assert int(second["versions"][0]) > int(kept["versions"][1])
    assert kept["stopped"] <= second["start"], "no event belongs to both"
    phase = Phase.objects.get()
    assert (phase.decision, phase.decision_reasons) == ("learn-more", "The groups were uneven.")
    assert phase.plan["sites"] == {"frwiki": "0.1", "dewiki": "0.1"}
    assert Experiment.objects.get().decision == ""


def test_relaunch__start_in_the_phase_before__refused(experiment_plan: Make) -> None:
    item = lifecycle.stop(lifecycle.activate(lifecycle.create(experiment_plan())))
    item = lifecycle.relaunch(item)
    plan = replace(plans.of(item), start=timezone.now() - DAY)
    item = lifecycle.edit(item, plan)
    assert refused(lambda: lifecycle.activate(item)) == ["phases-follow"]


def test_relaunch__instrument_or_draft__refused(
    experiment_plan: Make, instrument_plan: MakeInstrument
) -> None:
    draft = lifecycle.create(experiment_plan())
    assert refused(lambda: lifecycle.relaunch(draft)) == ["state-allows"]
    stopped = lifecycle.stop(lifecycle.activate(lifecycle.create(instrument_plan())))
    assert refused(lambda: lifecycle.relaunch(stopped)) == ["state-allows"]


def test_clone__any_state__a_draft_of_its_own(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan(is_template=False)))
    assert refused(lambda: lifecycle.clone(item, machine_name="search-suggestions-2")) == [
        "guidelines-acknowledged"
    ]
    made = lifecycle.clone(item, machine_name="search-suggestions-2", acknowledged=True)
    assert state(made) is State.DRAFT
    plan, source = plans.of(made), plans.of(item)
    assert plan == replace(source, machine_name="search-suggestions-2", start=None, end=plan.end)
    assert source.start is not None
    assert abs((plan.end - timezone.now()) - (source.end - source.start)) < timedelta(minutes=2)


def test_kill__everything__one_action_with_one_reason(
    experiment_plan: Make, instrument_plan: MakeInstrument, account: Account
) -> None:
    future = timezone.now() + 5 * DAY
    running = lifecycle.activate(lifecycle.create(experiment_plan()))
    waiting = lifecycle.activate(
        lifecycle.create(experiment_plan(machine_name="starts-later", start=future))
    )
    draft = lifecycle.create(experiment_plan(machine_name="is-a-draft"))
    instrument = lifecycle.activate(lifecycle.create(instrument_plan()))
    assert refused(lambda: lifecycle.kill(None, reason=" ")) == ["kill-has-reason"]
    switch = lifecycle.kill(None, reason="Pages are blank", by=account)
    assert [state(i) for i in (running, waiting, instrument)] == [State.STOPPED] * 3
    assert state(draft) is State.DRAFT
    assert switch.everything
    assert len(switch.stopped) == 3
    for item in (running, waiting, instrument):
        record = item.history.latest("history_id")
        assert (record.verb, record.kill) == ("kill", switch.pk)
        assert record.history_change_reason == "Pages are blank"
        assert record.history_user == account
    assert AuditEntry.objects.filter(action="kill-switch").count() == 1


def test_kill__chosen__the_others_run_on(experiment_plan: Make) -> None:
    one = lifecycle.activate(lifecycle.create(experiment_plan()))
    other = lifecycle.activate(lifecycle.create(experiment_plan(machine_name="another-one")))
    lifecycle.kill([one], reason="Broken on phones")
    assert (state(one), state(other)) == (State.STOPPED, State.RUNNING)
    assert refused(lambda: lifecycle.kill([], reason="x")) == ["kill-has-items"]


def test_kill__damaged_row__is_switched_off_with_the_rest(experiment_plan: Make) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    lifecycle.activate(lifecycle.create(experiment_plan(machine_name="the-bad-one")))
    damage(
        "UPDATE registry_experiment SET default_rate = 'many' WHERE machine_name = 'the-bad-one'"
    )
    lifecycle.kill(None, reason="Pages are blank")
    assert set(Experiment.objects.values_list("stage", flat=True)) == {"stopped"}
    assert len(KillSwitch.objects.get().stopped) == 2


def test_layer__two_experiments__own_parts_that_never_overlap(experiment_plan: Make) -> None:
    placing.save_layer(Layer(name="chrome"))

    def layered(name: str, share: str, **more: Any) -> ExperimentPlan:  # noqa: ANN401 - any field
        return experiment_plan(
            machine_name=name, layer="chrome", layer_share=Decimal(share), **more
        )

    one = lifecycle.activate(lifecycle.create(layered("experiment-one", "0.5")))
    two = lifecycle.activate(lifecycle.create(layered("experiment-two", "0.25")))
    three = lifecycle.create(layered("experiment-three", "0.5"))
    assert refused(lambda: lifecycle.activate(three)) == ["layer-has-room"]
    users = lifecycle.create(layered("experiment-four", "0.1", identifier_type="mw-user"))
    assert "layer-fits-identifier" in refused(lambda: lifecycle.activate(users))
    documents = {d["name"]: d["layer"] for d in public_api.experiments(timezone.now()).documents}
    assert documents == {
        "experiment-one": {"name": "chrome", "begin": 0, "end": 2**23},
        "experiment-two": {"name": "chrome", "begin": 2**23, "end": 2**23 + 2**22},
    }
    more = replace(plans.of(one), layer_share=Decimal("0.6"))
    assert refused(lambda: lifecycle.edit(one, more)) == ["layer-has-room"]
    less = replace(plans.of(two), layer_share=Decimal("0.2"))
    assert refused(lambda: lifecycle.edit(two, less)) == ["layer-range-only-grows"]
    two = lifecycle.edit(two, replace(plans.of(two), layer_share=Decimal("0.5")))
    assert (two.layer_begin, two.layer_end) == (2**23, 2**24)
    lifecycle.stop(one)
    lifecycle.activate(three)
    assert refused(lambda: lifecycle.activate(one)) == ["layer-range-is-free"]


def test_version_and_revision__each_write__counted_once(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    assert item.revision == 1
    stale = item.revision
    item = lifecycle.edit(item, replace(plans.of(item), description="One"), expected=stale)
    assert item.revision == 2
    again = replace(plans.of(item), description="Two")
    assert refused(lambda: lifecycle.edit(item, again, expected=stale)) == [
        "nobody-wrote-meanwhile"
    ]
    assert refused(lambda: lifecycle.activate(item, expected=stale)) == ["nobody-wrote-meanwhile"]


# The pages.


def test_buttons__every_state__leads_on_and_the_page_keeps_its_promises(
    visitor: Client, experiment_plan: Make
) -> None:
    item = lifecycle.create(experiment_plan(start=timezone.now() + DAY))
    steps: list[tuple[str, dict[str, str], State]] = [
        ("ask", {}, State.READY),
        ("withdraw", {}, State.DRAFT),
        ("activate", {}, State.SCHEDULED),
        ("start", {}, State.RUNNING),
        ("stop", {"reason": "Enough"}, State.STOPPED),
        ("decide", {"decision": "ship", "reasons": "Better"}, State.DECIDED),
        ("archive", {}, State.ARCHIVED),
        ("restore", {}, State.DECIDED),
        ("relaunch", {}, State.DRAFT),
    ]
    for verb, given, after in steps:
        page = Page(visitor.get(E).content.decode())
        assert page.faults() == []
        assert visitor.post(f"{E}/{verb}", given).status_code == 302, verb
        assert state(item) is after
    text = visitor.get(E).content.decode()
    assert "Phase <b>2</b>" in text
    verbs = list(Experiment.history.order_by("history_id").values_list("verb", flat=True))
    assert verbs == ["create", *(verb for verb, _, _ in steps)]


def test_decide_page__without_reasons__said_under_the_field(
    visitor: Client, experiment_plan: Make
) -> None:
    lifecycle.stop(lifecycle.activate(lifecycle.create(experiment_plan())))
    page = Page(visitor.get(f"{E}/decide").content.decode())
    assert page.faults() == []
    response = visitor.post(f"{E}/decide", {"decision": "ship", "reasons": ""})
    assert response.status_code == 422
    page = Page(response.content.decode())
    assert page.faults() == []
    assert "Write one or two sentences" in response.content.decode()


def test_kill_page__everything__stopped_with_the_reason(
    visitor: Client, experiment_plan: Make
) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    assert Page(visitor.get("/kill").content.decode()).faults() == []
    response = visitor.post("/kill", {"chosen": "yes", "reason": "Blank pages"})
    assert response.status_code == 422
    assert "kill-has-items" in response.content.decode()
    ticked = {"chosen": "yes", "item": "experiment search-suggestions", "reason": "Blank pages"}
    assert visitor.post("/kill", ticked).status_code == 302
    assert state(item) is State.STOPPED
    assert Page(visitor.get("/kill").content.decode()).faults() == []


def test_verb_page__refused__says_which_rule_and_the_way_out(
    visitor: Client, experiment_plan: Make
) -> None:
    lifecycle.create(experiment_plan())
    response = visitor.post(f"{E}/relaunch")
    assert response.status_code == 422
    text = response.content.decode()
    assert Page(text).faults() == []
    assert "state-allows" in text
    assert "was not relaunched" in text
