"""The load: wrk for as fast as it goes, tests/bench/client for fixed rates, exact counts, and connections that are held."""
import json
import shutil
import subprocess
import tempfile

import processes

WRK_REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"answered": %d, "seconds": %.6f, "failed": %d, "max_us": %.1f, "curve": [',
    summary.requests - e.status, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout, latency.max))
  for i, p in ipairs({1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99}) do
    io.write(string.format('[%g, %.1f], ', p, latency:percentile(p)))
  end
  io.write(string.format('[100, %.1f]]}\\n', latency.max))
end
"""


class Held:
    """Connections that a client holds open until this is left."""

    def __init__(self, owner, process):
        self._owner, self._process = owner, process
        self.failed = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        try:
            out, _ = self._process.communicate(timeout=20)
            self.failed = json.loads(out)["failed"]
        except (subprocess.TimeoutExpired, ValueError):
            pass
        finally:
            self._owner.kill(self._process)


class Served:
    """A backend that is there and gone in no time: what a death, or a start, takes from the load's core is not what is
    measured."""

    def __init__(self, owner, client, port):
        self._owner, self._client, self.port = owner, client, port
        self._serving = self._next = None
        self.prepare()
        self.serve()

    def prepare(self):
        """Starts the process that will serve next: nothing but its listening is left to be done then."""
        self._next = self._owner.start([self._client, "--port", str(self.port), "--serve"], processes.LOAD_CORE,
                                       stdin=subprocess.PIPE)

    def serve(self):
        self._serving, self._next = self._next, None
        self._serving.stdin.close()

    def kill(self):
        """Kills what serves."""
        self._owner.kill(self._serving)


class Load:
    """Asks 127.0.0.1:port from the load's core."""

    def __init__(self, owner, client):
        self._owner, self._client = owner, client
        self._wrk = shutil.which("wrk")

    @property
    def fastest(self):
        return "wrk" if self._wrk else "tests/bench/client"

    def flat_out(self, port, path, seconds, connections=64, close=False):
        """As many requests as the server answers, with wrk where it is installed."""
        if not self._wrk:
            return self.run(port, path, seconds, connections=connections, close=close)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(WRK_REPORT)
            script.flush()
            argv = [self._wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name,
                    f"http://127.0.0.1:{port}{path}"] + (["-H", "Connection: close"] if close else [])
            process = self._owner.start(argv, processes.LOAD_CORE, stdout=subprocess.PIPE, text=True)
            return self._result(process, seconds + 30)

    def begin(self, port, path, seconds, connections=64, close=False, rate=0, **more):
        """Starts the project's own client; finish() gives its result. Further options are those of the client."""
        argv = [self._client, "--port", str(port), "--path", path, "--seconds", str(seconds), "--connections",
                str(connections)] + (["--close"] if close else []) + (["--rate", str(rate)] if rate else [])
        for name, value in more.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        return self._owner.start(argv, processes.LOAD_CORE, stdout=subprocess.PIPE, text=True)

    def finish(self, process, seconds=60):
        return self._result(process, seconds)

    def run(self, port, path, seconds, **more):
        return self.finish(self.begin(port, path, seconds, **more), seconds + 30)

    def hold(self, port, count, path="/", ask=False, pause_us=0):
        """Opens `count` connections, with an answered request on each if asked, and holds them."""
        argv = [self._client, "--port", str(port), "--path", path, "--hold", str(count), "--pause-us", str(pause_us)]
        process = self._owner.start(argv + (["--ask"] if ask else []), processes.LOAD_CORE, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        return Held(self._owner, process)

    def serve(self, port):
        return Served(self._owner, self._client, port)

    def _result(self, process, seconds):
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError("the load did not end") from None
        finally:
            self._owner.kill(process)
        lines = [line for line in out.splitlines() if line.startswith("{")]
        if not lines:
            raise RuntimeError("the load said nothing: " + out[-300:])
        result = json.loads(lines[-1])
        result["rate"] = result["answered"] / result["seconds"] if result["seconds"] else 0
        return result
