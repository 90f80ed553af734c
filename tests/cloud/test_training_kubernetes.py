"""Training as Kubernetes Jobs: each run has one, and none trains for a run that is over, however often the cluster is away.

The cluster is a stand-in over real HTTP. ``SHOAL_TEST_KUBERNETES_URL`` names a real kube-apiserver for the test of two installations
(with ``SHOAL_TEST_KUBERNETES_CREDENTIALS``, a folder with ``token`` and ``ca.crt``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from cloud.errors import UnavailableError
from cloud.kit.repository import Database
from cloud.training.kubernetes import NAME, KubernetesLauncher, has_ended, manifest
from cloud.training.program import CANCEL
from cloud.training.repository import TrainingRepository
from cloud.training.work import tend
from tests.cloud.test_training_work import asked, runs, story, training_in
from tests.simulators.kubernetes import Cluster, cluster

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)

FOLDER = Path("/var/lib/shoal/storage/training/run-1")


@pytest.fixture
def there() -> Iterator[Cluster]:
    with cluster() as standin:
        yield standin


def launcher_of(there: Cluster, folder: Path, instance: str = "shoal", namespace: str = "shoal") -> KubernetesLauncher:
    credentials = folder / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "token").write_text(f"{there.token}\n")
    return at(there.url, credentials, instance, namespace)


def at(url: str, credentials: Path, instance: str = "shoal", namespace: str = "shoal") -> KubernetesLauncher:
    return KubernetesLauncher(
        url=url, credentials=credentials, instance=instance, image="shoal-train:1", claim="farm", namespace=namespace,
        gpus=1,
    )  # fmt: skip


def name_of(run: UUID) -> str:
    return f"{NAME}-{run}"


async def known(*runs: UUID) -> list[UUID]:
    return list(runs)


def start(launcher: KubernetesLauncher, run: UUID, folder: Path) -> None:
    asyncio.run(launcher.start(run, folder, None))  # type: ignore[arg-type]  # a Job asks no database


def clear(launcher: KubernetesLauncher, *open_runs: UUID) -> int:
    return asyncio.run(launcher.clear(lambda: known(*open_runs)))


def test_a_kubernetes_job_is_one_for_each_run_and_runs_as_nobody() -> None:
    run = UUID(int=7)
    job = manifest(run, FOLDER, instance="shoal", image="train:1", claim="farm", namespace="shoal", gpus=1)
    assert job == manifest(run, FOLDER, instance="shoal", image="train:1", claim="farm", namespace="shoal", gpus=1)
    assert (job["apiVersion"], job["kind"], job["metadata"]["name"]) == ("batch/v1", "Job", f"shoal-training-{run}")
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["command"][-1] == str(FOLDER)
    assert container["volumeMounts"] == [{"name": "storage", "mountPath": "/var/lib/shoal/storage"}]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["restartPolicy"] == "OnFailure"  # a pod that dies goes on with the step that was under way
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "farm"}
    assert len(job["metadata"]["name"]) <= 63


def test_a_cancelled_run_loses_its_job_with_its_pods_and_the_others_stay(
    database_url: str, tmp_path: Path, there: Cluster
) -> None:
    training = training_in(tmp_path, launcher_of(there, tmp_path))
    other = UUID(int=1)
    there.create(manifest(other, FOLDER, instance="staging", image="i", claim="c", namespace="shoal", gpus=0))
    there.create(
        {"metadata": {"name": "nightly-backup", "labels": {}}, "spec": {"template": {"metadata": {"labels": {}}}}}
    )

    async def tell(database: Database) -> None:
        run = await asked(database, training)
        await tend(training, database, NOW)
        assert {*there.jobs} == {name_of(run), name_of(other), "nightly-backup"}
        assert there.jobs[name_of(run)]["metadata"]["labels"]["shoal/run"] == str(run)
        await tend(training, database, NOW + timedelta(hours=1))  # a pod that waits for a node is patient
        assert (await runs(database))[0]["starts"] == 1
        async with database.write() as writer:
            await TrainingRepository(writer).change(run, state="cancelled", finished_at=NOW)
        there.forbidden = {"DELETE"}
        await tend(training, database, NOW + timedelta(hours=1))  # refused, and told in the log alone
        assert name_of(run) in there.jobs
        there.forbidden = set()
        await tend(training, database, NOW + timedelta(hours=1))
        assert {*there.jobs} == {name_of(other), "nightly-backup"}
        assert {pod["job"] for pod in there.pods.values()} == {name_of(other), "nightly-backup"}

    story(database_url, tell)


def test_a_run_that_is_given_up_leaves_no_pod(database_url: str, tmp_path: Path, there: Cluster) -> None:
    training = training_in(tmp_path, launcher_of(there, tmp_path))

    async def tell(database: Database) -> None:
        run = await asked(database, training)
        for day in range(12):  # the pod never says a word: a start each day until it is given up
            await tend(training, database, NOW + timedelta(days=day, hours=1))
            assert (len(there.jobs), len(there.pods)) == ((1, 1) if day <= 5 else (0, 0)), day
        assert (await runs(database))[0]["error"].startswith("Given up")
        assert (training.folder(run) / CANCEL).is_file()

    story(database_url, tell)


def test_a_job_that_ended_without_ending_its_run_makes_room_for_another(tmp_path: Path, there: Cluster) -> None:
    launcher, run = launcher_of(there, tmp_path), uuid4()
    start(launcher, run, tmp_path)
    first = there.jobs[name_of(run)]["metadata"]["uid"]
    start(launcher, run, tmp_path)
    assert there.jobs[name_of(run)]["metadata"]["uid"] == first  # it is under way
    there.end(name_of(run), "Failed")  # out of memory four times
    assert clear(launcher, run) == 0
    start(launcher, run, tmp_path)
    assert there.jobs[name_of(run)]["metadata"]["uid"] != first
    assert len(there.pods) == 1


def test_strays_go_page_by_page_and_what_has_ended_keeps_its_log(tmp_path: Path, there: Cluster) -> None:
    launcher, every = launcher_of(there, tmp_path), [uuid4() for _ in range(7)]
    there.page = 3
    for run in every:
        start(launcher, run, tmp_path)
    there.end(name_of(every[0]))
    assert clear(launcher, every[1]) == 5
    assert {*there.jobs} == {name_of(every[0]), name_of(every[1])}
    assert clear(launcher, every[1]) == 0


def test_what_the_cluster_refuses_is_told_in_its_words(tmp_path: Path, there: Cluster) -> None:
    launcher = launcher_of(there, tmp_path)
    there.forbidden = {"POST"}
    with pytest.raises(UnavailableError, match="403 jobs"):
        start(launcher, uuid4(), tmp_path)
    (tmp_path / "credentials/token").write_text("stale")
    with pytest.raises(UnavailableError, match="401 Unauthorized"):
        clear(launcher)
    (tmp_path / "credentials/token").write_text(there.token)  # as the kubelet renews it
    assert clear(launcher) == 0
    with cluster() as gone:
        away = at(gone.url, tmp_path / "credentials")
    with pytest.raises(UnavailableError, match="does not answer: ConnectError"):
        clear(away)


def test_two_installations_share_a_namespace(tmp_path: Path) -> None:
    with cluster("default") as there:
        launcher_of(there, tmp_path)
        url = os.environ.get("SHOAL_TEST_KUBERNETES_URL", there.url)
        shared(url, Path(os.environ.get("SHOAL_TEST_KUBERNETES_CREDENTIALS", tmp_path / "credentials")), tmp_path)


def shared(url: str, credentials: Path, tmp_path: Path) -> None:
    launcher, other = (at(url, credentials, instance, "default") for instance in ("shoal", "staging"))
    mine, stray, foreign = uuid4(), uuid4(), uuid4()
    for of, run in ((launcher, mine), (launcher, mine), (launcher, stray), (other, foreign)):
        start(of, run, tmp_path)
    assert clear(launcher, mine) == 1
    assert clear(launcher, mine) == 0
    jobs = asyncio.run(launcher._list())
    assert [job["metadata"]["name"] for job in jobs] == [name_of(mine)]
    assert not has_ended(jobs[0])
    assert jobs[0]["spec"]["ttlSecondsAfterFinished"] == 86_400
    assert clear(launcher) == 1
    assert clear(other) == 1
