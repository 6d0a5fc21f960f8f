// Active health checks against real backends: hung, wrong, gone, and back; one prober for all workers.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string server_line(const Backend& backend) {
    return "server 127.0.0.1:" + std::to_string(backend.port()) + "; ";
}

std::string config(std::string_view servers, std::string_view check, std::string_view in_http = {},
                   int workers = 1) {
    return "worker_processes " + std::to_string(workers) + "; http { access_log off; " +
           std::string(in_http) + " upstream b { " + std::string(servers) + " health_check " +
           std::string(check) +
           "; } server { listen 127.0.0.1:{port}; location = /status { status; } location / { proxy_pass "
           "http://b; } } }";
}

// Answers, or accepts and says nothing, as it is told.
struct Moody {
    std::atomic<bool> hung{false};
    std::atomic<unsigned> unanswered{0};
    std::string body = "well";
    Backend backend{[this](BackendConnection& connection, const BackendRequest&) {
        if (hung) {
            ++unanswered;
            connection.wait_closed();
        } else {
            connection.send(answer(body, "X-State: fine\r\n"));
        }
    }};
};

TEST(HealthCheck, AHungBackendIsTakenOutAndComesBack) {
    Moody first;
    Moody second;
    second.body = "second";
    Server server(
        config(server_line(first.backend) + server_line(second.backend), "interval=2s fails=2 uri=/health"));
    EXPECT_TRUE(eventually([&] { return first.backend.requests() > 0 && second.backend.requests() > 0; }));
    first.hung = true;
    const std::string name = "server 127.0.0.1:" + std::to_string(first.backend.port());
    ASSERT_TRUE(server.wait_log(name + " is unhealthy: no answer in time"));
    EXPECT_EQ(first.unanswered, 2U) << "the second follows at once, a third only in two seconds";
    for (int i = 0; i < 6; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "second");
    const std::string status = fetch(server.port(), "/status?format=json").body;
    EXPECT_NE(status.find("\"unhealthy\""), std::string::npos) << status;
    EXPECT_NE(status.find("health check: no answer in time"), std::string::npos) << status;
    first.hung = false;
    ASSERT_TRUE(server.wait_log(name + " is healthy"));
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").body == "well"; }));
}

TEST(HealthCheck, OneWorkerChecksAndAnotherGoesOnWhenItIsKilled) {
    Moody moody;
    Server server(config(server_line(moody.backend), "interval=100ms", {}, 3));
    const std::string_view takes = "checks its servers from now on";
    ASSERT_TRUE(server.wait_log(takes, 1));
    EXPECT_TRUE(eventually([&] { return moody.backend.requests() >= 20; }));
    EXPECT_EQ(occurrences(server.error_log(), takes), 1U) << server.error_log();
    // The line names the process: "… [notice] PID#TID: …".
    const std::string log = server.error_log();
    const std::size_t line = log.rfind("[notice] ", log.find(takes)) + 9;
    const pid_t prober = std::stoi(log.substr(line));
    ASSERT_TRUE(alive(prober));
    ::kill(prober, SIGKILL);
    ASSERT_TRUE(server.wait_log(takes, 2));
    const std::size_t before = moody.backend.requests();
    EXPECT_TRUE(eventually([&] { return moody.backend.requests() >= before + 10; }));
    EXPECT_EQ(occurrences(server.error_log(), takes), 2U) << server.error_log();
}

TEST(HealthCheck, TheAnswerMustMatch) {
    Moody moody;
    const std::string match =
        "match good { status 200-299; header X-State = fine; header ! X-Bad; body ~ \"^well$\"; } ";
    Server good(config(server_line(moody.backend), "interval=1s match=good mandatory", match));
    EXPECT_TRUE(good.wait_log("is healthy"));
    EXPECT_EQ(fetch(good.port(), "/").body, "well");

    const std::string other = "match good { status 200; body ~ \"ill\"; } ";
    Server bad(config(server_line(moody.backend), "interval=100ms match=good", other));
    EXPECT_TRUE(bad.wait_log("is unhealthy: the body does not match \"ill\""));
    EXPECT_EQ(fetch(bad.port(), "/").status, 502);
}

TEST(HealthCheck, MandatoryMeansNoRequestBeforeTheFirstPass) {
    Moody moody;
    moody.hung = true;
    Server server(config(server_line(moody.backend), "interval=500ms mandatory"));
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    moody.hung = false;
    ASSERT_TRUE(server.wait_log("is healthy"));
    EXPECT_EQ(fetch(server.port(), "/").body, "well");
}

TEST(HealthCheck, WithTcpAConnectionIsEnough) {
    Moody moody;
    moody.hung = true;
    Server server(config(server_line(moody.backend), "interval=500ms type=tcp mandatory"));
    ASSERT_TRUE(server.wait_log("is healthy"));
    moody.backend.stop();
    ASSERT_TRUE(server.wait_log("is unhealthy: connect() failed (Connection refused)"));
    moody.backend.start();
    ASSERT_TRUE(server.wait_log("is healthy", 2));
}

TEST(HealthCheck, AReloadWithoutChecksForgetsWhatTheySaid) {
    Moody moody;
    const std::string match = "match good { body ~ \"ill\"; } ";
    Server server(config(server_line(moody.backend), "interval=100ms match=good", match));
    ASSERT_TRUE(server.wait_log("is unhealthy"));
    server.set_config("worker_processes 1; http { access_log off; upstream b { " +
                      server_line(moody.backend) +
                      "} server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; } } }");
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").body == "well"; }));
}

// So many passes are needed that only a reload that forgets can bring it back.
TEST(HealthCheck, PersistentRemembersOverAReload) {
    Moody moody;
    const std::string ill = "match ill { body ~ \"ill\"; } ";
    Server server(config(server_line(moody.backend), "interval=100ms match=ill persistent", ill));
    ASSERT_TRUE(server.wait_log("is unhealthy"));
    server.set_config(config(server_line(moody.backend), "interval=100ms passes=1000 persistent"));
    ASSERT_EQ(server.reload().code, 0);
    const std::size_t before = moody.backend.requests();
    EXPECT_TRUE(eventually([&] { return moody.backend.requests() >= before + 3; }));
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    server.set_config(config(server_line(moody.backend), "interval=100ms passes=1000"));
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").body == "well"; }));
}

// What its workers would begin with when it is in force, they must not have begun.
TEST(HealthCheck, AReloadThatIsNotAppliedChangesNothing) {
    Moody moody;
    ServerOptions options;
    options.program = server_program() + "_asks";
    const std::string conf = config(server_line(moody.backend), "interval=1h mandatory");
    Server server(conf, options);
    ASSERT_TRUE(server.wait_log("is healthy"));
    server.set_config("never_ready on; " + conf);
    ASSERT_NE(server.reload().code, 0);
    EXPECT_TRUE(server.wait_log("it is told to fail"));
    EXPECT_EQ(fetch(server.port(), "/").body, "well");
    // Nor does a worker that is replaced begin anew.
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 1; }));
    const std::size_t before = moody.backend.requests();
    ::kill(server.workers().front(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return moody.backend.requests() > before; })) << "it checks at once";
    EXPECT_EQ(fetch(server.port(), "/").body, "well");
    EXPECT_EQ(occurrences(server.error_log(), "is healthy"), 1U) << server.error_log();
    EXPECT_EQ(occurrences(server.error_log(), "checks its servers from now on"), 2U) << server.error_log();
}

TEST(HealthCheck, AnotherPortCanSpeakForTheServer) {
    Moody traffic;
    Moody health;
    Server server(config(
        server_line(traffic.backend),
        "interval=50ms jitter=20ms uri=/health mandatory port=" + std::to_string(health.backend.port())));
    ASSERT_TRUE(server.wait_log("is healthy"));
    EXPECT_TRUE(eventually([&] { return health.backend.requests() >= 10; })) << "jitter does not stop it";
    EXPECT_EQ(traffic.backend.requests(), 0U);
    EXPECT_EQ(fetch(server.port(), "/").body, "well");
    health.backend.stop();
    ASSERT_TRUE(server.wait_log("is unhealthy"));
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
}

std::string in_location(std::string_view servers, std::string_view location) {
    return "worker_processes 1; http { access_log off; upstream b { " + std::string(servers) +
           "} server { listen 127.0.0.1:{port}; proxy_set_header X-Outer no; location / { " +
           std::string(location) + " } } }";
}

TEST(HealthCheck, InALocationItChecksWhereItsProxyPassLeads) {
    Moody moody;
    Server server(in_location(server_line(moody.backend),
                              "proxy_pass http://b/app; proxy_set_header Host check.test; proxy_set_header "
                              "X-Token secret; proxy_set_header X-Of-A-Request $remote_addr; health_check "
                              "interval=100ms uri=/health mandatory;"));
    ASSERT_TRUE(server.wait_log("is healthy"));
    EXPECT_EQ(moody.backend.take_received().at(0).substr(0, 132),
              "GET /health HTTP/1.1\r\nHost: check.test\r\nUser-Agent: berth-health-check\r\nX-Token: "
              "secret\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(fetch(server.port(), "/").body, "well");
}

TEST(HealthCheck, OneConnectionCarriesSeveralChecks) {
    Moody moody;
    Server server(
        config(server_line(moody.backend), "interval=250ms fails=1 passes=2 mandatory keepalive_time=1h"));
    ASSERT_TRUE(server.wait_log("is healthy"));
    EXPECT_TRUE(eventually([&] { return moody.backend.requests() >= 4; }));
    EXPECT_EQ(moody.backend.connections(), 1U);
    moody.hung = true;
    ASSERT_TRUE(server.wait_log("is unhealthy: no answer in time"));
    moody.hung = false;
    ASSERT_TRUE(server.wait_log("is healthy", 2));
    // One that ends between two checks, or just when it is used again, says nothing against the server.
    Backend closing([](BackendConnection& connection, const BackendRequest& request) {
        if (request.number == 0) connection.send(answer("well"));
        if (request.number != 0) connection.close();
    });
    Server second(config(server_line(closing), "interval=250ms fails=1 mandatory keepalive_time=1h"));
    ASSERT_TRUE(second.wait_log("is healthy"));
    EXPECT_TRUE(eventually([&] { return closing.connections() >= 3; }));
    EXPECT_EQ(occurrences(second.error_log(), "is unhealthy"), 0U) << second.error_log();
}

TEST(HealthCheck, MistakesInALocationAreExplained) {
    Moody moody;
    ServerOptions off;
    off.start = false;
    Server server(in_location(server_line(moody.backend), ""), off);
    const auto said = [&](std::string_view location) {
        server.set_config(in_location(server_line(moody.backend), location));
        const RunResult result = server.command({"-t"});
        EXPECT_NE(result.code, 0) << location;
        return result.err;
    };
    EXPECT_NE(said("health_check;").find("in a location without a \"proxy_pass\""), std::string::npos);
    EXPECT_NE(said("proxy_pass http://127.0.0.1:9; health_check;").find("is no upstream{}"),
              std::string::npos);
    EXPECT_NE(said("proxy_pass http://$host; health_check;").find("with variables"), std::string::npos);
    EXPECT_NE(said("location /a { proxy_pass http://b; health_check; } location /b { proxy_pass http://b; "
                   "health_check; }")
                  .find("upstream \"b\" is checked already"),
              std::string::npos);
    EXPECT_NE(said("proxy_pass http://b; health_check type=tcp keepalive_time=1m;").find("no meaning"),
              std::string::npos);
    for (const char* pass : {"fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"}) {
        const std::string error = said(std::string(pass) + " b; health_check;");
        EXPECT_NE(error.find(std::string("beside \"") + pass + "\" needs \"type=tcp\""), std::string::npos);
        EXPECT_NE(error.find("asks in HTTP"), std::string::npos) << error;
    }
    EXPECT_NE(said("fastcgi_pass 127.0.0.1:9; health_check type=tcp;").find("is no upstream{}"),
              std::string::npos);
    EXPECT_NE(said("uwsgi_pass $host; health_check type=tcp;").find("beside a \"uwsgi_pass\" with variables"),
              std::string::npos);
}

// Whatever is spoken there, a connection is a connection.
TEST(HealthCheck, WithTcpOtherProtocolsAreCheckedToo) {
    for (const char* pass : {"fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"}) {
        for (const char* scheme : {"", "://"}) {
            const std::string name = std::string(pass).substr(0, std::string(pass).find('_'));
            const std::string to = *scheme == '\0' ? "b" : name + scheme + "b";
            SCOPED_TRACE(std::string(pass) + " " + to);
            auto backend = Backend::raw([](BackendConnection& connection) { connection.read_some(); });
            Server server(in_location(server_line(*backend),
                                      std::string(pass) + " " + to +
                                          "; set $memcached_key k; health_check type=tcp interval=100ms;"));
            EXPECT_TRUE(eventually([&] { return backend->connections() >= 3; })) << "nobody else connects";
            backend->stop();
            EXPECT_TRUE(server.wait_log("is unhealthy"));
        }
    }
}

TEST(HealthCheck, MistakesAreExplained) {
    Moody moody;
    ServerOptions off;
    off.start = false;
    Server server(config(server_line(moody.backend), "intervall=1s match=none", "match m { stat 200; } "),
                  off);
    const RunResult result = server.command({"-t"});
    EXPECT_NE(result.code, 0);
    EXPECT_NE(result.err.find("did you mean \"interval\"?"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("unknown test \"stat\" in \"match\""), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("no match{} is called \"none\""), std::string::npos) << result.err;
}

}  // namespace
}  // namespace berth::test
