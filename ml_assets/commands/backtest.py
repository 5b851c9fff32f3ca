"""The command that replays history under retraining policies."""

import shlex
from dataclasses import asdict
from typing import Annotated

import typer

from ml_assets.commands.renamed import renamed
from ml_assets.commands.shared import AsJson, PipelineName, console, print_json, progress_console
from ml_assets.errors import ConfigurationError

app = typer.Typer()


@app.command(context_settings={"allow_extra_args": True})
def backtest(
    context: typer.Context,
    pipeline: PipelineName,
    *,
    start: Annotated[str, typer.Option(help="First day that is scored.")] = "2013-04-01",
    end: Annotated[str, typer.Option(help="Last day.")] = "2013-12-31",
    step: Annotated[str, typer.Option(help="Days between decisions, 7d, or 'month'.")] = "7d",
    policy: Annotated[
        list[str] | None, typer.Option(help="Policy of the pipeline, or a YAML file; repeatable.")
    ] = None,
    label_delay: Annotated[
        int | None,
        typer.Option(min=0, help="Days until labels arrive, instead of the delay in defs.yaml."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay history under retraining policies, side by side, without touching the project."""
    from ml_assets.cadence import Span
    from ml_assets.commands.printing.backtest import backtest_progress, print_backtest
    from ml_assets.definitions import project_definitions
    from ml_assets.simulation.backtest import run
    from ml_assets.simulation.plans import BacktestPlan

    if context.args and not as_json:
        raise ConfigurationError(
            f"'{context.args[0]}' is not expected here. See 'ml-assets backtest --help'."
        )
    if context.args:
        what = f"--json > {shlex.quote(context.args[0])}"
        raise renamed("--json FILE", "--json > FILE", f"backtest {pipeline} {what}")
    span = Span.parse(f"{start}...{end}")
    days = _step_days(step)
    plans = [
        BacktestPlan(pipeline, span.first, span.last, days, name, label_delay)
        for name in policy or ["triggered", "monthly", "never"]
    ]
    with backtest_progress(progress_console(as_json=as_json)) as progress:
        results = run(plans, project_definitions, progress)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print_backtest(results, console())
    if any(result.failures for result in results):
        raise typer.Exit(1)


def _step_days(text: str) -> int | None:
    if text == "month":
        return None
    if text.endswith("d") and text[:-1].isdigit() and int(text[:-1]) > 0:
        return int(text[:-1])
    raise ConfigurationError(
        f"--step '{text}' is not valid. Expected a number of days, such as '7d', or 'month'."
    )
