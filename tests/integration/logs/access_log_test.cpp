// Access logs of a real server: formats, places, buffers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <regex>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view main, std::string_view server = "location / { return 200 ok; }") {
    return "http { " + std::string(main) + " server { listen 127.0.0.1:{port}; server_name here; " +
           std::string(server) + " } }";
}

// Whether the log comes to hold exactly this; nothing waits for a line that is written at once.
testing::AssertionResult log_becomes(const Server& server, std::string_view file, std::string_view text) {
    if (eventually([&] { return server.folder().read(file) == text; })) return testing::AssertionSuccess();
    return testing::AssertionFailure() << server.folder().read(file);
}

TEST(AccessLog, Combined) {
    Server server(http("access_log a.log;"));
    fetch(server.port(), "/x?y=\"z", "Referer: http://r/\r\nUser-Agent: test \"1\"\r\n");
    ASSERT_TRUE(eventually([&] { return server.folder().read("a.log").ends_with('\n'); }));
    const std::string line = server.folder().read("a.log");
    const std::regex expected(R"(127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] )"
                              R"("GET /x\?y=\\x22z HTTP/1\.1" 200 2 "http://r/" "test \\x221\\x22"\n)");
    EXPECT_TRUE(std::regex_match(line, expected)) << line;
}

// The same requests to nginx, if there is one: the lines differ in nothing but the time.
TEST(AccessLog, CombinedIsNginxs) {
    if (!has_program("nginx")) GTEST_SKIP() << "no nginx to compare with";
    TempFolder folder;
    Port port;
    const std::string servers = "server { listen 127.0.0.1:" + std::to_string(port.number()) +
                                "; location / { return 200 ok; } location /no { return 404; } } }";
    const std::string paths =
        "client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; "
        "uwsgi_temp_path u; scgi_temp_path s; ";
    folder.write("nginx.conf",
                 "daemon off; master_process off; pid n.pid; error_log e.log; events { } http { " + paths +
                     "access_log a.log; " + servers);
    const pid_t nginx = start_program({"nginx", "-p", folder.path(), "-c", folder / "nginx.conf"}, {},
                                      folder / "out", folder / "err");
    ASSERT_TRUE(eventually([&] { return folder.has("n.pid"); })) << folder.read("err");
    Server server(http("access_log a.log;", "location / { return 200 ok; } location /no { return 404; }"));
    const std::string requests[] = {
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /a%20b?x=\"q\\ HTTP/1.0\r\nReferer: http://\xc3\xa4/\r\nUser-Agent: \"a\" b\r\n\r\n",
        "HEAD /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dXNlcjpwYXNz\r\nConnection: close\r\n"
        "Content-Length: 2\r\n\r\nab",
    };
    for (const std::string& request : requests) {
        for (const std::uint16_t to : {port.number(), server.port()}) {
            Client client(to);
            ASSERT_TRUE(client.send(request));
            client.read_all();
        }
    }
    const auto untimed = [](const std::string& log) {
        return std::regex_replace(log, std::regex(R"(\[[^\]]*\])"), "[time]");
    };
    const auto complete = [&](const std::string& log) {
        return occurrences(log, "\n") == std::size(requests);
    };
    EXPECT_TRUE(eventually(
        [&] { return complete(folder.read("a.log")) && complete(server.folder().read("a.log")); }));
    ::kill(nginx, SIGKILL);
    ::waitpid(nginx, nullptr, 0);
    EXPECT_EQ(untimed(server.folder().read("a.log")), untimed(folder.read("a.log")));
}

TEST(AccessLog, Json) {
    Server server(http("access_log a.log json;"));
    fetch(server.port(), "/x", "User-Agent: a\"b\r\n");
    ASSERT_TRUE(eventually([&] { return server.folder().read("a.log").ends_with("}\n"); }));
    const std::string line = server.folder().read("a.log");
    EXPECT_TRUE(line.starts_with("{\"time\":\"")) << line;
    EXPECT_NE(
        line.find(R"("method":"GET","uri":"/x","protocol":"HTTP/1.1","status":200,"body_bytes_sent":2,)"),
        std::string::npos)
        << line;
    EXPECT_NE(line.find(R"("user_agent":"a\"b")"), std::string::npos) << line;
}

TEST(AccessLog, SeveralWithConditionsAndOff) {
    Server server(http(R"(log_format f "$status $uri"; log_format g escape=json "<$arg_x>";
        map $status $bad { ~^[45] 1; default 0; }
        access_log all.log f; access_log bad.log g if=$bad;)",
                       R"(location / { return 200 ok; } location /bad { return 404 x; }
        location /off { access_log off; return 200 x; }
        location /own { access_log own.log f; return 200 x; })"));
    for (const char* path : {"/a", "/bad?x=%22", "/off", "/own"}) fetch(server.port(), path);
    EXPECT_TRUE(log_becomes(server, "all.log", "200 /a\n404 /bad\n"));
    EXPECT_TRUE(log_becomes(server, "bad.log", "<%22>\n"));
    EXPECT_TRUE(log_becomes(server, "own.log", "200 /own\n"));
}

TEST(AccessLog, BadRequestsAreLoggedToo) {
    Server server(http("log_format f '$status \"$request\" $host'; access_log a.log f;"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\nbroken line\r\n\r\n"));
    EXPECT_EQ(client.read_response().status, 400);
    EXPECT_TRUE(log_becomes(server, "a.log", "400 \"GET / HTTP/1.1\" here\n"));
}

// Scanners are known by the lines they send.
TEST(AccessLog, ALineThatIsNoRequestIsLoggedAsItCame) {
    Server server(http("log_format f '$status $request'; access_log a.log f;"));
    const std::string longer = "GET /" + std::string(9000, 'a');
    for (const std::string& line : {std::string("BAD"), std::string("\x16\x03\x01\x02"), longer + " HTTP/1.1",
                                    std::string("GET /v HTTP/9.9"), std::string("GET /\x01 HTTP/1.1")}) {
        Client client(server.port());
        ASSERT_TRUE(client.send("\r\n" + line + "\r\nHost: x\r\n\r\n"));
        EXPECT_GE(client.read_response().status, 400) << line;
    }
    ASSERT_TRUE(eventually([&] { return occurrences(server.folder().read("a.log"), "\n") == 5; }));
    const std::string log = server.folder().read("a.log");
    EXPECT_TRUE(log.starts_with("400 BAD\n400 \\x16\\x03\\x01\\x02\n414 GET /aaaa")) << log.substr(0, 100);
    EXPECT_TRUE(log.ends_with("\n505 GET /v HTTP/9.9\n400 GET /\\x01 HTTP/1.1\n"))
        << log.substr(log.size() - 100);
}

// As nginx has them: "-" where the client sent none, nothing where the server went on without.
TEST(AccessLog, NoArgumentsAreADash) {
    Server server(http("log_format f '$args'; access_log a.log f;",
                       "location / { return 200; } location /no { error_page 404 /page; return 404; } "
                       "location /try { try_files /nothing /page; }"));
    for (const char* path : {"/", "/?", "/?a", "/no?b", "/try", "/try?c"}) fetch(server.port(), path);
    EXPECT_TRUE(log_becomes(server, "a.log", "-\n-\na\n-\n\n\n"));
}

TEST(AccessLog, PipelinedIsWhatCameBeforeTheLastAnswer) {
    Server server(http("log_format f '$uri $pipe'; access_log a.log f;"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(client.read_response().status, 200);
    ASSERT_TRUE(client.send("POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"));
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_TRUE(log_becomes(server, "a.log", "/1 .\n/2 p\n/3 .\n"));
}

TEST(AccessLog, BuffersAreFlushedInTimeAndAtTheEnd) {
    Server server(http(R"(log_format f "$uri"; access_log timed.log f buffer=4k flush=100ms;
        access_log kept.log f buffer=4k;)"));
    fetch(server.port(), "/a");
    EXPECT_TRUE(log_becomes(server, "timed.log", "/a\n"));
    EXPECT_EQ(server.folder().read("kept.log"), "");
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_EQ(server.folder().read("kept.log"), "/a\n");
}

TEST(AccessLog, FullBuffersAreWrittenInOrder) {
    Server server(http(R"(log_format f "$uri"; access_log a.log f buffer=64;)"));
    Client client(server.port());
    std::string expected;
    for (int i = 0; i < 40; ++i) {
        const std::string path = "/number-" + std::to_string(i);
        ASSERT_TRUE(client.get(path));
        ASSERT_EQ(client.read_response().status, 200);
        expected += path + "\n";
    }
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_EQ(server.folder().read("a.log"), expected);
}

TEST(AccessLog, GzipCanBeReadBack) {
    Server server(http(R"(log_format f "$uri"; access_log a.log f gzip=9 buffer=1k;)"));
    for (int i = 0; i < 3; ++i) fetch(server.port(), "/" + std::to_string(i));
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    gzFile file = ::gzopen((server.folder() / "a.log").c_str(), "rb");
    ASSERT_NE(file, nullptr);
    char text[64] = "";
    const int size = ::gzread(file, text, sizeof text);
    ::gzclose(file);
    EXPECT_EQ(std::string(text, static_cast<std::size_t>(std::max(size, 0))), "/0\n/1\n/2\n");
}

TEST(AccessLog, PathsWithVariables) {
    ServerOptions options;
    options.start = false;
    Server server(http(R"(log_format f "$uri"; access_log "logs-$arg_to.log" f;
        open_log_file_cache max=2 inactive=10s valid=1m min_uses=1;)"),
                  options);
    // Such files are made by the workers, who may be nobody.
    ASSERT_EQ(::chmod(server.folder().path().c_str(), 0777), 0);
    ASSERT_TRUE(server.start());
    for (const char* path : {"/1?to=a", "/2?to=b", "/3?to=a", "/4?to=c", "/5?to=a"}) {
        fetch(server.port(), path);
        // Lines for a file that does not exist yet are written by a thread.
        const std::string file = std::string("logs-") + path[6] + ".log";
        ASSERT_TRUE(eventually([&] {
            return server.folder().read(file).find({path, 2}) != std::string::npos;
        }));
    }
    EXPECT_EQ(server.folder().read("logs-a.log"), "/1\n/3\n/5\n");
    EXPECT_EQ(server.folder().read("logs-b.log"), "/2\n");
    EXPECT_EQ(server.folder().read("logs-c.log"), "/4\n");
}

TEST(AccessLog, ReopensWhenToldTo) {
    Server server(http(R"(log_format f "$uri"; access_log a.log f;)"));
    fetch(server.port(), "/1");
    ASSERT_TRUE(log_becomes(server, "a.log", "/1\n"));
    ASSERT_EQ(::rename((server.folder() / "a.log").c_str(), (server.folder() / "old.log").c_str()), 0);
    server.signal(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return server.folder().has("a.log"); }));
    int number = 2;
    ASSERT_TRUE(eventually([&] {
        fetch(server.port(), "/" + std::to_string(number++));
        return !server.folder().read("a.log").empty();
    }));
    EXPECT_TRUE(server.folder().read("old.log").starts_with("/1\n"));
}

TEST(AccessLog, WhatIsBufferedWhenTheFileIsReplacedGoesToTheOldOne) {
    for (const char* how : {"worker_processes 1; ", "master_process off; "}) {
        Server server(how + http(R"(log_format f "$uri"; access_log a.log f buffer=64k;)"));
        for (const char* path : {"/1", "/2", "/3"}) fetch(server.port(), path);
        ASSERT_EQ(::rename((server.folder() / "a.log").c_str(), (server.folder() / "old.log").c_str()), 0);
        server.signal(SIGUSR1);
        EXPECT_TRUE(log_becomes(server, "old.log", "/1\n/2\n/3\n")) << how;
        ASSERT_TRUE(eventually([&] { return server.folder().has("a.log"); })) << how;
        fetch(server.port(), "/4");
        server.signal(SIGQUIT);
        EXPECT_EQ(server.wait_exit(), 0);
        EXPECT_EQ(server.folder().read("a.log"), "/4\n") << how;
    }
}

TEST(AccessLog, WhatADrainingGenerationHoldsBackGoesToTheOldFile) {
    Server server("master_process off; " + http(R"(log_format f "$uri"; access_log a.log f buffer=64k;)"));
    Client drains(server.port());
    ASSERT_TRUE(drains.get("/1"));
    ASSERT_EQ(drains.read_response().status, 200);
    ASSERT_TRUE(drains.send("GET /2 HTTP/1.1\r\nHost: "));
    ASSERT_EQ(fetch(server.port(), "/3").status, 200);
    ASSERT_EQ(server.reload().code, 0);
    ASSERT_EQ(::rename((server.folder() / "a.log").c_str(), (server.folder() / "old.log").c_str()), 0);
    server.signal(SIGUSR1);
    EXPECT_TRUE(log_becomes(server, "old.log", "/1\n/3\n"));
    ASSERT_TRUE(drains.send("x\r\n\r\n"));
    EXPECT_EQ(drains.read_response().status, 200);
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_EQ(server.folder().read("a.log"), "/2\n");
}

TEST(AccessLog, AFullDiskIsToldAndNobodyDies) {
    Server server(http("access_log /dev/full;"));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
    EXPECT_TRUE(server.wait_log("write() \"/dev/full\" failed (28: No space left on device)"));
    EXPECT_LT(occurrences(server.error_log(), "failed (28:"), 10U) << server.error_log();
}

TEST(AccessLog, WrongOnesAreReported) {
    const std::pair<const char*, const char*> wrong[] = {
        {"access_log a.log nobody;", "unknown log format \"nobody\""},
        {"access_log a.log combined flush=1s;", "\"flush\" needs a buffer"},
        {"access_log a.log combined color=1;", "invalid parameter \"color=1\""},
        {"access_log $arg_x.log combined buffer=1k;", "cannot have variables"},
        {"log_format combined x;", "predefined"},
        {"log_format f escape=xml x;", "unknown log format escaping \"xml\""},
        {"access_log a.log combined buffer=1k; access_log a.log;", "conflicting parameters"},
    };
    ServerOptions options;
    options.start = false;
    Server server(http(""), options);
    for (const auto& [statement, message] : wrong) {
        server.set_config(http(statement));
        const RunResult result = server.command({"-t"});
        EXPECT_EQ(result.code, 1) << statement;
        EXPECT_NE(result.err.find(message), std::string::npos) << statement << "\n" << result.err;
    }
}

// Nobody reads the pipe: its lines are lost and told, the requests are answered.
TEST(AccessLog, AFullPipeStopsNobody) {
    ServerOptions options;
    options.start = false;
    Server server(http("log_format f '$request_uri'; access_log {dir}/pipe f;"), options);
    const std::string path = server.folder() / "pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
    const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    ::fcntl(reader, F_SETPIPE_SZ, 4096);
    ASSERT_TRUE(server.start()) << server.err();
    for (int i = 0; i < 8; ++i) EXPECT_EQ(fetch(server.port(), "/" + std::string(1000, 'x')).status, 200);
    EXPECT_TRUE(server.wait_log("access log writes were lost"));
    ::close(reader);
}

TEST(AccessLog, ASyslogThatIsNotThereIsNamedOnce) {
    Server server("worker_processes 1; " + http("access_log syslog:server=unix:{dir}/none;"));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
    const std::string name = "access_log syslog:server=unix:" + (server.folder() / "none") + ": send()";
    ASSERT_TRUE(server.wait_log(name));
    fetch(server.port(), "/");
    EXPECT_EQ(occurrences(server.error_log(), name), 1U) << server.error_log();
    EXPECT_NE(server.error_log().find("failed (2: No such file or directory); its lines are lost"),
              std::string::npos);
}

TEST(AccessLog, SyslogIsSentDatagrams) {
    const TempFolder folder;
    const std::string path = folder / "log";
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
    Server server(http("log_format f '$request $status'; access_log syslog:server=unix:" + path +
                       ",facility=local1,severity=notice,tag=shop,nohostname f;"));
    fetch(server.port(), "/there");
    pollfd ready{socket, POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kLimit).count())), 1);
    char packet[512];
    const ssize_t got = ::recv(socket, packet, sizeof packet, 0);
    ASSERT_GT(got, 0);
    const std::string text(packet, static_cast<std::size_t>(got));
    EXPECT_TRUE(text.starts_with("<141>")) << text;  // 17 * 8 + 5
    EXPECT_TRUE(text.ends_with(" shop: GET /there HTTP/1.1 200")) << text;
    ::close(socket);
}

// Clients can make a line longer than a datagram: that says nothing of the syslog, and is told once a second.
TEST(AccessLog, ALineThatIsTooLongForSyslogIsLostAlone) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), length), 0);
    ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length), 0);
    std::string format;
    for (int i = 0; i < 12; ++i) format += "$arg_a";
    Server server("worker_processes 1; " +
                  http("log_format f '" + format + "$uri'; access_log syslog:server=127.0.0.1:" +
                       std::to_string(ntohs(address.sin_port)) + " f;"));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(fetch(server.port(), "/long?a=" + std::string(7000, 'a')).status, 200);
        EXPECT_EQ(fetch(server.port(), "/short").status, 200);
        pollfd ready{socket, POLLIN, 0};
        ASSERT_EQ(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kLimit).count())), 1);
        char packet[512];
        const ssize_t got = ::recv(socket, packet, sizeof packet, 0);
        ASSERT_GT(got, 0);
        EXPECT_TRUE(std::string_view(packet, static_cast<std::size_t>(got)).ends_with("/short"));
    }
    ASSERT_TRUE(server.wait_log("failed (90: Message too long); 1 access log writes were lost so far"));
    const std::string log = server.error_log();
    EXPECT_EQ(log.find("its lines are lost until it is there"), log.npos) << log;
    EXPECT_EQ(log.find("takes lines again"), log.npos) << log;
    ::close(socket);
}

}  // namespace
}  // namespace berth::test
