// Reads the command line of the client of the benchmarks.
#include "tests/bench/client/options.hpp"

#include <getopt.h>

#include <cstdio>
#include <cstdlib>

namespace berth::bench {
namespace {

constexpr char kUsage[] =
    "client --port N [--path /] [--connections 64] [--seconds 1] [--rate PER_SECOND] [--close]\n"
    "       [--other-path PATH --every N] [--timeout 10] [--slow-ms 100]\n"
    "client --port N --hold CONNECTIONS [--pause-us N] [--ask] [--path /]\n"
    "client --port N --serve\n"
    "Asks http://127.0.0.1:PORT and prints what came of it as JSON. With --rate requests are due at fixed "
    "times and\n"
    "their latency counts from then on, however late they could be sent. With --hold it prints a line, and "
    "holds the\n"
    "connections until its input ends. With --serve it is a server that answers twelve bytes,\n"
    "once its input ends.\n";

const option kOptions[] = {{"port", required_argument, nullptr, 'p'},
                           {"connections", required_argument, nullptr, 'c'},
                           {"seconds", required_argument, nullptr, 's'},
                           {"rate", required_argument, nullptr, 'r'},
                           {"close", no_argument, nullptr, 'x'},
                           {"path", required_argument, nullptr, 'u'},
                           {"other-path", required_argument, nullptr, 'o'},
                           {"every", required_argument, nullptr, 'e'},
                           {"timeout", required_argument, nullptr, 't'},
                           {"slow-ms", required_argument, nullptr, 'l'},
                           {"hold", required_argument, nullptr, 'h'},
                           {"pause-us", required_argument, nullptr, 'w'},
                           {"ask", no_argument, nullptr, 'a'},
                           {"serve", no_argument, nullptr, 'b'},
                           {nullptr, 0, nullptr, 0}};

unsigned number(const char* text) { return static_cast<unsigned>(std::strtoul(text, nullptr, 10)); }

bool take(Options& options, int name) {
    switch (name) {
        case 'p': options.port = static_cast<std::uint16_t>(number(optarg)); return true;
        case 'c': options.connections = number(optarg); return true;
        case 's': options.seconds = std::strtod(optarg, nullptr); return true;
        case 'r': options.rate = std::strtod(optarg, nullptr); return true;
        case 'x': options.close = true; return true;
        case 'u': options.path = optarg; return true;
        case 'o': options.other_path = optarg; return true;
        case 'e': options.every = number(optarg); return true;
        case 't': options.timeout = std::strtod(optarg, nullptr); return true;
        case 'l': options.slow_ms = std::strtod(optarg, nullptr); return true;
        case 'h': options.hold = number(optarg); return true;
        case 'w': options.pause_us = number(optarg); return true;
        case 'a': options.ask = true; return true;
        case 'b': options.serve = true; return true;
        default: return false;
    }
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    bool good = true;
    for (int name; good && (name = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
        good = take(options, name);
    }
    if (!good || optind != argc || options.port == 0 || options.connections == 0) {
        std::fputs(kUsage, stderr);
        std::exit(2);
    }
    return options;
}

}  // namespace berth::bench
