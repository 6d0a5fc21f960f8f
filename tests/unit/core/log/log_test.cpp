// The error log: lines, levels, sinks, repeats, and places that fail.
#include "core/log/log.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "core/log/syslog_watch.hpp"
#include "core/system/access.hpp"
#include "tests/unit/core/system/temp_folder.hpp"

namespace berth {
namespace {

LogTarget to_file(const std::string& path, LogLevel level = LogLevel::debug, bool json = false) {
    LogTarget target;
    target.path = path;
    target.level = level;
    target.json = json;
    return target;
}

struct Client final : LogContext {
    std::uint64_t connection_number() const noexcept override { return 42; }
    void describe(LogFields& fields) const override {
        fields.add("client", "10.0.0.1");
        fields.add_quoted("request", "GET /\n HTTP/1.1");
    }
};

std::size_t count_lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Log, LinesHaveTheKnownForm) {
    const TempFolder folder;
    Log log;
    ASSERT_TRUE(log.add(to_file(folder / "error.log")));
    const Client client;
    log.notice("start {} of {}", 1, "two");
    log.at(LogLevel::error, &client, "upstream timed out ({}: {})", 110, "Connection timed out");
    const std::string id = std::to_string(::getpid()) + "#" + std::to_string(::gettid());
    const std::string time = R"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )";
    const std::regex expected(
        time + R"(\[notice\] )" + id + ": start 1 of two\n" + time + R"(\[error\] )" + id +
        R"(: \*42 upstream timed out \(110: Connection timed out\), client: 10\.0\.0\.1, request: "GET /\\x0A HTTP/1\.1")" +
        "\n");
    EXPECT_TRUE(std::regex_match(folder.content("error.log"), expected)) << folder.content("error.log");
}

TEST(Log, EverySinkHasItsOwnLevel) {
    const TempFolder folder;
    Log log;
    EXPECT_FALSE(log.enabled(LogLevel::emerg));
    log.emerg("to nobody");
    ASSERT_TRUE(log.add(to_file(folder / "warn", LogLevel::warn)));
    ASSERT_TRUE(log.add(to_file(folder / "info", LogLevel::info)));
    EXPECT_TRUE(log.enabled(LogLevel::info));
    EXPECT_FALSE(log.enabled(LogLevel::debug));
    log.info("a");
    log.error("b");
    log.debug("c");
    EXPECT_EQ(count_lines(folder.content("warn")), 1u);
    EXPECT_EQ(count_lines(folder.content("info")), 2u);
    EXPECT_EQ(log.paths(), (std::vector<std::string>{folder / "warn", folder / "info"}));
    EXPECT_GE(log.first_file(), 0);
}

TEST(Log, JsonIsOneObjectALine) {
    const TempFolder folder;
    Log log;
    ASSERT_TRUE(log.add(to_file(folder / "json", LogLevel::debug, true)));
    const Client client;
    log.write(LogLevel::warn, "say \"hi\"\n", &client);
    const std::regex expected(
        R"(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d","level":"warn","pid":\d+,"tid":\d+,"connection":42,)"
        R"("message":"say \\"hi\\"\\n","client":"10\.0\.0\.1","request":"GET /\\n HTTP/1\.1"\}\n)");
    EXPECT_TRUE(std::regex_match(folder.content("json"), expected)) << folder.content("json");
    log.write(LogLevel::warn, std::string(10'000, '\x01'), &client);
    const std::string all = folder.content("json");
    EXPECT_EQ(count_lines(all), 2u);
    EXPECT_TRUE(all.ends_with("}\n"));
    EXPECT_LE(all.size() - all.find('\n') - 1, Log::kMaxLine);
}

TEST(Log, LongLinesAreCutAndControlsAreShown) {
    const TempFolder folder;
    Log log;
    ASSERT_TRUE(log.add(to_file(folder / "log")));
    log.write(LogLevel::error, "evil\n2026/01/01 00:00:00 [emerg] forged");
    log.write(LogLevel::error, std::string(10'000, 'x'));
    const std::string content = folder.content("log");
    EXPECT_EQ(count_lines(content), 2u);
    EXPECT_NE(content.find("evil\\x0A2026"), content.npos);
    EXPECT_EQ(content.size() - content.find('\n') - 1, Log::kMaxLine);
    EXPECT_TRUE(content.ends_with("x...\n"));
}

TEST(Log, RepeatsAreFoldedAndNothingIsForgotten) {
    const TempFolder folder;
    {
        Log log;
        ASSERT_TRUE(log.add(to_file(folder / "log")));
        for (int i = 0; i < 5000; ++i) log.error("the same");
        for (unsigned i = 0; i < 2 * Log::kRepeats; ++i) log.error("number {}", i);
    }
    const std::string content = folder.content("log");
    std::size_t told = 0;
    std::size_t others = 0;
    std::size_t lines = 0;
    const std::regex repeated("the same … repeated (\\d+) times");
    std::smatch match;
    for (std::size_t at = 0; at < content.size();) {
        const std::size_t end = content.find('\n', at);
        const std::string line = content.substr(at, end - at);
        at = end + 1;
        ++lines;
        if (std::regex_search(line, match, repeated)) {
            told += std::stoul(match[1]);
        } else if (line.ends_with("the same")) {
            ++told;
        } else if (line.find("number ") != line.npos) {
            ++others;
        }
    }
    EXPECT_EQ(told, 5000u);
    EXPECT_EQ(others, 2u * Log::kRepeats);
    EXPECT_LT(lines, 1000u);
}

TEST(Log, ReopensAfterRotation) {
    const TempFolder folder;
    Log log;
    ASSERT_TRUE(log.add(to_file(folder / "log")));
    const int descriptor = log.first_file();
    log.error("old");
    std::filesystem::rename(folder / "log", folder / "log.1");
    log.error("still old");
    ASSERT_TRUE(log.reopen());
    log.error("new");
    EXPECT_EQ(log.first_file(), descriptor);
    EXPECT_EQ(count_lines(folder.content("log.1")), 2u);
    EXPECT_EQ(count_lines(folder.content("log")), 1u);

    log.adopt(folder / "log", *open_file(folder / "log.1", {.flags = O_WRONLY | O_APPEND}));
    log.error("adopted");
    EXPECT_EQ(count_lines(folder.content("log.1")), 3u);

    std::filesystem::remove(folder / "log");
    std::filesystem::create_directory(folder / "log");
    EXPECT_FALSE(log.reopen());
    log.error("kept");
    EXPECT_EQ(count_lines(folder.content("log.1")), 4u);
    EXPECT_FALSE(log.add(to_file(folder / "missing/log")));
}

TEST(Log, CountsWhatCouldNotBeWritten) {
    Log log;
    ASSERT_TRUE(log.add(to_file("/dev/full")));
    log.error("lost");
    EXPECT_EQ(log.lost_lines(), 1u);
}

TEST(Log, AFullPipeDoesNotStopAnyone) {
    const TempFolder folder;
    const Pipe pipe = *make_pipe();
    Log log;
    ASSERT_TRUE(log.add(to_file(folder / "log")));
    log.adopt(folder / "log", *duplicate(pipe.write.get()));
    for (unsigned i = 0; i < 2000; ++i) log.error("{} {}", i, std::string(200, 'x'));
    EXPECT_GT(log.lost_lines(), 0u);
    EXPECT_LT(log.lost_lines(), 2000u);
    // Every line that is in the pipe is whole.
    ASSERT_TRUE(set_nonblocking(pipe.read.get()));
    std::string content(1 << 20, '\0');
    const ssize_t size = ::read(pipe.read.get(), content.data(), content.size());
    ASSERT_GT(size, 0);
    content.resize(static_cast<std::size_t>(size));
    EXPECT_TRUE(content.ends_with("x\n"));
    EXPECT_EQ(count_lines(content) + log.lost_lines(), 2000u);
}

TEST(Log, ThreadsDoNotMixTheirLines) {
    const TempFolder folder;
    Log log;
    ASSERT_TRUE(log.add(to_file(folder / "log")));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&log, t] {
            for (int i = 0; i < 500; ++i) log.error("thread {} line {} end", t, i);
        });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string content = folder.content("log");
    EXPECT_EQ(count_lines(content), 2000u);
    const std::regex line(R"([^\n]*: thread \d line \d+ end\n)");
    EXPECT_EQ(
        std::distance(std::sregex_iterator(content.begin(), content.end(), line), std::sregex_iterator()),
        2000);
}

TEST(LogTarget, ReadsErrorLogsArguments) {
    const auto parse = [](std::vector<std::string_view> words) { return LogTarget::parse(words); };
    EXPECT_EQ(parse({"logs/error.log"})->level, LogLevel::error);
    EXPECT_EQ(parse({"logs/error.log", "warn"})->level, LogLevel::warn);
    EXPECT_EQ(parse({"stderr", "debug"})->kind, LogTarget::Kind::standard_error);
    EXPECT_TRUE(parse({"x", "info", "format=json"})->json);
    EXPECT_EQ(parse({"x", "wran"}).error().message, "invalid log level \"wran\", did you mean \"warn\"?");
    EXPECT_FALSE(parse({}));
    EXPECT_FALSE(parse({""}));
    EXPECT_FALSE(parse({"syslog:tag=x"}));
    for (int i = 1; i <= 8; ++i) {
        const auto level = static_cast<LogLevel>(i);
        EXPECT_EQ(*parse_log_level(to_text(level)), level);
    }
}

TEST(Syslog, ReadsItsParameters) {
    const auto target =
        SyslogTarget::parse("server=127.0.0.1,facility=local3,tag=web_1,severity=warn,nohostname");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->server.to_text(), "127.0.0.1:514");
    EXPECT_EQ(target->facility, 19u);
    EXPECT_EQ(target->severity, 4u);
    EXPECT_EQ(target->tag, "web_1");
    EXPECT_FALSE(target->hostname);
    for (const char* bad : {"", "server=", "server=127.0.0.1,facility=x", "server=127.0.0.1,tag=a b",
                            "server=127.0.0.1,what", "server=127.0.0.1,severity=loud", "facility=local1"}) {
        EXPECT_FALSE(SyslogTarget::parse(bad)) << bad;
    }
}

std::string receive(int socket) {
    pollfd ready{socket, POLLIN, 0};
    if (::poll(&ready, 1, 5000) != 1) return "nothing came";
    char text[8192];
    const ssize_t size = ::recv(socket, text, sizeof text, 0);
    return {text, static_cast<std::size_t>(size < 0 ? 0 : size)};
}

FileDescriptor bound_socket(const Address& address) {
    FileDescriptor socket(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::bind(socket.get(), address.data(), address.length()) < 0) std::abort();
    return socket;
}

TEST(Syslog, SendsOverUdpAndUnixAndComesBack) {
    const TempFolder folder;
    const Address path = *Address::unix_path(folder / "log.sock");
    FileDescriptor local = bound_socket(path);
    const FileDescriptor udp = bound_socket(*Address::parse("127.0.0.1:0"));
    Log log;
    LogTarget target;
    target.kind = LogTarget::Kind::syslog;
    target.level = LogLevel::info;
    target.syslog = *SyslogTarget::parse("server=unix:" + (folder / "log.sock") + ",nohostname,tag=t");
    ASSERT_TRUE(log.add(target));
    target.syslog = *SyslogTarget::parse("server=" + Address::of_socket(udp.get()).to_text());
    ASSERT_TRUE(log.add(target));

    log.crit("hello");
    const std::string time = R"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)";
    const std::string line = R"(\[crit\] \d+#\d+: hello)";
    EXPECT_TRUE(std::regex_match(receive(local.get()), std::regex("<186>" + time + " t: " + line)));
    EXPECT_TRUE(std::regex_match(receive(udp.get()), std::regex("<186>" + time + R"( \S+ berth: )" + line)));

    local.reset();
    std::filesystem::remove(folder / "log.sock");
    log.crit("nobody listens");
    log.crit("still nobody");
    EXPECT_EQ(log.lost_lines(), 2u);
    const std::string name = "error_log syslog:server=unix:" + (folder / "log.sock");
    EXPECT_TRUE(receive(udp.get()).ends_with("nobody listens"));
    const std::string told = receive(udp.get());
    EXPECT_NE(told.find(name + ": send() \"unix:" + (folder / "log.sock") + "\" failed (2: "), told.npos)
        << told;
    EXPECT_TRUE(receive(udp.get()).ends_with("still nobody")) << "it is said once";
    local = bound_socket(path);
    log.crit("again");
    EXPECT_TRUE(receive(local.get()).ends_with("again"));
    EXPECT_TRUE(receive(local.get()).ends_with(name + " takes lines again; 2 were lost"));
    EXPECT_EQ(log.lost_lines(), 2u);
}

TEST(Syslog, ALineThatIsTooLongSaysNothingOfTheSyslog) {
    const SyslogTarget target = *SyslogTarget::parse("server=127.0.0.1");
    SyslogWatch watch;
    EXPECT_EQ(watch.note("access_log", target, EMSGSIZE), "");
    EXPECT_FALSE(watch.down());
    EXPECT_NE(watch.note("access_log", target, ECONNREFUSED), "");
    EXPECT_EQ(watch.note("access_log", target, EMSGSIZE), "");
    EXPECT_TRUE(watch.down());
    EXPECT_TRUE(watch.note("access_log", target, 0).ends_with("; 3 were lost"));
}

std::size_t count_of(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
    return count;
}

// A file and two syslogs that are gone: what comes of it is in the file.
void told_of_two(LogLevel first, LogLevel second) {
    const TempFolder folder;
    Log log;
    EXPECT_TRUE(log.add(to_file(folder / "error.log", LogLevel::crit)));
    LogTarget target;
    target.kind = LogTarget::Kind::syslog;
    for (const auto& [name, level] : {std::pair("a", first), std::pair("b", second)}) {
        target.level = level;
        target.syslog = *SyslogTarget::parse("server=unix:" + (folder / name));
        EXPECT_TRUE(log.add(target));
    }
    log.info("one");
    log.info("two");
    const std::string told = folder.content("error.log");
    EXPECT_EQ(count_of(told, "its lines are lost until it is there\n"), 2U) << told;
    EXPECT_EQ(count_lines(told), 2U) << told;
    EXPECT_NE(told.find("server=unix:" + (folder / "a")), told.npos) << told;
    EXPECT_NE(told.find("server=unix:" + (folder / "b")), told.npos) << told;
}

TEST(Syslog, TwoThatAreGoneAreTwoLines) { told_of_two(LogLevel::info, LogLevel::info); }

// The second is found to be gone only when it is to be told of the first.
TEST(Syslog, WhoIsGoneWhenToldIsToldOfToo) { told_of_two(LogLevel::info, LogLevel::crit); }

TEST(Syslog, WithNobodyElseToTellStandardErrorIsTold) {
    const TempFolder folder;
    Log log;
    LogTarget target;
    target.kind = LogTarget::Kind::syslog;
    target.syslog = *SyslogTarget::parse("server=unix:" + (folder / "none"));
    ASSERT_TRUE(log.add(target));
    testing::internal::CaptureStderr();
    log.crit("first");
    log.crit("second");
    const std::string told = testing::internal::GetCapturedStderr();
    EXPECT_NE(told.find("[crit]"), told.npos) << told;
    EXPECT_NE(told.find("error_log syslog:server=unix:" + (folder / "none")), told.npos) << told;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
}

}  // namespace
}  // namespace berth
