"""The servers that are compared, and how each is started with the same site."""
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import measuring
import processes

HELLO = "hello world\\n"


class Unavailable(Exception):
    """This server cannot take part; the text says why, in a word."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Running:
    """One server that runs."""

    def __init__(self, peer, stage, process, port, worker_count):
        self.peer, self.port, self.worker_count = peer, port, worker_count
        self._stage, self.process = stage, process
        try:
            processes.wait_until(self._serves, 15, f"{peer.name} did not start")
        except (RuntimeError, Unavailable):
            self.stop()
            raise Unavailable(peer.why_not(stage, port)) from None
        unlike = peer.unlike(self)
        if unlike:
            self.stop()
            raise Unavailable(unlike)

    def _serves(self):
        if self.process.poll() is not None:
            raise Unavailable("it ended at once")
        return len(self.workers()) >= self.worker_count and answers(self.port)

    def units(self):
        """All that belongs to it, for measuring."""
        return measuring.units_of(self.process.pid)

    def workers(self):
        return self.peer.workers(self)

    def worker_pids(self):
        return [int(unit.split("/")[2]) for unit in self.workers()]

    def fronts(self):
        return [f"/proc/{p}" for p in processes.children(self.process.pid) if processes.title(p).startswith("berth: front")]

    def reload(self):
        """Loads the configuration again and waits until all workers are new ones."""
        old = set(self.workers())
        os.kill(self.process.pid, signal.SIGHUP)
        processes.wait_until(lambda: len(set(self.workers()) - old) >= self.worker_count, 10,
                             f"{self.peer.name} did not reload")

    def empty_wakeups(self):
        """How often a worker was woken for a connection that another had taken; None where nobody counts it."""
        totals = self.totals()
        return None if totals is None else sum(total["empty_wakeups"] for total in totals)

    def totals(self):
        """What Berth's status says of its listeners, one entry for each of them and role; None without a status."""
        if not (self.peer.family == "berth" and self._stage.has_status):
            return None
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            return [total for listener in json.load(answer)["listeners"] for total in listener["totals"]]

    def stop(self):
        self._stage.processes.stop(self.process)

    def kill(self):
        self._stage.processes.kill(self.process)


class Peer:
    """A server in one of its ways to share a port."""

    family = ""
    has_files = True
    has_burn = False
    worker_title = ""

    def __init__(self, key, name, about):
        self.key, self.name, self.about = key, name, about

    def program(self, stage):
        return shutil.which(self.family)

    def version(self, stage):
        return ""

    def missing(self, stage):
        """Why it cannot take part at all, or None."""
        return None if self.program(stage) else f"{self.family} is not installed"

    def why_not(self, stage, port):
        """What the log of a server that did not start says."""
        lines = measuring.read(stage.path(f"{self.key}-{port}.log")).strip().splitlines()
        return re.sub(r"^.*?\[(emerg|error|alert)\] (\d+#\d+: )?", "", lines[-1]) if lines else "it did not start"

    def unlike(self, running):
        """Why what runs is not what was asked for, or None."""
        return None

    def workers(self, running):
        return [f"/proc/{p}" for p in processes.children(running.process.pid)
                if self.worker_title in processes.title(p) and "shutting down" not in processes.title(p)]


HTTP = """
daemon off; worker_processes {workers}; pid {dir}/{name}.pid; error_log {dir}/{name}.log {level}; {top}
events {{ worker_connections 16384; {events} }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on;
    {http}
    server {{ {listen}
        location = /return {{ return 200 "{hello}"; }}
        {locations}
        location / {{ root {root}; }} }}
}}
"""


class Nginxish(Peer):
    """What nginx and Berth have in common: the configuration."""

    def __init__(self, key, name, about, events="", listen=""):
        super().__init__(key, name, about)
        self.events, self.listen = events, listen
        self.top = self.http = self.more_locations = ""
        self.level = "error"

    def write(self, stage, port, workers, site):
        name = f"{self.key}-{port}"
        user = "user root;" if os.geteuid() == 0 else ""
        listen = site.get("listen") or f"listen 127.0.0.1:{port} {self.listen};"
        text = HTTP.format(dir=stage.folder, name=name, workers=workers, top=self.top + user, events=self.events,
                           http=self.http.format(dir=stage.folder, name=name) + site.get("http", ""), listen=listen,
                           locations=self.more_locations + site.get("locations", ""), hello=HELLO, root=stage.root,
                           level=self.level)
        with open(stage.path(name + ".conf"), "w") as f:
            f.write(text)
        return stage.path(name + ".conf")

    def start(self, stage, workers=1, core=processes.SERVER_CORE, port=None, **site):
        port = port or free_port()
        conf = self.write(stage, port, workers, site)
        argv = self.command(stage, conf, site)
        return Running(self, stage, stage.processes.start(argv, core), port, workers)


class Berth(Nginxish):
    family = "berth"
    has_burn = True
    worker_title = "berth: worker"

    def __init__(self, key, name, about, events="", listen=""):
        super().__init__(key, name, about, events, listen)
        self.top = "control off; "

    def program(self, stage):
        return stage.server if os.access(stage.server, os.X_OK) else None

    def missing(self, stage):
        if not self.program(stage):
            return f"there is no {stage.server}"
        return self.refused(stage, self.write(stage, 1, 1, {}))

    def version(self, stage):
        text = subprocess.run([stage.server, "-v"], capture_output=True, text=True, check=False)
        return "Berth " + (text.stdout + text.stderr).strip().rpartition("/")[2]

    def for_debugging(self, stage):
        """Whether it is a build whose speed says nothing."""
        text = subprocess.run([stage.server, "-V"], capture_output=True, text=True, check=False)
        return any(word in text.stdout + text.stderr for word in ("--with-debug", "--with-sanitizer", "--with-coverage"))

    def unlike(self, running):
        """A configuration may be accepted and yet be served another way: what would then be measured has no name."""
        def handed():
            totals = running.totals()
            return totals is None or any(total["handed"] for total in totals)
        proofs = {"proxy": (running.fronts, "no front process runs"),
                  "handoff": (handed, "the master hands nothing over"),
                  "reuseport": (lambda: measuring.listening_sockets(running.port) >= running.worker_count,
                                "the workers have no sockets of their own")}
        proof, otherwise = next((p for name, p in proofs.items() if f"strategy {name};" in self.events), (None, None))
        try:
            return None if proof is None or processes.wait_until(proof, 2, otherwise) else otherwise
        except RuntimeError as reason:
            return str(reason)

    def refused(self, stage, conf, program=None):
        """The first error of the server's own check of a configuration, or None."""
        check = subprocess.run([program or stage.server, "-t", "-p", stage.folder, "-c", conf], capture_output=True,
                               text=True, check=False)
        if check.returncode == 0:
            return None
        errors = re.findall(r"error: (.*)", check.stdout + check.stderr)
        return errors[0] if errors else (check.stderr.strip().splitlines() or ["it refuses its configuration"])[-1]

    def command(self, stage, conf, site):
        program = stage.burn_server if site.get("burn") else stage.server
        if not os.access(program, os.X_OK):
            raise Unavailable(f"there is no {program}: make bench-programs")
        error = self.refused(stage, conf, program)
        if error:
            raise Unavailable(error)
        return [program, "-p", stage.folder, "-c", conf]

    def write(self, stage, port, workers, site):
        if stage.has_status:
            site = dict(site, locations=site.get("locations", "") + "location = /status { status; }")
        if site.get("burn"):
            site = dict(site, locations=site.get("locations", "") + "location = /burn { burn 20ms; }")
        return super().write(stage, port, workers, site)


class Nginx(Nginxish):
    family = "nginx"
    worker_title = "nginx: worker process"

    def __init__(self, key, name, about, events="", listen=""):
        super().__init__(key, name, about, events, listen)
        self.http = "".join(f"{kind}_temp_path {{dir}}/{{name}}-{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))

    def program(self, stage):
        return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")

    def version(self, stage):
        text = subprocess.run([self.program(stage), "-v"], capture_output=True, text=True, check=False).stderr
        return "nginx " + text.strip().rpartition("/")[2]

    def command(self, stage, conf, site):
        return [self.program(stage), "-p", stage.folder, "-c", conf]


HAPROXY = """
global
    maxconn {connections}
    nbthread {threads}
defaults
    mode {mode}
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    retries 3
    option redispatch 1
frontend front
    bind 127.0.0.1:{port}
    {front}
{back}
"""


class Haproxy(Peer):
    """Its workers are threads of one process."""

    family = "haproxy"
    has_files = False

    def program(self, stage):
        return shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")

    def version(self, stage):
        text = subprocess.run([self.program(stage), "-v"], capture_output=True, text=True, check=False).stdout
        return "HAProxy " + text.split()[2]

    def workers(self, running):
        return measuring.tasks(f"/proc/{running.process.pid}")

    def start(self, stage, workers=1, core=processes.SERVER_CORE, mode="http", front=None, back="", **_):
        port = free_port()
        front = front or f'http-request return status 200 content-type text/plain string "{HELLO}"'
        conf = stage.path(f"{self.key}-{port}.conf")
        with open(conf, "w") as f:
            # Each connection may take two descriptors, and it keeps some for itself.
            connections = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 200)
            f.write(HAPROXY.format(connections=connections, threads=workers, mode=mode, port=port, front=front, back=back))
        with open(stage.path(f"{self.key}-{port}.log"), "w") as log:
            process = stage.processes.start([self.program(stage), "-db", "-f", conf], core, stderr=log)
        return Running(self, stage, process, port, workers)


class Node(Peer):
    family = "node"
    has_files = False
    has_burn = True

    def __init__(self, key, name, about, policy):
        super().__init__(key, name, about)
        self.policy = policy

    def version(self, stage):
        return "Node " + subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()

    def start(self, stage, workers=1, core=processes.SERVER_CORE, **_):
        port = free_port()
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hello.js")
        environment = dict(os.environ, NODE_CLUSTER_SCHED_POLICY=self.policy)
        process = stage.processes.start(["node", script, str(port), str(workers)], core, env=environment,
                                        stdout=subprocess.PIPE, text=True)
        select.select([process.stdout], [], [], 15)     # "ready": all workers listen
        return Running(self, stage, process, port, workers)


PEERS = [
    Berth("berth-shared", "Berth shared", "workers share the socket, one is woken (accept_mutex exclusive)",
          events="accept_strategy shared; accept_mutex exclusive;"),
    Berth("berth-mutex", "Berth shared, mutex", "a lease in shared memory says who watches (accept_mutex on)",
          events="accept_strategy shared; accept_mutex on;"),
    Berth("berth-herd", "Berth shared, herd", "every worker is woken (accept_mutex off)",
          events="accept_strategy shared; accept_mutex off;"),
    Berth("berth-reuseport", "Berth reuseport", "the kernel chooses by the hash of the addresses",
          events="accept_strategy reuseport;"),
    Berth("berth-handoff", "Berth handoff, 1", "the master hands each connection over, one at a time (handoff_window 1)",
          events="accept_strategy handoff; handoff_window 1;"),
    Berth("berth-handoff-16", "Berth handoff, 16", "the same with handoff_window 16",
          events="accept_strategy handoff; handoff_window 16;"),
    Berth("berth-proxy", "Berth proxy", "a front process relays to the workers' own addresses",
          events="accept_strategy proxy;"),
    Nginx("nginx", "nginx", "accept_mutex off, its default: one is woken", events="accept_mutex off;"),
    Nginx("nginx-mutex", "nginx, mutex", "accept_mutex on", events="accept_mutex on;"),
    Nginx("nginx-reuseport", "nginx reuseport", "listen … reuseport", events="accept_mutex off;", listen="reuseport"),
    Haproxy("haproxy", "HAProxy", "one process, a thread for each worker; answers by itself"),
    Node("node-rr", "Node cluster, RR", "SCHED_RR: the primary hands connections over", "rr"),
    Node("node-none", "Node cluster, none", "SCHED_NONE: workers share the socket", "none"),
]
VARIANTS = {"nginx-mutex", "nginx-reuseport", "node-none"}      # which a first impression can do without
BY_KEY = {peer.key: peer for peer in PEERS}


def choose(words, quick):
    """Those with one of the words in their key; without words all, or in a quick run the essential ones."""
    if words:
        return [peer for peer in PEERS if any(word in peer.key for word in words)]
    return [peer for peer in PEERS if not (quick and peer.key in VARIANTS)]


class PlainBerth(Berth):
    """Berth as it is without a word about strategies: what builds without them are measured as, and backends."""


# One worker behind which nothing is shared: for comparisons of everything but the strategies.
BERTH = PlainBerth("berth", "Berth", "as it comes")


class Stage:
    """Where a run plays: its programs, its folder, the files that are served."""

    def __init__(self, owner, folder, server, burn_server):
        self.processes, self.folder = owner, folder
        self.server, self.burn_server = server, burn_server
        self.root = self.path("root")
        self.has_status = False
        os.mkdir(self.root)
        os.chmod(folder, 0o755)
        for name, size in (("1k.bin", 1024), ("100k.bin", 102400), ("1m.bin", 1 << 20)):
            with open(os.path.join(self.root, name), "wb") as f:
                f.write(os.urandom(size))
        self._written = time.monotonic()
        if BERTH.program(self):
            self.has_status = True
            self.has_status = BERTH.missing(self) is None

    def path(self, name):
        return os.path.join(self.folder, name)

    def settle(self):
        """Files that changed within the last 2 s are not cached by Berth; after this they are older."""
        time.sleep(max(0.0, self._written + 2.1 - time.monotonic()))
