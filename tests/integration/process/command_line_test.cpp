// The command line: what scripts and people rely on.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

ServerOptions not_started() {
    ServerOptions options;
    options.start = false;
    return options;
}

constexpr std::string_view kConfig = "http { server { listen 127.0.0.1:{port}; } }\n";

TEST(CommandLineTest, TestSaysItsVerdictOnStderr) {
    Server server(kConfig, not_started());
    const RunResult good = server.command({"-t"});
    EXPECT_EQ(good.code, 0);
    EXPECT_EQ(good.out, "");
    EXPECT_NE(good.err.find("configuration file " + server.config_path() + " syntax is ok"),
              std::string::npos);
    EXPECT_NE(good.err.find("configuration file " + server.config_path() + " test is successful"),
              std::string::npos);
    EXPECT_EQ(server.command({"-tq"}).err, "");
    server.set_config("http { lisen 80; }");
    const RunResult bad = server.command({"-tq"});
    EXPECT_EQ(bad.code, 1);
    EXPECT_NE(bad.err.find("configuration file " + server.config_path() + " test failed"), std::string::npos);
    EXPECT_FALSE(server.folder().has("berth.pid"));
}

TEST(CommandLineTest, DumpPrintsEachFile) {
    Server server(kConfig, not_started());
    const RunResult dump = server.command({"-T"});
    EXPECT_EQ(dump.code, 0);
    EXPECT_NE(dump.out.find("# configuration file " + server.config_path() + ":\n"), std::string::npos)
        << dump.out;
    EXPECT_NE(dump.out.find("listen 127.0.0.1:"), std::string::npos);
    const RunResult yaml = server.command({"-T", "--format=yaml"});
    EXPECT_NE(yaml.out.find("listen: 127.0.0.1:"), std::string::npos) << yaml.out;
}

TEST(CommandLineTest, WhatIsNotUtf8IsNotConvertedToYaml) {
    Server server("http { server { listen 127.0.0.1:{port};\nreturn 200 \"\xE9t\xE9\"; } }", not_started());
    EXPECT_EQ(server.command({"-T", "--format=nginx"}).code, 0);
    const RunResult yaml = server.command({"-T", "--format=yaml"});
    EXPECT_EQ(yaml.code, 1);
    EXPECT_EQ(yaml.out, "");
    EXPECT_NE(yaml.err.find(":12: this word is not UTF-8"), std::string::npos) << yaml.err;
}

TEST(CommandLineTest, DirectivesOfTheCommandLineCount) {
    Server server(kConfig, not_started());
    EXPECT_EQ(server.command({"-t", "-g", "worker_processes 3;"}).code, 0);
    const RunResult bad = server.command({"-t", "-g", "worker_processes many;"});
    EXPECT_EQ(bad.code, 1);
    EXPECT_NE(bad.err.find("worker_processes"), std::string::npos);
}

TEST(CommandLineTest, VersionsAndHelp) {
    const std::string program = server_program();
    EXPECT_TRUE(run_program({program, "-v"}).err.starts_with("berth version: berth/"));
    EXPECT_TRUE(run_program({program, "--version"}).err.starts_with("berth version: berth/"));
    const RunResult build = run_program({program, "-V"});
    EXPECT_EQ(build.code, 0);
    // Whoever looks for TLS there must not find what this build does not speak.
    EXPECT_EQ(build.err.find("OpenSSL"), std::string::npos);
    EXPECT_EQ(build.err.find("SNI"), std::string::npos);
    EXPECT_NE(build.err.find("configure arguments:"), std::string::npos);
    EXPECT_EQ(run_program({program, "-h"}).code, 0);
    const RunResult manual = run_program({program, "--help", "worker_processes"});
    EXPECT_EQ(manual.code, 0);
    EXPECT_NE(manual.out.find("worker_processes"), std::string::npos);
    EXPECT_EQ(run_program({program, "--help", "worker_procesess"}).code, 1);
}

// A configuration written for nginx goes on working, and says which of its lines do nothing here.
TEST(CommandLineTest, WhatHasNoEffectIsSaid) {
    Server server(
        "load_module modules/ngx_http_image_filter_module.so;\nlock_file l.lock;\ntimer_resolution 100ms;\n"
        "http { server { listen 127.0.0.1:{port}; return 200 hello; } }\n");
    const RunResult test = server.command({"-t"});
    EXPECT_EQ(test.code, 0) << test.err;
    for (const char* name : {"load_module", "lock_file", "timer_resolution"}) {
        const std::string line = std::string("\"") + name + "\" does nothing";
        EXPECT_NE(test.err.find(line), std::string::npos) << test.err;
        EXPECT_TRUE(server.wait_log(line)) << server.error_log();
    }
    EXPECT_NE(test.err.find("--with-http_image_filter_module"), std::string::npos) << test.err;
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(server.wait_log("\"timer_resolution\" does nothing", 2));
}

// Memory that may be executed and belongs to no file: what PCRE2 writes machine code into.
bool has_machine_code(pid_t pid) {
    std::istringstream maps(file_text("/proc/" + std::to_string(pid) + "/maps"));
    for (std::string line; std::getline(maps, line);) {
        if (line.find(" r-xp ") == line.npos && line.find(" rwxp ") == line.npos) continue;
        if (line.find(" 00:00 0 ") != line.npos && !line.ends_with(']')) return true;
    }
    return false;
}

TEST(CommandLineTest, PcreJitDecidesWhereverItStands) {
    const std::string http =
        "http { server { listen 127.0.0.1:{port}; server_name ~^(a|b)$; location ~ ^/(?<one>[a-z]+)$ { "
        "return 200 "
        "$one; } } }\n";
    for (const bool on : {true, false}) {
        Server server(http + (on ? "pcre_jit on;\n" : "pcre_jit off;\n"));
        EXPECT_EQ(fetch(server.port(), "/word").body, "word");
        EXPECT_EQ(has_machine_code(server.workers().at(0)), on);
    }
}

TEST(CommandLineTest, AMatchMayTakeAsManyStepsAsIsSaid) {
    const std::string http =
        "http { server { listen 127.0.0.1:{port}; location ~ ^/(a+)+[bc]$ { return 200 matched; } } }\n";
    const std::string path = '/' + std::string(12, 'a');
    Server server(http);
    EXPECT_EQ(fetch(server.port(), path + 'b').body, "matched");
    EXPECT_EQ(fetch(server.port(), path).status, 404);
    Server limited(http + "regex_match_limit 100;\n");
    EXPECT_EQ(fetch(limited.port(), path).status, 404);
    EXPECT_TRUE(limited.wait_log("exceeded the limits of a match"));
}

TEST(CommandLineTest, UnknownOptionsAreUsageErrors) {
    const std::string program = server_program();
    const RunResult unknown = run_program({program, "--confg", "x"});
    EXPECT_EQ(unknown.code, 2);
    EXPECT_NE(unknown.err.find("did you mean \"--config\"?"), std::string::npos) << unknown.err;
    EXPECT_EQ(run_program({program, "-x"}).code, 2);
    EXPECT_EQ(run_program({program, "-s", "relaod"}).code, 2);
    EXPECT_EQ(run_program({program, "-c"}).code, 2);
}

}  // namespace

}  // namespace berth::test
