"""The scenarios, by name."""

from collections.abc import Sequence

from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.scenarios import broker, ledger, memory, mixed, poison, soak, web, workers

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (workers, web, ledger, broker, memory, poison, mixed, soak)
    for scenario in module.SCENARIOS
}


def chosen(names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios of these names, where ``C11`` also means C11a and C11b; all but the soak if none is named.

    Raises:
        SystemExit: there is none of such a name.
    """
    if not names:
        return [scenario for scenario in SCENARIOS.values() if not scenario.soak]
    found = {name: [s for s in SCENARIOS.values() if s.name == name or s.name.rstrip("abcd") == name] for name in names}
    unknown = [name for name, scenarios in found.items() if not scenarios]
    if unknown:
        raise SystemExit(f"No scenario is called {', '.join(unknown)}. There are: {', '.join(SCENARIOS)}.")
    return [scenario for scenarios in found.values() for scenario in scenarios]
