// The settings of http{}, server{} and location{} that the engine itself uses.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/config/setting.hpp"
#include "core/value/value.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/protocol/field_parser.hpp"
#include "modules/http/server.hpp"

namespace berth {
class Loader;
class Worker;
}  // namespace berth

namespace berth::http {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

// One of `large_client_header_buffers 4 8k`: a count and a size in bytes.
struct BufferCount {
    std::size_t count = 4;
    std::size_t size = 8192;
};

// client_body_min_rate SIZE [grace=TIME]: bytes per second; 0 is off.
struct BodyRate {
    std::uint64_t bytes = 0;
    Milliseconds grace{10s};
};

// Once in http{}.
struct HttpConf {
    HttpPlan plan;
    Variables variables;
    std::vector<Server*> servers;
    const ConfSet* settings = nullptr;  // all structs of this level, this one among them
    Worker* worker = nullptr;           // set in each worker before its first request
};

// Once in a configuration: where its http{} is.
struct HttpRoot {
    HttpConf* http = nullptr;
};

// server{}-level.
struct ServerConf {
    Setting<Milliseconds> client_header_timeout{60s};
    Setting<std::size_t> client_header_buffer_size{1024};
    Setting<BufferCount> large_client_header_buffers{BufferCount{}};
    Setting<std::uint32_t> max_headers{128};
    Setting<bool> ignore_invalid_headers{true};
    Setting<bool> merge_slashes{true};
    Setting<Underscores> underscores_in_headers{Underscores::drop};

    HeadOptions head_options;  // made of the above
    void finish(Loader& loader);
};

enum class KeepOpen : std::uint8_t { off, on, always };
enum class Tokens : std::uint8_t { off, on, build };
enum class Satisfy : std::uint8_t { all, any };
enum class BodyInFile : std::uint8_t { off, on, clean };

// location{}-level.
struct LocationConf {
    Setting<std::uint64_t> client_max_body_size{1024 * 1024};
    Setting<std::size_t> client_body_buffer_size{16 * 1024};
    Setting<BodyInFile> client_body_in_file_only{BodyInFile::off};
    Setting<std::string> client_body_temp_path{std::string("client_body_temp")};
    Setting<Milliseconds> client_body_timeout{60s};
    Setting<BodyRate> client_body_min_rate{BodyRate{}};
    Setting<Milliseconds> send_timeout{60s};
    Setting<Milliseconds> keepalive_timeout{75s};
    Setting<Milliseconds> keepalive_header{0s};  // the second argument of keepalive_timeout
    Setting<Milliseconds> keepalive_min_timeout{0s};
    Setting<Milliseconds> keepalive_time{std::chrono::hours(1)};
    Setting<std::uint32_t> keepalive_requests{1000};
    Setting<KeepOpen> lingering_close{KeepOpen::on};
    Setting<Milliseconds> lingering_time{30s};
    Setting<Milliseconds> lingering_timeout{5s};
    Setting<bool> reset_timedout_connection{false};
    Setting<std::uint32_t> internal_redirect_limit{10};
    Setting<bool> tcp_nodelay{true};
    Setting<bool> tcp_nopush{false};
    Setting<bool> chunked_transfer_encoding{true};
    Setting<Tokens> server_tokens{Tokens::on};
    Setting<bool> absolute_redirect{true};
    Setting<bool> port_in_redirect{true};
    Setting<bool> server_name_in_redirect{false};
    Setting<Satisfy> satisfy{Satisfy::all};
    Setting<bool> log_not_found{true};
    Setting<std::vector<Value>> early_hints;  // any of them must hold; none: 103 is always passed

    std::string_view temp_folder;  // client_body_temp_path, absolute
    void merge(const LocationConf& outer);
    void finish(Loader& loader);
};

}  // namespace berth::http
