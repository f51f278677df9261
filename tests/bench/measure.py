"""What every bench shares: alternating rounds, medians with their spread, ratios with their target."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Report:
    """Lines for people, and what fell short of its target."""

    short: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        print(text, flush=True)

    def figure(
        self, what: str, value: float, unit: str = "", *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """One figure, beside its target when it has one."""
        target = (
            f"target ≥ {at_least:g}" if at_least is not None else f"target ≤ {at_most:g}" if at_most is not None else ""
        )
        missed = (at_least is not None and value < at_least) or (at_most is not None and value > at_most)
        line = f"{what:74} {value:10.3g} {unit:10} {target}{'   FALLS SHORT' if missed else ''}"
        self.say(line.rstrip())
        if missed:
            self.short.append(line)

    def close(self) -> int:
        """Say what fell short; the exit code."""
        self.say(f"\n{len(self.short)} figure(s) fall short of their target." if self.short else "\nAll targets met.")
        for line in self.short:
            self.say("  " + line)
        return 0


def alternating(variants: dict[str, Callable[[], float]], rounds: int = 5) -> dict[str, list[float]]:
    """Each variant's figure in each round, variants in turn so that a noisy minute hits all of them."""
    for run in variants.values():
        run()  # warm-up
    figures: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        names = list(variants) if number % 2 == 0 else list(reversed(variants))
        for name in names:
            figures[name].append(variants[name]())
    return figures


def spread(figures: list[float], digits: int = 0) -> str:
    """Median (lowest … highest)."""
    return f"{statistics.median(figures):.{digits}f} ({min(figures):.{digits}f} … {max(figures):.{digits}f})"


def ratio(over: list[float], under: list[float]) -> float:
    """Median of the ratios of each round: noise that hits a whole round falls out."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))
