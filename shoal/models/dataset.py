"""``shoal models dataset import``, ``fetch``, ``freeze``, ``check`` and ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from models.data.splits import SplitRule
    from models.data.yolo import Crop

_HELP = """Labelled pictures that a model can name: imported, split honestly, frozen.

A draft (import) is free to be written again. A frozen data set (freeze) is named by its sha256 and never changes: other
labels or another split are another data set.
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)

Roots = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", help="Folder that holds the data sets' folders; may be repeated. [default: beside the draft]"
    ),
]
Licence = Annotated[str, typer.Option(help="SPDX name or words; goes with every image and into every model")]


def register(group: typer.Typer) -> None:
    """Add the commands to ``shoal models``."""
    group.add_typer(app, name="dataset")


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help="yolo, coco or classes (a folder for each class)")],
    source: Annotated[Path, typer.Argument(help="Folder of the data set; for coco its JSON document")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Draft to write (.json)")],
    name: Annotated[str | None, typer.Option(help="Name of the data set. [default: the folder's]")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A class; repeat in order. [default: as the source says]")
    ] = None,
    licence: Licence = "not stated",
    provenance: Annotated[str, typer.Option(help="Where it comes from and whom to credit")] = "not stated",
    site: Annotated[str, typer.Option(help="Site of images that do not tell theirs")] = "unknown",
    crop: Annotated[
        str | None, typer.Option(help="Pixels left,top,right,bottom of the picture in files with letterbox bars (yolo)")
    ] = None,
) -> None:
    """Read labelled pictures; stops at the first broken picture or wrong label with file, line and remedy.

    coco reads what the label queue exports, too. An index.csv beside the pictures (path, label, site, camera, group,
    captured_at) tells what file names do not. Nothing is copied: keep the pictures where they are.
    """
    from rich.console import Console
    from rich.progress import track

    from models.data.dataset import import_dataset, show_dataset
    from models.data.snapshot import write_snapshot

    console = Console()
    snapshot = import_dataset(
        source,
        kind,
        name=name or (source.parent if source.suffix == ".json" else source.resolve()).name,
        labels=label or (),
        licence=licence,
        provenance=provenance,
        site=site,
        crop=_crop(crop),
        watch=lambda items: track(items, "pictures", console=console),
    )
    write_snapshot(snapshot, out)
    show_dataset(snapshot, console)
    typer.echo(f"draft: {out}")


@app.command("freeze")
def freeze(
    drafts: Annotated[list[Path], typer.Argument(help="Drafts; several become one data set")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the frozen file, NAME-SHA.json")] = Path(),
    name: Annotated[str | None, typer.Option(help="Name. [default: the first draft's]")] = None,
    by: Annotated[
        str,
        typer.Option(
            help="site, group (tracks, videos), steady (groups of every site), time (later), folds or folds_by_site"
        ),
    ] = "group",
    hold_out: Annotated[list[str] | None, typer.Option(help="by site: a site that judges; may be repeated")] = None,
    same_video_every: Annotated[int, typer.Option(help="by site: the last 1/n of other videos judges apart")] = 0,
    between_every: Annotated[
        int, typer.Option(help="by site: every n-th frame left judges apart; the easiest of all splits")
    ] = 0,
    judge_share: Annotated[float, typer.Option(help="by group and time: share that judges")] = 0.2,
    folds: Annotated[int, typer.Option(help="by folds: how many")] = 5,
    gap: Annotated[float, typer.Option(help="by time: seconds left out before the cut")] = 0.0,
    unknown: Annotated[
        list[str] | None, typer.Option(help="A class kept out of training, to judge 'unknown'; may be repeated")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the dealing of groups")] = 1,
    join_near_duplicates: Annotated[
        bool,
        typer.Option(
            "--join-near-duplicates",
            help="Near-duplicates of a site become one group before splitting; by time or steady those that judge are left out",
        ),
    ] = False,
    near_duplicate: Annotated[
        float, typer.Option(min=0.8, max=1.0, help="How alike near-duplicates are, 1 is the same")
    ] = 0.94,
    data: Roots = None,
) -> None:
    """Split by what belongs together, never by image; prove that nothing leaks; freeze."""
    from rich.console import Console

    from models.data.dataset import freeze_dataset, show_dataset
    from models.data.near_duplicates import GuardOptions

    rule = _rule(
        by=by,
        held_out_sites=tuple(hold_out or ()),
        same_video_every=same_video_every,
        between_every=between_every,
        judge_share=judge_share,
        folds=folds,
        gap_s=gap,
        unknown_classes=tuple(unknown or ()),
        seed=seed,
    )
    console = Console()
    snapshot, path = freeze_dataset(
        drafts,
        rule,
        name=name,
        folder=out,
        roots=roots(data, drafts[0]),
        console=console,
        guard=GuardOptions(threshold=near_duplicate, join=join_near_duplicates),
    )
    show_dataset(snapshot, console)
    typer.echo(f"frozen: {path}")


@app.command("fetch")
def fetch_(
    label_set: Annotated[
        str,
        typer.Argument(
            metavar="NAME@HASH", help="Label set: pens (the newest), pens@3, or pens@9c41d07b by its sha256"
        ),
    ],
    place: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Address of the platform, or a labels.json of its storage. [default: where you are signed in]",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for it; give it again to go on. [default: NAME-HASH]")
    ] = None,
    frozen: Annotated[Path | None, typer.Option(help="Also write the frozen data set to this file")] = None,
    by: Annotated[
        str,
        typer.Option(
            help="steady (groups of every site, none that trained before labels were added), or as for freeze"
        ),
    ] = "steady",
    hold_out: Annotated[list[str] | None, typer.Option(help="by site: a site that judges; may be repeated")] = None,
    judge_share: Annotated[float, typer.Option(help="Share that judges")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the dealing of groups")] = 1,
    *,
    join_near_duplicates: Annotated[
        bool,
        typer.Option(
            help="What looks like a picture of another camera of its site that trains is left out of judging (or, split otherwise than by time "
            "or steady, joins its group), or stops it"
        ),
    ] = True,
    near_duplicate: Annotated[
        float, typer.Option(min=0.8, max=1.0, help="How alike near-duplicates are, 1 is the same")
    ] = 0.94,
) -> None:
    """Bring accepted labels, frozen on the platform, here as a data set: train and evaluate read what it writes.

    Sign in once with: shoal admin login URL (or set SHOAL_API_URL and SHOAL_API_KEY; the role viewer is enough). Every image is
    compared with its sha256; a command that was cut off goes on where it was when it is given again. The frozen file names the label
    set with its hash, and so does every model that is trained on it.
    """
    from contextlib import ExitStack

    from rich.console import Console
    from rich.progress import Progress, track

    from models.data.dataset import freeze_dataset, show_dataset
    from models.data.label_sets import fetch
    from models.data.near_duplicates import GuardOptions
    from models.data.snapshot import write_snapshot
    from shoal.models.label_sets import find

    rule = _rule(by=by, held_out_sites=tuple(hold_out or ()), judge_share=judge_share, seed=seed)
    console = Console()
    with ExitStack() as stack:
        chosen, source = find(label_set, place, stack)
        folder = output or Path(f"{chosen.name}-{chosen.sha256[:12]}")
        console.print(f"{chosen}: {chosen.images} images, {chosen.bytes / 1e6:,.1f} MB", highlight=False)
        bar = stack.enter_context(Progress(console=console))
        task = bar.add_task("images", total=chosen.images)
        _, draft = fetch(
            source,
            chosen,
            folder,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
            watch=lambda items: track(items, "reading", console=console, disable=True),
        )
    snapshot, path = freeze_dataset(
        [draft],
        rule,
        name=None,
        folder=folder,
        roots=[folder],
        console=console,
        guard=GuardOptions(threshold=near_duplicate, join=join_near_duplicates),
    )
    if frozen is not None:
        write_snapshot(snapshot, frozen)
    show_dataset(snapshot, console)
    typer.echo(f"frozen: {path}")


@app.command("check")
def check(dataset: Annotated[Path, typer.Argument(help="Draft or frozen file")], data: Roots = None) -> None:
    """Prove that a data set is what it says: sha256, every picture, every label, and a split that does not leak."""
    from rich.console import Console

    from models.data.dataset import check_dataset

    snapshot = check_dataset(dataset, roots=roots(data, dataset), console=Console())
    typer.echo(f"{snapshot.name} {snapshot.sha256[:12]}: good, {len(snapshot.images)} images")


@app.command("show")
def show(dataset: Annotated[Path, typer.Argument(help="Draft or frozen file")]) -> None:
    """Tell what is in a data set: parts, classes, sites, licences."""
    from rich.console import Console

    from models.data.dataset import show_dataset
    from models.data.snapshot import read_snapshot

    show_dataset(read_snapshot(dataset), Console())


def roots(given: list[Path] | None, document: Path) -> list[Path]:
    """Where pictures are looked for: what was given, else beside the document and in the working folder."""
    return given or [document.resolve().parent, Path.cwd()]


def _rule(**given: object) -> SplitRule:
    from pydantic import ValidationError

    from models.data.splits import SplitRule

    try:
        return SplitRule.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigurationError(".".join(map(str, first["loc"])), first["input"], f"{first['msg']}.") from error


def _crop(text: str | None) -> Crop | None:
    if text is None:
        return None
    try:
        left, top, right, bottom = map(int, text.split(","))
    except ValueError as error:
        raise ConfigurationError("--crop", text, "Write four numbers of pixels: left,top,right,bottom.") from error
    return left, top, right, bottom
