"""Any sequence of writes by several people, with the clock running: the promises that always hold.

No state is left but by an arrow of the table, no accepted write lacks its history record, no
refused one leaves a trace, no update is lost to one that began before it, and nobody who is in a
group of a running experiment is moved or put out by a write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from allotment.allocation import allocate, parse_experiment
from allotment.registry import lifecycle, placing, public_api
from allotment.registry import plan as plans
from allotment.registry.models import Account, Experiment, Layer, Phase, Site
from allotment.registry.plan import ExperimentPlan, GroupPlan
from allotment.registry.rules import RuleRefusedError
from allotment.registry.rules.catalog import RULES as OWN
from allotment.registry.states import CLOCK, LIVE, TRANSITIONS, State
from allotment.registry.surroundings import range_of
from allotment.registry.targeting import Condition

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
SITES = ("frwiki", "dewiki", "enwiki", "eswiki", "nowhere")
SUBJECTS = tuple(f"subject-{number}" for number in range(15))
NAMES = ("first-experiment", "second-experiment")
ARROWS = {(t.source, str(t.verb), t.target) for t in TRANSITIONS if "experiment" in t.kinds}
GUARDS: dict[str, set[str]] = {}
for arrow in TRANSITIONS:
    GUARDS.setdefault(str(arrow.verb), set()).update(arrow.rules)

percents = st.sampled_from([Decimal(p) / 100 for p in (0, 20, 50, 100)])
edits = st.one_of(
    st.fixed_dictionaries({"name": st.sampled_from(["One", "Two"])}),
    st.fixed_dictionaries({"machine_name": st.sampled_from(["another-name", *NAMES])}),
    st.fixed_dictionaries({"default_rate": percents}),
    st.fixed_dictionaries(
        {
            "sites": st.lists(
                st.tuples(st.sampled_from([*SITES[:3], "family:wikipedia"]), percents), max_size=3
            ).map(tuple)
        }
    ),
    st.fixed_dictionaries(
        {
            "groups": st.sampled_from(
                [
                    (GroupPlan(name="control"), GroupPlan(name="card")),
                    (GroupPlan(name="control"), GroupPlan(name="card", weight=3)),
                    (GroupPlan(name="control"), GroupPlan(name="list"), GroupPlan(name="card")),
                ]
            )
        }
    ),
    st.fixed_dictionaries({"identifier_type": st.sampled_from(["mw-user", "edge-unique"])}),
    st.fixed_dictionaries(
        {"targeting": st.sampled_from([(), (Condition("mediawiki_skin", "equals", "minerva"),)])}
    ),
    st.fixed_dictionaries(
        {
            "layer": st.just("chrome"),
            "layer_share": st.sampled_from([Decimal("0.3"), Decimal("0.6")]),
        }
    ),
    st.fixed_dictionaries(
        {
            "holds_out": st.sampled_from([(), ("all",), ("another-name",), NAMES[1:]]),
            "layer": st.just(""),
            "layer_share": st.none(),
            "targeting": st.just(()),
        }
    ),
    st.fixed_dictionaries({"environments": st.sampled_from([("production",), ("staging",), ()])}),
    st.fixed_dictionaries({"risk_level": st.sampled_from(["low", "pending", "medium"])}),
    st.fixed_dictionaries({"hypothesis": st.sampled_from(["", "More clicks", "Fewer clicks"])}),
    st.integers(-30, 60).map(lambda days: {"end": days}),
    st.integers(-10, 30).map(lambda days: {"start": days}),
)


class Life(RuleBasedStateMachine):
    """Two experiments, three people, one layer, one family of sites."""

    make: Callable[..., ExperimentPlan]

    def __init__(self) -> None:
        super().__init__()
        self.began = transaction.atomic()
        self.began.__enter__()
        for name in SITES[1:4]:
            placing.save_site(Site(name=name, family="wikipedia", cap=Decimal("0.6")))
        placing.save_layer(Layer(name="chrome"))
        self.people = [
            Account.objects.create(username=name, role="admin") for name in ("ada", "ben", "cyd")
        ]

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.began.__exit__(None, None, None)

    @initialize()
    def two_experiments(self) -> None:
        """One by site and one by family, in a layer; both go as far as they can at once."""
        half = Decimal("0.5")
        plan = self.make(machine_name=NAMES[0], sites=(("frwiki", half),), default_rate=half)
        layered = {"layer": "chrome", "layer_share": Decimal("0.3")}
        family = (("family:wikipedia", half),)
        self.begin(plan)
        self.begin(self.make(machine_name=NAMES[1], sites=family, **layered))

    def begin(self, plan: ExperimentPlan) -> None:
        lifecycle.activate(lifecycle.create(plan, by=self.people[0]))

    def item(self, which: int) -> Experiment:
        return Experiment.objects.order_by("pk")[which]

    def write(self, which: int, verb: str, do: Callable[[Experiment], object]) -> None:
        """One write, and everything that must hold after it, done or refused."""
        before = self.item(which)
        now = timezone.now()
        seen = before.state(now), before.revision, plans.of(before), Phase.objects.count()
        groups, records = self.groups(), Experiment.history.count()
        try:
            with transaction.atomic():
                do(before)
        except RuleRefusedError as error:
            item = self.item(which)
            assert (item.state(now), item.revision, plans.of(item), Phase.objects.count()) == seen
            assert Experiment.history.count() == records
            if verb in GUARDS:
                named = {refusal.rule for refusal in error.refusals} & set(OWN)
                assert named <= GUARDS[verb] | {"state-allows", "nobody-wrote-meanwhile"}
            for refusal in error.refusals:
                assert refusal.what
                assert refusal.remedy
            return
        item = self.item(which)
        after = item.state(timezone.now())
        written = Experiment.history.count() - records
        assert written == item.revision - seen[1] <= 1
        if written:
            record = Experiment.history.filter(id=item.pk).latest("history_id")
            assert record.plan["stage"] == item.stage
            if record.verb == "ends":
                assert (before.stage, item.stage) == ("active", "stopped")
                return
            assert record.verb == verb
            if verb == "edit":
                assert after is seen[0]
            else:
                assert (seen[0], verb, after) in ARROWS
        else:
            assert (after, plans.of(item)) == (seen[0], seen[2])
        self.nobody_moved(groups)

    def groups(self) -> dict[tuple[str, int], Any]:
        """By experiment and phase: who is in which group where, and the range of the layer."""
        found: dict[tuple[str, int], Any] = {}
        now = timezone.now()
        for document in public_api.experiments(now).documents:
            experiment = parse_experiment({**document, "targeting": None, "layer": None})
            held = {
                (site, subject): allocate(experiment, subject, site=site, now=now).group
                for site in SITES
                for subject in SUBJECTS
            }
            key = experiment.name, experiment.phase_index
            found[key] = held, document.get("layer"), document.get("targeting")
        return found

    def nobody_moved(self, before: dict[tuple[str, int], Any]) -> None:
        after = self.groups()
        for key in before.keys() & after.keys():
            (was, layer, targeting), (becomes, layer_now, targeting_now) = before[key], after[key]
            moved = {who for who, group in was.items() if group not in (None, becomes[who])}
            assert not moved, key
            assert targeting == targeting_now
            if layer is not None:
                assert layer_now["name"] == layer["name"]
                assert layer_now["begin"] <= layer["begin"]
                assert layer_now["end"] >= layer["end"]
        live = [i for i in Experiment.objects.all() if i.state(timezone.now()) in LIVE]
        ranges = sorted(owned for item in live if (owned := range_of(item)) is not None)
        assert all(a.end <= b.begin for a, b in pairwise(ranges))
        assert {name for name, _ in after} == {item.machine_name for item in live}

    def refused_by(self, error: RuleRefusedError, *rules: str) -> None:
        assert {refusal.rule for refusal in error.refusals} <= set(rules)

    which = st.integers(0, 1)
    who = st.integers(0, 2)

    @rule(which=which, who=who, change=edits)
    def edit(self, which: int, who: int, change: dict[str, Any]) -> None:
        now = timezone.now().replace(second=0, microsecond=0)
        for name in ("start", "end"):
            if name in change:
                change = {name: now + timedelta(days=change[name])}
        self.write(
            which,
            "edit",
            lambda item: lifecycle.edit(
                item, replace(plans.of(item), **change), by=self.people[who]
            ),
        )

    @rule(which=which, change=edits)
    def save_what_was_opened_before(self, which: int, change: dict[str, Any]) -> None:
        """Of two forms open at once the second is refused: nothing of the first is lost."""
        opened = self.item(which)
        self.edit(which, 1, change)
        stored = self.item(which)
        mine = replace(plans.of(opened), description="Mine alone")
        self.write(
            which,
            "edit",
            lambda i: lifecycle.edit(i, mine, by=self.people[2], expected=opened.revision),
        )
        if stored.revision != opened.revision:
            assert plans.of(self.item(which)) == plans.of(stored)

    @rule(
        which=which,
        who=who,
        verb=st.sampled_from(
            ["ask", "withdraw", "activate", "activate", "start", "stop", "relaunch", "archive"]
        ),
    )
    def do(self, which: int, who: int, verb: str) -> None:
        self.write(which, verb, lambda item: getattr(lifecycle, verb)(item, by=self.people[who]))

    @rule(which=which, who=who)
    def approve(self, which: int, who: int) -> None:
        self.write(which, "approve", lambda i: lifecycle.approve(i, by=self.people[who]))

    @rule(which=which)
    def restore(self, which: int) -> None:
        self.write(which, "restore", lifecycle.restore)

    @rule(which=which, decision=st.sampled_from(["ship", "learn-more", "perhaps", ""]))
    def decide(self, which: int, decision: str) -> None:
        self.write(which, "decide", lambda i: lifecycle.decide(i, decision, "It was better"))

    @rule(everything=st.booleans())
    def kill(self, everything: bool) -> None:
        now = timezone.now()
        states = {item.pk: item.state(now) for item in Experiment.objects.all()}
        records = Experiment.history.count()
        live = [item for item in Experiment.objects.all() if states[item.pk] in LIVE]
        if not everything and not live:
            return
        switch = lifecycle.kill(None if everything else live[:1], reason="It is broken")
        stopped = live if everything else live[:1]
        assert len(switch.stopped) == len(stopped)
        assert Experiment.history.filter(kill=switch.pk).count() == len(stopped)
        assert Experiment.history.count() == records + len(stopped)
        for item in Experiment.objects.all():
            killed = item.pk in {i.pk for i in stopped}
            assert item.state(now) is (State.STOPPED if killed else states[item.pk])

    @rule(name=st.sampled_from(SITES[1:4]), family=st.sampled_from(["wikipedia", ""]))
    def move_site(self, name: str, family: str) -> None:
        groups = self.groups()
        site = Site.objects.get(name=name)
        site.family = family
        try:
            with transaction.atomic():
                placing.save_site(site)
        except RuleRefusedError as error:
            self.refused_by(error, "family-moves-nobody")
        self.nobody_moved(groups)

    @rule(days=st.sampled_from([1, 10, 40]))
    def time_passes(self, days: int) -> None:
        """As much later for the registry as everything stored is moved back."""
        before = {item.pk: item.state(timezone.now()) for item in Experiment.objects.all()}
        back = timedelta(days=days)
        for model, fields in (
            (Experiment, ("start", "end", "activated", "stopped", "decided")),
            (Phase, ("start", "end", "activated", "stopped", "decided")),
        ):
            model.objects.update(**{field: F(field) - back for field in fields})
        for item in Experiment.objects.all():
            was, becomes = before[item.pk], item.state(timezone.now())
            by_clock = {(t.source, t.target) for t in TRANSITIONS if t.verb in CLOCK}
            both = (State.SCHEDULED, State.STOPPED)
            assert was is becomes or (was, becomes) in by_clock | {both}


def test_life__any_sequence_of_writes__keeps_every_promise(
    experiment_plan: Callable[..., ExperimentPlan],
) -> None:
    class Planned(Life):
        make = staticmethod(experiment_plan)

    run_state_machine_as_test(
        Planned,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.fixture
def with_approval(settings: Any) -> None:  # noqa: ANN401 - Django's settings
    """Everything needs a second person."""
    settings.ALLOTMENT = replace(settings.ALLOTMENT, approval_from="low")


@pytest.mark.usefixtures("with_approval")
def test_life__with_approval__nothing_unapproved_is_ever_on(
    experiment_plan: Callable[..., ExperimentPlan],
) -> None:
    class Planned(Life):
        make = staticmethod(experiment_plan)

        def begin(self, plan: ExperimentPlan) -> None:
            item = lifecycle.ask(lifecycle.create(plan, by=self.people[0]))
            lifecycle.approve(item, by=self.people[1])

        def nobody_moved(self, before: dict[tuple[str, int], Any]) -> None:
            super().nobody_moved(before)
            for item in Experiment.objects.filter(stage="active"):
                last = item.history.filter(verb="activate").latest("history_id")
                assert last.approved_by_id is not None
                assert last.approved_by_id != last.edited_by_id

    run_state_machine_as_test(
        Planned,
        settings=settings(
            max_examples=5,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
