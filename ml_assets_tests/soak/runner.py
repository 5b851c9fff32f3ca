"""The soak: Dagster's real daemon processes days with faults, and nobody helps it.

It never sleeps for a fixed time: a day is over when no run is under way and every sensor has looked
since and found nothing to do.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from dagster import DagsterRunStatus, RunsFilter
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from ml_assets import nouns
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.pipelines import SCORING
from ml_assets.planning.progress import unfinished
from ml_assets.planning.reopen import reopen
from ml_assets_tests.faults.daemon import Daemon, daemon_of
from ml_assets_tests.project import Project
from ml_assets_tests.soak import comparison
from ml_assets_tests.soak.comparison import Histories, Node
from ml_assets_tests.soak.faults import FAULTS, FEATURES, FLIGHTS, WEATHER, Change
from ml_assets_tests.soak.home import arrive, build_champion, change, histories, opened, undisturbed
from ml_assets_tests.soak.report import HEADER, Day, Result, words
from ml_assets_tests.soak.schedule import FIRST_DAY, Planned, day_after

NEW_DAYS = "flight_delays__new_days"
SENSORS = {NEW_DAYS, "flight_delays__days", "flight_delays__retraining"}
OUTCOMES = "flight_delays/flight_outcomes"
DERIVED = (
    FEATURES,
    OUTCOMES,
    *(f"flight_delays/{noun}" for noun in (*SCORING, nouns.RETRAINING_DECISION)),
)
"""Tables that are computed, in the order in which they read each other."""
TABLES = (FLIGHTS, WEATHER, *DERIVED)
PID = re.compile(r"pid: (\d+)")


def soak(
    folder: Path, planned: Sequence[Planned], count: int, tell: Callable[[str], object] = print
) -> Result:
    """Process days with faults and compare with days without.

    Args:
        folder: an empty folder.
        planned: the faults.
        count: how many days; the last faults need one more day to heal.
        tell: called with each line of the report.
    """
    days = [day_after(FIRST_DAY, n) for n in range(count)]
    build_champion(folder / "champion")
    for name in ("undisturbed", "disturbed"):
        shutil.copytree(folder / "champion", folder / name)
    without = undisturbed(folder / "undisturbed", days)
    tell(HEADER)
    with opened(folder / "disturbed") as project:
        processed = []
        with daemon_of(project) as daemon:
            daemon.start()
            loop = _Loop(project, daemon)
            loop.settle(0.0)
            for day in days:
                processed.append(loop.process(day, planned))
                tell(processed[-1].row())
        return result(processed, project, planned, without, days)


def result(
    processed: Sequence[Day],
    project: Project,
    planned: Sequence[Planned],
    without: Histories,
    days: Sequence[str],
) -> Result:
    """Compare a disturbed project, at rest, with what is recorded of an undisturbed one.

    Days that are equal though inputs differ are computed again, to know whether they follow from them.
    """
    found, ledger = histories(project), project.lake.ledger
    roots = {one: FAULTS[one.kind.id].roots(one.day) for one in planned}
    lasting = _all(nodes for one, nodes in roots.items() if not one.kind.heals)
    healed = _all(nodes for one, nodes in roots.items() if one.kind.heals)

    def faults_of(node: Node) -> list[str]:
        causes = comparison.causes(node, found, without, lasting, healed)
        return [f"{one.kind.id} on {one.day}" for one, nodes in roots.items() if nodes & causes]

    differing = {
        node: faults_of(node)
        for node in comparison.differing(found, without)
        if not node[0].startswith(("source_database/", "source_files/"))
    }
    is_open = [
        f"{table} {day}: {reason}"
        for table in TABLES
        for day, reason in unfinished(ledger, table, days).items()
    ]
    equal = {
        node: inputs
        for node, inputs in comparison.equal_though_inputs_differ(found, without).items()
        if node[0] in DERIVED
    }
    return Result(
        processed,
        is_open,
        # as-of tables are left out: a correction trains nothing
        [(node, read) for node, read in comparison.stale_reads(found) if node[0] in TABLES],
        differing,
        [
            f"{one.kind.id} on {one.day}"
            for one, nodes in roots.items()
            if not one.kind.heals and nodes and not nodes & {*differing}
        ],
        equal,
        other_when_computed_again(project, equal, without),
    )


def _all(nodes: Iterable[set[Node]]) -> set[Node]:
    return set().union(*nodes)


def other_when_computed_again(
    project: Project, nodes: Collection[Node], undisturbed: Histories
) -> list[Node]:
    """Days that are not as in the undisturbed project when they are computed again.

    Args:
        project: the project; nothing else runs in it.
        nodes: stored days that are as in the undisturbed project.
        undisturbed: what is recorded of that.
    """
    for table, days in sorted(grouped(nodes).items(), key=lambda item: DERIVED.index(item[0])):
        assert reopen(project.lake.ledger, table, days) == sorted(days)
        project.materialize(f'key:"{table}"', f"{min(days)}...{max(days)}")
    found = histories(project)
    return [
        node
        for node in nodes
        if comparison.state(found, node) != comparison.state(undisturbed, node)
    ]


class _Loop:
    """What the soak does to the project, and how it looks at it."""

    def __init__(self, project: Project, daemon: Daemon) -> None:
        self._project = project
        self._daemon = daemon
        self._to_heal: Planned | None = None

    def process(self, day: str, planned: Sequence[Planned]) -> Day:
        """Let a day arrive, with the fault that is planned for it, and wait until it is over."""
        started = time.time()
        one = next((item for item in planned if item.day == day), None)
        fault = FAULTS[one.kind.id] if one else None
        healed = self._to_heal
        changes = [_healing(healed)] if healed else []
        if fault and fault.arrives:
            changes.append(fault.arrives)
        if fault and fault.damages:
            fault.damages(Path(self._project.lake.uri), day)
        seen = []
        if one and one.kind.id == "outage":
            seen.append(self._out_of_reach(lambda: arrive(self._project.source, day, *changes)))
        else:
            arrive(self._project.source, day, *changes)
        if one and one.kind.id == "kill":
            seen.append(self._kill_worker())
        self.settle(time.time())
        if fault and fault.after:
            change(self._project.source, day, fault.after)
            self.settle(time.time())
        self._to_heal = one if fault and fault.heals else None
        if one:
            seen += self._said(one)
        if healed:
            seen += [f"healed: {said}" for said in self._said(healed)]
        return Day(
            day, one.kind.id if one else "", time.time() - started, self._runs(started), seen
        )

    def settle(self, since: float) -> None:
        """Wait until nothing is left to do."""
        self._daemon.wait_until("every sensor found nothing to do", lambda: self._is_quiet(since))

    def _is_quiet(self, since: float) -> bool:
        instance = self._project.instance
        records = instance.get_run_records(limit=20)
        if any(not record.dagster_run.is_finished for record in records):
            return False
        since = max([since, *(record.end_time or 0.0 for record in records)])
        ticks = self._ticks()
        return ticks.keys() >= SENSORS and all(
            tick.status is TickStatus.SKIPPED and tick.timestamp > since
            for name, tick in ticks.items()
            if name in SENSORS
        )

    def _ticks(self) -> dict[str, InstigatorTick]:
        """Sensor → its latest tick."""
        instance = self._project.instance
        found = {}
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            if ticks:
                found[state.instigator_name] = ticks[0]
        return found

    def _out_of_reach(self, arrives: Callable[[], None]) -> str:
        """The source is moved away until the loop has noticed, then it is back with a new day."""
        source, since = self._project.source, time.time()
        away = source.with_suffix(".away")
        source.replace(away)

        def reported() -> str:
            tick = self._ticks().get(NEW_DAYS)
            is_news = tick is not None and tick.timestamp > since
            return (tick.skip_reason or "") if tick and is_news else ""

        self._daemon.wait_until("the outage is noticed", lambda: "cannot be read" in reported())
        said = reported()
        away.replace(source)
        arrives()
        return said[:160]

    def _kill_worker(self) -> str:
        """SIGKILL of the process of the next run that has started."""
        pids: list[int] = []

        def is_found() -> bool:
            pids[:] = self._workers()
            return bool(pids)

        self._daemon.wait_until("a run has a process", is_found, pause=0.05)
        with suppress(ProcessLookupError):
            os.kill(pids[0], signal.SIGKILL)
        return f"killed {pids[0]}"

    def _workers(self) -> list[int]:
        instance = self._project.instance
        started = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        reported = [
            log.user_message or log.message
            for run in started
            for log in instance.all_logs(run.run_id)
        ]
        return [int(found[1]) for message in reported if (found := PID.search(message or ""))]

    def _said(self, one: Planned) -> list[str]:
        """What the ledger says since of what the fault was done to."""
        roots = FAULTS[one.kind.id].roots(one.day)
        found = histories(self._project)
        said = [words(found[node][-1]) for node in sorted(roots) if node in found]
        return [one for one in said if one]

    def _runs(self, since: float) -> dict[str, int]:
        counts: dict[str, int] = {}
        for record in self._project.instance.get_run_records(limit=50):
            if record.create_timestamp.timestamp() >= since:
                status = record.dagster_run.status.value
                counts[status] = counts.get(status, 0) + 1
        return counts


def _healing(planned: Planned) -> Change:
    """The change of the source that heals a fault, whatever day it comes with."""
    heals = FAULTS[planned.kind.id].heals
    assert heals is not None
    return lambda connection, day: heals(connection, planned.day)
