// UpstreamSettings: what every protocol to backends can be told: proxy_X, fastcgi_X, uwsgi_X, scgi_X,
// memcached_X.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/setting.hpp"
#include "core/net/address.hpp"
#include "core/result.hpp"
#include "core/value/value.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/protocol/known_headers.hpp"

namespace berth {
class Loader;
struct Node;
}  // namespace berth

namespace berth::http {

// What X_next_upstream names, as bits.
enum Next : std::uint32_t {
    next_error = 1U << 0,
    next_timeout = 1U << 1,
    next_invalid_header = 1U << 2,
    next_500 = 1U << 3,
    next_502 = 1U << 4,
    next_503 = 1U << 5,
    next_504 = 1U << 6,
    next_403 = 1U << 7,
    next_404 = 1U << 8,
    next_429 = 1U << 9,
    next_non_idempotent = 1U << 10,
};
// The bit of a status; 0 when there is none.
std::uint32_t next_bit(int status) noexcept;

// What X_ignore_headers names, as bits.
enum Ignore : std::uint32_t {
    ignore_accel_redirect = 1U << 0,
    ignore_accel_expires = 1U << 1,
    ignore_accel_limit_rate = 1U << 2,
    ignore_accel_buffering = 1U << 3,
    ignore_accel_charset = 1U << 4,
    ignore_expires = 1U << 5,
    ignore_cache_control = 1U << 6,
    ignore_set_cookie = 1U << 7,
    ignore_vary = 1U << 8,
};

inline constexpr std::uint32_t kNoRetryBudget = ~0U;  // X_retry_budget off

// Which of a backend's fields the client does not get.
class HiddenFields {
 public:
    // The ones that are never passed unless X_pass_header says so, and these.
    void build(const std::vector<std::string>& hide, const std::vector<std::string>& pass);
    bool contains(KnownHeader id, std::string_view name) const noexcept {
        return id != KnownHeader::unknown ? known_[static_cast<std::size_t>(id)] : is_other(name);
    }

 private:
    bool is_other(std::string_view name) const noexcept;

    std::bitset<kKnownHeaderCount> known_;
    std::vector<std::string> others_;
};

// X_bind: the local address of connections to backends; an empty text: the kernel chooses.
struct BindAddress {
    Value value;
    bool transparent = false;
};
// "127.0.0.1", "127.0.0.1:8000", "::1", "[::1]:8000".
Result<Address> parse_bind_address(std::string_view text);

// X_store: where answers are kept as files.
struct StorePath {
    bool on = false;
    Value path;  // empty: root or alias say where
};

// The first base of a protocol's location{}-level struct; `finish` is called by that struct's own.
struct UpstreamSettings {
    Setting<Milliseconds> connect_timeout{60s};
    Setting<Milliseconds> send_timeout{60s};
    Setting<Milliseconds> read_timeout{60s};
    Setting<bool> buffering{true};
    Setting<bool> request_buffering{true};
    Setting<std::size_t> buffer_size{8 * 1024};
    Setting<BufferCount> buffers{BufferCount{8, 8 * 1024}};
    Setting<std::size_t> busy_buffers_size{0};  // 0: two buffers
    Setting<std::uint64_t> max_temp_file_size{1024ULL * 1024 * 1024};
    Setting<std::size_t> temp_file_write_size{0};  // 0: what was read at once
    Setting<std::string> temp_path{std::string()};
    Setting<std::uint32_t> next_upstream{next_error | next_timeout};
    Setting<std::uint32_t> next_upstream_tries{0};
    Setting<Milliseconds> next_upstream_timeout{0ms};
    Setting<Milliseconds> next_upstream_try_timeout{0ms};
    Setting<Milliseconds> next_upstream_backoff{0ms};
    Setting<Milliseconds> total_timeout{0ms};
    Setting<std::uint32_t> retry_budget{20};  // per cent
    Setting<bool> intercept_errors{false};
    Setting<bool> ignore_client_abort{false};
    Setting<bool> socket_keepalive{false};
    Setting<bool> force_ranges{false};
    Setting<bool> pass_request_headers{true};
    Setting<bool> pass_request_body{true};
    Setting<bool> pass_trailers{false};
    Setting<Value> limit_rate{Value(std::string("0"))};
    Setting<BindAddress> bind;
    Setting<std::vector<std::string>> hide_headers;
    Setting<std::vector<std::string>> pass_headers;
    Setting<std::uint32_t> ignore_headers{0};
    Setting<StorePath> store;
    Setting<std::uint32_t> store_access{0600};
    Setting<std::size_t> headers_hash{512};

    // Made of the above.
    HiddenFields hidden;
    std::string_view temp_folder;  // absolute
    Address bind_address;          // of a constant `bind`
    std::size_t piece = 0;         // how much is read at once
    std::size_t budget = 0;        // bytes of an answer in memory, at the most
    // `directive` is the prefix in messages: "proxy".
    void finish_upstream(Loader& loader, std::string_view directive);
};

// For the rows: words that need a function of their own.
void take_next_upstream(Loader& loader, const Node& node, Setting<std::uint32_t>& setting);
void take_ignore_headers(Loader& loader, const Node& node, Setting<std::uint32_t>& setting);
void take_bind(Loader& loader, const Node& node, Setting<BindAddress>& setting);
void take_upstream_buffers(Loader& loader, const Node& node, Setting<BufferCount>& setting);
void take_header_names(Loader& loader, const Node& node, Setting<std::vector<std::string>>& setting);
void take_store(Loader& loader, const Node& node, Setting<StorePath>& setting);
void take_store_access(Loader& loader, const Node& node, Setting<std::uint32_t>& setting);
void take_retry_budget(Loader& loader, const Node& node, Setting<std::uint32_t>& setting);

}  // namespace berth::http
