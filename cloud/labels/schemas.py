"""The label queue, marks and data sets on the HTTP API."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.labels.rules import box_fault
from contracts.base import Fraction, Slug, UtcDatetime
from contracts.samples import LabelledBox, SampleReason
from contracts.vision import Box, Detection, ModelRef

Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
Note = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
MAX_BOXES = 500


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice; each once is enough")
    return names


Names = Annotated[list[Name], AfterValidator(_distinct)]


class LabelSettings(ApiModel):
    """What the organization labels."""

    classes: Annotated[Names, Field(min_length=1, max_length=50, default_factory=lambda: ["fish"])]
    """Of boxes, in the order of the number keys."""
    image_classes: Annotated[Names, Field(max_length=50, default_factory=list)]
    """Of whole frames, such as the species of a crop."""
    scores: Annotated[Names, Field(max_length=20, default_factory=list)]
    """Given to whole frames between 0 and 1, such as signs of bad health."""
    annotators: Annotated[int, Field(ge=1, le=5)] = 1
    """People who label each frame before it is reviewed. With two and more their agreement is told."""
    licence: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")] = "all rights reserved by the farm"
    """Under which the frames are in data sets."""


class TaskStatus(str, Enum):
    """How far the labels of a frame are."""

    OPEN = "open"
    """Waits for labels."""
    REVIEW = "review"
    """Labelled; waits for a reviewer."""
    ACCEPTED = "accepted"
    """May go into a data set."""
    REJECTED = "rejected"
    """Of no use; out of the queue."""


class LabelTask(ApiModel):
    """A frame in the queue."""

    id: UUID
    site: str
    unit: str
    device: str
    camera: str
    captured_at: UtcDatetime
    sha256: str
    width: int
    height: int
    image_url: str
    """Signed address of the frame."""
    source: Literal["edge", "evidence"]
    """Uploaded as a sample, or the image behind an observation."""
    reason: SampleReason
    """Why it is here."""
    priority: float
    """The higher, the sooner: 0.6 times the uncertainty and 0.4 times the novelty; 1 more when returned, 2 more when marked."""
    uncertainty: float
    novelty: float
    """How different it looks from the frames of its camera that came before, 0 to 1."""
    model: ModelRef | None
    """Which made the proposals."""
    proposals: list[Detection]
    status: TaskStatus
    labels: int
    """Labels that count."""
    wanted: int
    """Labels before the review."""
    marks: int
    """Times that somebody said the model is wrong here."""
    agreement: float | None
    """Of the labels, 0 to 1; null with fewer than two."""
    review_note: str | None


class LabelTaskPage(Page[LabelTask]):
    """Some of the queue, most urgent first."""


class GivenLabel(ApiModel):
    """One person's answer."""

    id: UUID
    annotator: str
    labelled_at: UtcDatetime
    seconds: float | None
    source: Literal["hand", "import"]
    boxes: list[LabelledBox]
    classes: list[str]
    scores: dict[str, float]
    note: str | None


class AgreementOut(ApiModel):
    """How far two people agree on a frame."""

    first: str
    second: str
    overall: float
    """Mean of the parts that follow, as far as there are any."""
    boxes: float | None
    """F1 of boxes of the same class whose overlap (IoU) is 0.5 and more."""
    overlap: float | None
    """Mean overlap of the objects that both marked."""
    classes: float | None
    scores: float | None


class LabelMarkOut(ApiModel):
    """Somebody says that a model was wrong."""

    id: UUID
    subject: Literal["observation", "prediction"]
    subject_id: str
    fault: str
    right_answer: str | None
    """What it should have said, where somebody knows."""
    note: str | None
    model: ModelRef | None
    task_id: UUID | None
    """The frame in the queue; null when its picture is not kept."""
    marked_at: UtcDatetime
    marked_by: str


class LabelTaskDetail(ApiModel):
    """A frame with its labels. Until it is accepted, annotators see their own answer alone; reviewers see all."""

    task: LabelTask
    settings: LabelSettings
    labels: list[GivenLabel]
    agreements: list[AgreementOut]
    marks: list[LabelMarkOut]
    accepted_label: UUID | None
    leased_until: UtcDatetime | None
    """Until then the frame is the caller's."""


class NextFrame(ApiModel):
    """What to label next."""

    site: Slug | None = None
    """Of one site; without it, of all."""
    skip: Annotated[list[UUID], Field(max_length=200, default_factory=list)]
    """Frames that the annotator has passed over."""


class NextTask(ApiModel):
    """The next frame, now held by the caller."""

    task: LabelTaskDetail | None
    """Null when nothing waits for the caller."""
    waiting: int
    """Open frames in all."""


class BoxIn(ApiModel):
    """A box with its class."""

    label: Name
    box: Box


class NewLabel(ApiModel):
    """An answer for a frame. No boxes and no classes say that there is nothing in it."""

    id: UUID
    """Made by whoever labels: sent again it is the same label."""
    boxes: Annotated[list[BoxIn], Field(max_length=MAX_BOXES, default_factory=list)]
    classes: Annotated[Names, Field(max_length=20, default_factory=list)]
    scores: Annotated[dict[Name, Fraction], Field(max_length=20, default_factory=dict)]
    note: Note | None = None
    seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    """How long it took."""

    def faults(self) -> list[tuple[str, str]]:
        """(where, what) of boxes that cannot be."""
        found = ((f"boxes.{i}.box", box_fault(one.box)) for i, one in enumerate(self.boxes))
        return [(where, what) for where, what in found if what is not None]


class Decision(str, Enum):
    """What a reviewer decides."""

    ACCEPT = "accept"
    RETURN = "return"
    """Every label is withdrawn, and the frame goes back to the head of the queue with the note."""
    REJECT = "reject"
    """The frame is of no use."""
    REOPEN = "reopen"
    """Take an acceptance or rejection back. Data sets that were frozen keep what they have."""


class Review(ApiModel):
    """A reviewer's decision."""

    decision: Decision
    label_id: UUID | None = None
    """The label that is accepted; without it the newest."""
    note: Note | None = None
    """Needed to return a frame: what is to be done better."""


class NewMark(ApiModel):
    """A model was wrong."""

    id: UUID
    """Made by whoever says it: sent again it is the same mark."""
    subject: Literal["observation", "prediction"]
    subject_id: Annotated[str, StringConstraints(pattern=r"^[0-9-]{1,40}$")]
    """Id of the observation or the prediction."""
    fault: Literal["missed", "false", "wrong_class", "wrong_count", "other"]
    """Fish that were missed, what is no fish, another class, another count."""
    right_answer: Name | None = None
    """What it should have said: the class, or the count."""
    note: Note | None = None


class LabelMarkPage(Page[LabelMarkOut]):
    """Some marks, newest first."""


class Annotator(ApiModel):
    """One person's work of the last 30 days."""

    annotator: str
    labels: int
    accepted: int
    """Of these, in accepted frames and the one that was accepted."""
    returned: int
    """Sent back by a reviewer."""
    seconds_median: float | None


class AnnotatorPair(ApiModel):
    """How two people agree over the frames that both labelled."""

    first: str
    second: str
    frames: int
    agreement: float
    """Mean over the frames, 0 to 1."""
    kappa: float | None
    """Cohen's kappa over what each called every object; null when chance alone explains everything."""


class LabelProgress(ApiModel):
    """Where the labelling stands."""

    open: int
    review: int
    accepted: int
    rejected: int
    marked: int
    """Open frames on which somebody saw the model fail."""
    mine_today: int
    """The caller's labels since midnight UTC."""
    annotators: list[Annotator]
    pairs: list[AnnotatorPair]
    """Over the newest 300 frames with two labels and more."""


class ExportFormat(str, Enum):
    """How labels are written."""

    COCO = "coco"
    LABEL_STUDIO = "label_studio"


class ImportedLabels(ApiModel):
    """What came of an import."""

    labels: int
    """Labels that the file has for frames of this organization."""
    stored: int
    """Of these, stored now."""
    known: int
    """Were here already."""
    closed: int
    """For frames that are accepted or rejected; left as they are."""
    dry_run: bool


class NewDataset(ApiModel):
    """A version of a data set to be frozen from accepted labels."""

    name: Slug
    """The first under a name is version 1; later ones count on."""
    sites: Annotated[list[Slug], Field(min_length=1, max_length=200)] | None = None
    """Of some sites; without it, of all that the caller sees."""
    captured_from: UtcDatetime | None = None
    captured_before: UtcDatetime | None = None
    note: Note | None = None
    licence: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")] | None = None
    """Without it, the one of the settings."""


class DatasetVersion(ApiModel):
    """A frozen version: the same images and labels for ever."""

    id: UUID
    name: str
    number: int
    sha256: str
    """Of ``annotations.json``: names what a model was trained on."""
    images: int
    bytes: int
    """Of the images."""
    licence: str
    note: str | None
    counts: dict[str, Any]
    """Boxes and frames by class, frames by site, camera and reason, and frames without any box."""
    lineage: dict[str, Any]
    """The version before with what came and went since, annotators, reviewers, agreement, and the models that proposed."""
    created_at: UtcDatetime
    created_by: str


class DatasetPage(Page[DatasetVersion]):
    """Some data sets, newest first."""
