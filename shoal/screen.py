"""What a user sees in the terminal: progress of the start, the address with the passwords, the books at the end."""

from __future__ import annotations

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from shoal.box import BoxFolder, Credentials
from shoal.summary import Summary

_WHAT = {
    "broker": "MQTT broker",
    "postgres": "PostgreSQL",
    "provision": "schema and users",
    "pipeline": "bridge and ingest",
    "api": "API and dashboard",
    "simulator": "simulated farm",
}


class Terminal:
    """Writes to a terminal, or plain lines where there is none."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    def started(self, name: str) -> None:
        """A process or step begins: only ``ready`` is worth a line."""

    def ready(self, name: str, seconds: float) -> None:
        """One line per process."""
        self.console.print(f"  [green]ready[/green]  {_WHAT.get(name, name):<20} {seconds:5.1f} s")

    def running(self, address: str, credentials: Credentials, folder: BoxFolder, *, sites: tuple[str, ...]) -> None:
        """The panel that everybody is waiting for."""
        lines = [
            f"Dashboard   [bold cyan]{address}[/bold cyan]",
            f"Operator    {credentials.operator_email}   password [bold]{credentials.operator_password}[/bold]",
            f"Admin       {credentials.admin_email}   password [bold]{credentials.admin_password}[/bold]",
            "",
        ]
        if sites:
            lines.append(f"Farms       {', '.join(sites)}: a fry tank, a sea pen and a pond, simulated")
            lines.append("            the tank's aerator fails after ten seconds: watch its oxygen")
        lines += [f"Data        {folder.root}", "Stop with Ctrl-C; the next start finds the data again"]
        self.console.print(Panel("\n".join(lines), title="Shoal is running", border_style="cyan", expand=False))

    def draining(self) -> None:
        """The farm has stopped."""
        self.console.print("Farm stopped; waiting until everything on the way is stored")

    def stopping(self) -> None:
        """The box goes down."""
        self.console.print("Stopping")

    def moved(self, database: str) -> None:
        """The database could not stay in the data folder."""
        self.console.print(
            f"[yellow]The database's user cannot reach the data folder, so the database is in[/yellow] {database}"
        )

    def summary(self, summary: Summary) -> None:
        """The books as a table."""
        table = Table(title="Since this data folder was made", title_justify="left")
        table.add_column("")
        table.add_column("count", justify="right")
        for name in ("readings", "observations", "alarms", "accepted", "stored", "lost", "duplicates"):
            table.add_row(name, f"{getattr(summary, name):,}")
        if summary.held:
            table.add_row("still in outboxes", f"{summary.held:,}")
        table.add_row("processes restarted", str(summary.processes_restarted))
        self.console.print(table)
        if summary.lost == 0 and summary.duplicates == 0 and summary.held:
            self.console.print(
                "[yellow]Nothing lost, but not everything has arrived; the next start sends the rest[/yellow]"
            )
        elif summary.is_good:
            self.console.print("[green]Nothing lost, nothing stored twice[/green]")
        else:
            self.console.print("[red]The books do not balance[/red]")
