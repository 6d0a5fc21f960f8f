// The status of a real server: exact counts, what a death changes, formats.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

// Clients come to {port}; the status has a port of its own, so that asking changes little of what is asked.
std::string config(std::string_view main = "worker_processes 2;", std::string_view locations = {}) {
    return std::string(main) +
           "http { server { listen 127.0.0.1:{port};"
           " location / { return 200 hello; } location /moved { return 301 /; }"
           " location /failed { return 500; } }"
           " server { listen 127.0.0.1:{port1}; location /status { status; } " +
           std::string(locations) + " } }";
}

struct Metrics {
    std::map<std::string, double> samples;  // by name and labels, as they are written
    std::string text;

    double operator[](const std::string& name) const {
        const auto found = samples.find(name);
        return found == samples.end() ? -1 : found->second;
    }
};

Metrics scrape(const Server& server, std::string_view path = "/status?format=prometheus") {
    Metrics metrics;
    metrics.text = fetch(server.port(1), path).body;
    std::istringstream lines(metrics.text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t blank = line.rfind(' ');
        if (line.starts_with('#') || blank == line.npos) continue;
        metrics.samples[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
    }
    return metrics;
}

std::string of_clients(const Server& server, std::string_view metric, std::string_view role = "worker") {
    return "berth_listener_" + std::string(metric) + "{address=\"127.0.0.1:" + std::to_string(server.port()) +
           "\",role=\"" + std::string(role) + "\"}";
}

std::string requests(std::string_view status_class) {
    return "berth_http_requests_total{class=\"" + std::string(status_class) + "\"}";
}

// One request on a connection of its own; the bytes of its answer.
std::size_t ask(const Server& server, std::string_view request) {
    Client client(server.port());
    EXPECT_TRUE(client.send(request));
    return client.read_all().size();
}

std::string get(std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
}

bool has_workers(const Server& server, std::size_t count) {
    return eventually([&] { return server.workers().size() == count; });
}

TEST(StatusTest, CountsExactlyWhatHappened) {
    Server server(config());
    ASSERT_TRUE(has_workers(server, 2));
    double received = 0;
    double sent = 0;
    const std::pair<std::string, int> asked[] = {
        {get("/"), 12}, {get("/moved"), 3}, {get("/failed"), 2}, {"?\r\n\r\n", 4}};
    for (const auto& [request, times] : asked) {
        for (int i = 0; i < times; ++i) {
            sent += static_cast<double>(ask(server, request));
            received += static_cast<double>(request.size());
        }
    }
    double scrapes = 0;
    Metrics now;
    // A client may see the end of its connection before the worker has counted it.
    EXPECT_TRUE(eventually([&] {
        now = scrape(server);
        return now[requests("2xx")] == 12 + scrapes++ && now[of_clients(server, "open_connections")] == 0;
    })) << now.text;
    EXPECT_EQ(now[requests("3xx")], 3);
    EXPECT_EQ(now[requests("4xx")], 4);
    EXPECT_EQ(now[requests("5xx")], 2);
    EXPECT_EQ(now[requests("1xx")], 0);
    EXPECT_EQ(now[requests("none")], 0);
    EXPECT_EQ(now["berth_http_request_duration_seconds_count"], 21 + scrapes - 1);
    EXPECT_EQ(now["berth_http_request_duration_seconds_bucket{le=\"+Inf\"}"], 21 + scrapes - 1);
    EXPECT_GT(now["berth_http_request_duration_seconds_sum"], 0);
    EXPECT_EQ(now[of_clients(server, "accepted_total")], 21);
    EXPECT_EQ(now[of_clients(server, "received_bytes_total")], received);
    EXPECT_EQ(now[of_clients(server, "sent_bytes_total")], sent);
    EXPECT_EQ(now[of_clients(server, "lost_total")], 0);
    EXPECT_EQ(now["berth_http_active_requests"], 1);  // this one
    double by_process = 0;
    for (const auto& [name, value] : now.samples) {
        if (name.starts_with(
                "berth_process_accepted_total{address=\"127.0.0.1:" + std::to_string(server.port()) + "\"")) {
            by_process += value;
        }
    }
    EXPECT_EQ(by_process, 21);
}

TEST(StatusTest, ShowsWhatConnectionsDo) {
    Server server(config());
    std::vector<Client> idle;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(idle.emplace_back(server.port()).get("/"));
        ASSERT_EQ(idle.back().read_response().status, 200);
    }
    Client half(server.port());
    ASSERT_TRUE(half.send("GET / HT"));
    Metrics now;
    EXPECT_TRUE(eventually([&] {
        now = scrape(server);
        // The one that asks is being answered.
        return now["berth_connections{state=\"waiting\"}"] == 3 &&
               now["berth_connections{state=\"reading\"}"] == 1 &&
               now["berth_connections{state=\"writing\"}"] == 1;
    })) << now.text;
    EXPECT_EQ(now[of_clients(server, "open_connections")], 4);
    EXPECT_EQ(now[of_clients(server, "idle_connections")], 3);
    ASSERT_TRUE(half.send("TP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(half.read_response().status, 200);
    idle.clear();
    half.close();
    EXPECT_TRUE(eventually([&] {
        now = scrape(server);
        return now[of_clients(server, "open_connections")] == 0 &&
               now[of_clients(server, "idle_connections")] == 0;
    })) << now.text;
}

// Metrics of the whole server that may only grow.
bool is_total(const std::string& name) {
    return name.find("_total") != name.npos && name.find("slot=") == name.npos;
}

TEST(StatusTest, TotalsDoNotFallWhenAWorkerIsKilledAndWhatItHeldIsLost) {
    Server server(config());
    ASSERT_TRUE(has_workers(server, 2));
    for (int i = 0; i < 10; ++i) ask(server, get("/"));
    std::vector<Client> held;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(held.emplace_back(server.port()).get("/"));
        ASSERT_EQ(held.back().read_response().status, 200);
    }
    Metrics before;
    ASSERT_TRUE(eventually([&] {
        before = scrape(server);
        return before[of_clients(server, "open_connections")] == 4;
    })) << before.text;
    const auto victims = server.workers();
    for (const pid_t victim : victims) ::kill(victim, SIGKILL);
    ASSERT_TRUE(server.wait_log("exited on signal 9", victims.size()));
    ASSERT_TRUE(has_workers(server, 2));
    Metrics after;
    EXPECT_TRUE(eventually([&] {
        after = scrape(server);
        return after[of_clients(server, "lost_total")] == 4;
    })) << after.text;
    for (const auto& [name, value] : before.samples) {
        if (!is_total(name)) continue;
        EXPECT_GE(after[name], value) << name;
    }
    EXPECT_GE(after["berth_http_request_duration_seconds_count"],
              before["berth_http_request_duration_seconds_count"]);
    EXPECT_EQ(after[of_clients(server, "open_connections")], 0);
    EXPECT_EQ(after["berth_process_deaths_total"], 2);
    EXPECT_EQ(after["berth_process_respawns_total"], 2);
    int restarted = 0;
    for (const auto& [name, value] : after.samples) {
        if (name.starts_with("berth_process_slot_restarts{role=\"worker\""))
            restarted += static_cast<int>(value);
    }
    EXPECT_EQ(restarted, 2);
    const std::string log = server.error_log();
    const std::regex said("\\[alert\\][^\n]* ([0-9]+) connections of worker process [0-9]+ are lost with it");
    int logged = 0;
    for (std::sregex_iterator at(log.begin(), log.end(), said); at != std::sregex_iterator(); ++at) {
        logged += std::stoi((*at)[1]);
    }
    EXPECT_GE(logged, 4) << log;  // and those of who asked for the status, when a worker had not seen them go
}

TEST(StatusTest, KnowsReloadsAndKeepsAnAddressThatCameBackInOnePlace) {
    Server server(config());
    ask(server, get("/"));
    const std::string with_clients = config();
    server.set_config(
        "worker_processes 2; http { server { listen 127.0.0.1:{port1}; location /status { status; } } }");
    ASSERT_EQ(server.reload().code, 0);
    Metrics now = scrape(server);
    EXPECT_EQ(now["berth_generation"], 2);
    EXPECT_EQ(now["berth_reloads_total"], 1);
    EXPECT_EQ(now[of_clients(server, "accepted_total")], 1) << "what was closed stays counted";
    server.set_config("nonsense;");
    EXPECT_EQ(server.reload().code, 1);
    server.set_config(with_clients);
    ASSERT_EQ(server.reload().code, 0);
    ask(server, get("/"));
    now = scrape(server);
    EXPECT_EQ(now["berth_reloads_total"], 2);
    EXPECT_EQ(now["berth_failed_reloads_total"], 1);
    EXPECT_EQ(now[of_clients(server, "accepted_total")], 2);
    EXPECT_EQ(occurrences(now.text, of_clients(server, "accepted_total") + " "), 1U);
}

TEST(StatusTest, ASingleProcessHasOne) {
    Server server(config("master_process off;"));
    ask(server, get("/"));
    const Metrics now = scrape(server);
    EXPECT_EQ(now[of_clients(server, "accepted_total")], 1);
    EXPECT_EQ(now["berth_generation"], 1);
    const std::string json = fetch(server.port(1), "/status").body;
    EXPECT_NE(json.find("\"master_process\": false"), json.npos) << json;
    EXPECT_NE(json.find("\"pid\": " + std::to_string(server.started()) + ","), json.npos) << json;
}

TEST(StatusTest, StubStatusIsAsNginxShowsIt) {
    Server server(
        "worker_processes 2; http { server { listen 127.0.0.1:{port};"
        " location /basic { stub_status; }"
        " location / { return 200 \"$connections_active $connections_reading $connections_writing "
        "$connections_waiting\"; } } }");
    Client idle(server.port());
    ASSERT_TRUE(idle.get("/"));
    EXPECT_EQ(idle.read_response().body, "1 0 1 0");
    Client client(server.port());
    EXPECT_TRUE(eventually([&] { return client.get("/") && client.read_response().body == "2 0 1 1"; }));
    ASSERT_TRUE(client.get("/basic"));
    const std::string text = client.read_response().body;
    const std::regex expected(
        "Active connections: 2 \nserver accepts handled requests\n 2 2 [0-9]+ \nReading: 0 Writing: 1 "
        "Waiting: 1 \n");
    EXPECT_TRUE(std::regex_match(text, expected)) << text;
}

// --- formats

std::string type_for(const Server& server, std::string_view accept, std::string_view path = "/status") {
    std::string header;
    if (!accept.empty()) header = "Accept: " + std::string(accept) + "\r\n";
    const Response response = fetch(server.port(1), path, header);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Vary"), "Accept");
    EXPECT_EQ(response.header("Cache-Control"), "no-store");
    const std::string type = response.header("Content-Type");
    return type.substr(0, type.find(';'));
}

TEST(StatusTest, TheFormatIsNegotiated) {
    Server server(config("", "location /plain { status prometheus; }"));
    const std::pair<std::string_view, std::string_view> accepted[] = {
        {"", "application/json"},
        {"*/*", "application/json"},
        {"text/html", "application/json"},
        {"application/json;q=0.1, text/plain;version=0.0.4;q=0.2", "text/plain"},
        {"Application/JSON, text/plain", "application/json"},
        {"text/plain;q=0, */*;q=0.1", "application/json"},
        {"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
         "application/openmetrics-text"},
        {"text/plain ; version=0.0.4 ; q=1.000 , application/json ; q=.9", "text/plain"},
        {",;,text/plain;q=2;q", "application/json"},
    };
    for (const auto& [accept, type] : accepted) EXPECT_EQ(type_for(server, accept), type) << accept;
    EXPECT_EQ(type_for(server, "", "/plain"), "text/plain");
    EXPECT_EQ(type_for(server, "application/json", "/plain"), "application/json");
    EXPECT_EQ(type_for(server, "application/json", "/status?format=openmetrics"),
              "application/openmetrics-text");
    EXPECT_EQ(type_for(server, "", "/plain?format=json"), "application/json");
    EXPECT_EQ(fetch(server.port(1), "/status?format=xml").status, 400);
}

TEST(StatusTest, IsReadOnlyAndObeysAccessRules) {
    Server server(config("", "location /secret { status; deny all; }"));
    EXPECT_EQ(fetch(server.port(1), "/secret").status, 403);
    Client client(server.port(1));
    ASSERT_TRUE(client.send("POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"));
    EXPECT_EQ(client.read_response().status, 405);
    ASSERT_TRUE(client.send("HEAD /status HTTP/1.1\r\nHost: a\r\n\r\n"));
    const Response head = client.read_response(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_GT(std::stoul(head.header("Content-Length")), 500U);
    ASSERT_TRUE(client.get("/status"));
    EXPECT_EQ(client.read_response().status, 200);
}

TEST(StatusTest, AWrongFormatSaysWhichThereAre) {
    ServerOptions options;
    options.start = false;
    Server server("http { server { listen 127.0.0.1:{port}; location / { status xml; } } }", options);
    const RunResult checked = server.command({"-t"});
    EXPECT_EQ(checked.code, 1);
    EXPECT_NE(checked.err.find("json, prometheus or openmetrics"), std::string::npos) << checked.err;
}

// The text format 0.0.4: every line is one of three kinds, and the samples of a family stand together, after
// its TYPE.
void check_grammar(const std::string& text) {
    static const std::regex help("# HELP [a-z_]+ [^\\\\]+");
    static const std::regex type("# TYPE ([a-z_]+) (counter|gauge|histogram)");
    static const std::regex sample(
        "([a-z_]+)(\\{([a-z]+=\"([^\"\\\\\n]|\\\\[\\\\\"n])*\",?)+\\})? [-+0-9.eInfNa]+");
    std::set<std::string> families;
    std::set<std::string> seen;
    std::string family;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::smatch parts;
        if (std::regex_match(line, help)) continue;
        if (std::regex_match(line, parts, type)) {
            family = parts[1];
            EXPECT_TRUE(families.insert(family).second) << "twice: " << family;
            EXPECT_EQ(parts[2] == "counter", family.ends_with("_total")) << family;
            continue;
        }
        ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
        EXPECT_TRUE(parts[1].str().starts_with(family)) << line;
        EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << "twice: " << line;
    }
    EXPECT_GT(families.size(), 30U);
    EXPECT_TRUE(text.ends_with('\n'));
}

TEST(StatusTest, WhatPrometheusReadsIsWellFormed) {
    Server server(config());
    ask(server, get("/"));
    const std::string text = scrape(server).text;
    check_grammar(text);
    if (!has_program("promtool")) return;  // Debian: prometheus
    RunOptions options;
    options.input = text;
    const RunResult checked = run_program({"promtool", "check", "metrics"}, options);
    EXPECT_EQ(checked.code, 0);
    EXPECT_EQ(checked.out + checked.err, "");
}

TEST(StatusTest, TheJsonIsOneObjectWithAllParts) {
    if (!has_program("python3")) GTEST_SKIP() << "python3 reads the JSON";
    Server server(config());
    ask(server, get("/"));
    const Response response = fetch(server.port(1), "/status");
    EXPECT_EQ(response.header("Content-Type"), "application/json");
    RunOptions options;
    options.input = response.body;
    const RunResult read = run_program(
        {"python3", "-c",
         "import json, sys\n"
         "s = json.load(sys.stdin)\n"
         "roles = [p['role'] for p in s['processes']]\n"
         "print(s['server']['generation'], roles.count('master'), roles.count('worker'), "
         "len(s['listeners']))\n"
         "l = s['listeners'][0]\n"
         "print(l['strategy'], l['totals'][0]['role'], l['totals'][0]['accepted'], "
         "sum(p['accepted'] for p in l['processes']))\n"
         "print(s['connections']['writing'], s['http']['requests']['2xx'] >= 1)\n"
         "t = s['http']['request_seconds']\n"
         "print(t['count'] == t['buckets'][-1]['count'], t['p50'] <= t['p99'] <= t['p99.9'] <= t['max'])\n"},
        options);
    EXPECT_EQ(read.out, "1 1 2 2\nshared worker 1 1\n1 True\nTrue True\n") << read.err << response.body;
}

}  // namespace

TEST(StatusTest, ASharedPortIsNamedByTheStrategyInForce) {
    const auto shared_by = [](std::string_view strategy) {
        return config("worker_processes 2; events { accept_strategy " + std::string(strategy) + "; }");
    };
    Server server(shared_by("shared"));
    ASSERT_TRUE(has_workers(server, 2));
    for (const char* strategy : {"handoff", "reuseport", "proxy", "shared"}) {
        server.set_config(shared_by(strategy));
        ASSERT_EQ(server.reload().code, 0) << server.error_log();
        const std::string words = "\"strategy\": \"" + std::string(strategy) + '"';
        EXPECT_TRUE(eventually([&] {
            return occurrences(fetch(server.port(1), "/status").body, words) == 2;
        })) << fetch(server.port(1), "/status").body;
    }
}

TEST(StatusTest, ASlotWhoseReplacementWaitsIsSeen) {
    Server server(config("worker_processes 2; worker_respawn_delay 100s max=100s;"));
    ASSERT_TRUE(has_workers(server, 2));
    const pid_t kept = server.workers().front();
    double deaths = 0;
    while (occurrences(server.error_log(), "its replacement waits") == 0 && deaths < 20) {
        std::vector<pid_t> others = server.workers();
        std::erase(others, kept);
        ASSERT_EQ(others.size(), 1U);
        ::kill(others.front(), SIGKILL);
        ++deaths;
        ASSERT_TRUE(eventually([&] {
            return !alive(others.front()) && (server.workers().size() == 2 ||
                                              occurrences(server.error_log(), "its replacement waits") == 1);
        }));
    }
    const Metrics metrics = scrape(server);
    EXPECT_EQ(metrics["berth_process_missing"], 1) << metrics.text;
    EXPECT_EQ(metrics["berth_process_deaths_total"], deaths);
    EXPECT_EQ(metrics["berth_process_respawns_total"], deaths - 1);
}

TEST(StatusTest, ASlotThatIsNotWantedAnyMoreIsNotMissing) {
    Server server(config("worker_processes 2; worker_respawn_delay 1h max=1h;"));
    ASSERT_TRUE(has_workers(server, 2));
    const auto missing = [&] { return scrape(server)["berth_process_missing"]; };
    // The one in the second slot dies until its replacement waits; the other answers.
    ASSERT_TRUE(eventually([&] {
        const std::vector<pid_t> workers = server.workers();
        if (workers.size() == 2) ::kill(std::ranges::max(workers), SIGKILL);
        return server.error_log().find("its replacement waits") != std::string::npos;
    }));
    ASSERT_TRUE(eventually([&] { return missing() == 1; }));
    server.signal(SIGTTOU);
    EXPECT_TRUE(server.wait_log("1 workers now"));
    EXPECT_TRUE(eventually([&] { return missing() == 0; }));
}

// However often a front tries: the worker is stopped, and its socket's backlog full.
TEST(StatusTest, AFrontCountsEachRefusedConnectionOnce) {
    const std::string listen = "events { accept_strategy proxy; }";
    Server server("worker_processes 1; " + listen +
                  "http { server { listen 127.0.0.1:{port} backlog=1; location / { return 200 hello; } }"
                  "server { listen 127.0.0.1:{port1} strategy=shared; location /status { status; } } }");
    ASSERT_TRUE(has_workers(server, 1));
    ASSERT_EQ(fetch(server.port(), "/").status, 200);
    const pid_t worker = server.workers().front();
    std::vector<pid_t> fronts = server.children(server.master());
    std::erase(fronts, worker);
    ASSERT_EQ(fronts.size(), 1U);
    ::kill(worker, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
    // It tries again and again.
    const std::uint64_t before = voluntary_switches(fronts);
    EXPECT_TRUE(eventually([&] { return voluntary_switches(fronts) >= before + 10; }));
    ::kill(worker, SIGCONT);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
    const Metrics metrics = scrape(server);
    EXPECT_EQ(metrics[of_clients(server, "refused_total", "front")], 1) << metrics.text;
    // It went to the same one in the end.
    EXPECT_EQ(metrics[of_clients(server, "redistributed_total", "front")], 0) << metrics.text;
}

TEST(StatusTest, WhatAFrontGivesToAnotherWorkerIsCounted) {
    Server server(config("worker_processes 2; events { accept_strategy proxy; }",
                         "location /pid { return 200 $pid; }"));
    std::set<std::string> serving;
    ASSERT_TRUE(eventually([&] {
        serving.insert(fetch(server.port(1), "/pid").body);
        return serving.size() == 2;
    }));
    for (int i = 0; i < 10; ++i) ASSERT_EQ(fetch(server.port(), "/").status, 200);
    std::vector<Client> silent;
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(silent.emplace_back(server.port()).connected());
    ASSERT_TRUE(eventually([&] { return scrape(server)[of_clients(server, "open_connections")] == 6; }));
    const pid_t victim = server.workers().front();
    ::kill(victim, SIGKILL);
    ASSERT_TRUE(eventually([&] { return !alive(victim); }));
    for (Client& client : silent) {
        ASSERT_TRUE(client.get("/"));
        EXPECT_EQ(client.read_response().status, 200);
    }
    const Metrics metrics = scrape(server);
    // Three, unless one of the workers was slower to begin.
    const double held = metrics[of_clients(server, "lost_total")];
    EXPECT_EQ(metrics[of_clients(server, "redistributed_total", "front")], held) << metrics.text;
    EXPECT_GT(held, 0) << metrics.text;
    EXPECT_EQ(metrics[of_clients(server, "dropped_total", "front")], 0);
}

}  // namespace berth::test
