// Options: what the client of the benchmarks is told on its command line.
#pragma once

#include <cstdint>
#include <string>

namespace berth::bench {

struct Options {
    std::uint16_t port = 0;     // of 127.0.0.1
    unsigned connections = 64;  // at most, at a time
    double seconds = 1;         // of issuing requests; those under way are waited for
    double rate = 0;            // requests a second, whether answers come or not; 0: each after an answer
    bool close = false;         // a connection for each request
    std::string path = "/";
    std::string other_path;  // asked instead of `path` once in `every` requests
    unsigned every = 0;
    double timeout = 10;    // seconds that one request may take
    double slow_ms = 100;   // answers that took longer are counted as slow
    unsigned hold = 0;      // open so many connections one after the other and hold them, nothing else
    unsigned pause_us = 0;  // between these
    bool ask = false;       // one answered request on each of these
    bool serve = false;     // be a server at `port`, nothing else
};

// Exits with a usage text when the command line is wrong.
Options parse_options(int argc, char** argv);

}  // namespace berth::bench
