"""Apache Kafka itself: one KRaft node (broker and controller) in a small Java heap.

Ready means that an API request is answered, not that the port is open: the broker opens it before it is unfenced.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic  # where its types say that it lives

from contracts.topics import KafkaTopic
from tests.servers.presence import MissingServerError, install_folder
from tests.servers.process import Server, accepts, free_port, program

POM = Path(__file__).parent / "pom.xml"
CLUSTER_ID = "shoalshoalshoalshoal00"
HEAP = "384m"
JAVA_REMEDY = "apt-get install openjdk-17-jre-headless"
MAVEN_REMEDY = "apt-get install maven"
OLDEST_JAVA = 17


def version() -> str:
    """Kafka version that pom.xml names."""
    found = re.search(r"<kafka.version>(.+?)</kafka.version>", POM.read_text())
    if found is None:
        raise MissingServerError(f"{POM} names no kafka.version")
    return found.group(1)


def jars() -> Path:
    """Folder of the fetched jars."""
    return install_folder() / "kafka" / version()


def installed() -> bool:
    """Whether the jars are complete (the marker is written last)."""
    return (jars() / "complete").exists()


def install() -> None:
    """Fetch the jars once.

    Raises:
        MissingServerError: no Java, no Maven, or Maven cannot resolve the artifacts.
    """
    java()
    if installed():
        return
    target = jars()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    arguments = [program("mvn", MAVEN_REMEDY), "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"]
    done = subprocess.run([*arguments, f"-DoutputDirectory={target}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingServerError(f"Maven cannot fetch Kafka {version()}:\n{(done.stdout + done.stderr)[-2000:]}")
    (target / "complete").touch()


def java() -> str:
    """Path of a Java that Kafka 4 accepts.

    Raises:
        MissingServerError: none, or older than 17.
    """
    path = program("java", JAVA_REMEDY)
    shown = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', shown)
    if found is None or int(found.group(1)) < OLDEST_JAVA:
        raise MissingServerError(f"Kafka 4 needs Java {OLDEST_JAVA} or newer, found {shown.strip()!r}; {JAVA_REMEDY}")
    return path


class Kafka(Server):
    """One KRaft node. ``bootstrap`` is what clients connect to; restart() keeps the log."""

    name = "kafka"

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self.controller_port = free_port()

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Write server.properties, format the storage on the first start, and start the node."""
        if not installed():
            raise MissingServerError(f"Kafka {version()} is not in {jars()}; run `make servers`")
        # A serial collector and the first compiler tier halve start time and memory; throughput is not measured here.
        start = [java(), f"-Xmx{HEAP}", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        start += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars()}/*"]
        properties = self.folder / "server.properties"
        properties.write_text(self._properties())
        if not (self.folder / "log" / "meta.properties").exists():
            arguments = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c", str(properties)]
            done = subprocess.run([*start, *arguments], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise MissingServerError(f"Kafka cannot format its storage:\n{(done.stdout + done.stderr)[-2000:]}")
        return [*start, "kafka.Kafka", str(properties)]

    def ready(self) -> bool:
        """Whether a metadata request is answered with one live broker."""
        if not accepts(self.port):
            return False
        with contextlib.suppress(KafkaException):
            return len(self._admin().list_topics(timeout=2).brokers) == 1
        return False

    def create_topics(self, *, partitions: int = 4) -> None:
        """Create every topic of the cluster that does not exist yet."""
        admin = self._admin()
        absent = {topic.value for topic in KafkaTopic} - set(admin.list_topics(timeout=10).topics)
        for created in admin.create_topics([NewTopic(name, partitions, 1) for name in sorted(absent)]).values():
            try:
                created.result(20)
            except KafkaException as error:  # a consumer that is still there makes it too, with as many partitions
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def reset_topics(self, *, partitions: int = 4, timeout_s: float = 30.0) -> None:
        """Empty every topic of the cluster, so that each test starts from offset zero."""
        admin = self._admin()
        ours = {topic.value for topic in KafkaTopic}
        present = sorted(ours & set(admin.list_topics(timeout=10).topics))
        if present:
            for deleted in admin.delete_topics(present).values():
                deleted.result(20)
        deadline = time.monotonic() + timeout_s
        while ours & set(admin.list_topics(timeout=10).topics):  # deletion is asynchronous
            if time.monotonic() > deadline:
                raise MissingServerError(f"Kafka did not delete {present} in {timeout_s} s")
            time.sleep(0.05)
        self.create_topics(partitions=partitions)
        self._wait_for_leaders(admin, sorted(ours), deadline)

    def _wait_for_leaders(self, admin: AdminClient, names: list[str], deadline: float) -> None:
        while time.monotonic() < deadline:
            described = admin.describe_topics(TopicCollection(names))
            with contextlib.suppress(KafkaException):
                topics = [described[name].result(10) for name in names]
                if all(part.leader is not None for topic in topics for part in topic.partitions):
                    return
            time.sleep(0.05)
        raise MissingServerError("Kafka elected no leader for the new topics")

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def _properties(self) -> str:
        return "\n".join(
            [
                "process.roles=broker,controller",
                "node.id=1",
                f"controller.quorum.bootstrap.servers=127.0.0.1:{self.controller_port}",
                f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
                f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
                "controller.listener.names=CONTROLLER",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                f"log.dirs={self.folder / 'log'}",
                # A consumer that another test left behind must not bring a deleted topic back.
                "auto.create.topics.enable=false",
                "offsets.topic.num.partitions=1",
                "offsets.topic.replication.factor=1",
                "transaction.state.log.num.partitions=1",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "share.coordinator.state.topic.num.partitions=1",
                "share.coordinator.state.topic.replication.factor=1",
                "share.coordinator.state.topic.min.isr=1",
                "group.initial.rebalance.delay.ms=0",
                "group.min.session.timeout.ms=1000",
                "log.segment.delete.delay.ms=1000",
                "log.cleaner.dedupe.buffer.size=2097152",
                "",
            ]
        )
