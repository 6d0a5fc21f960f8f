// MemcachedRequest: a response from memcached, by its key (memcached's protocol.txt, "Retrieval command").
#pragma once

#include <string>
#include <string_view>

#include "modules/http/gateway/conf.hpp"

namespace berth::http {

// What memcached_pass and the directives beside it say in a location.
struct MemcachedConf : GatewayConf {
    static constexpr GatewayName kName{"memcached", "memcached://", 11211};

    Setting<std::uint32_t> gzip_flag{0};
    Value key;  // beside `pass`

    void finish(Loader& loader);
};

// Of one request: the key as it is sent; in the arena.
struct MemcachedKey {
    std::string_view text;
};

inline constexpr std::size_t kLongestMemcachedKey = 250;  // bytes

// A key may have neither white space nor control characters in it: these and % become %XX.
std::string escape_memcached_key(std::string_view text);

// "VALUE KEY FLAGS BYTES", or "END" when there is none; without the line's end.
struct MemcachedLine {
    enum class Kind : std::uint8_t { value, end, error };
    Kind kind = Kind::error;
    std::uint32_t flags = 0;
    std::uint64_t bytes = 0;
    std::string_view words{};  // of error
};
MemcachedLine read_memcached_line(std::string_view line, std::string_view key);

class MemcachedRequest final : public UpstreamProtocol {
 public:
    MemcachedRequest(Request& request, const MemcachedConf& conf);

    bool write_request(Request& request, SentBody body, Chain& out) override;
    void frame_body(Request&, std::string_view, Chain&) override {}
    bool can_stream(const Request&) const override { return false; }
    void begin() override;
    HeadStep read_head(Request& request, std::string_view bytes) override;
    const AnswerHead& head() const override { return head_; }
    BodyStep read_body(std::string_view bytes) override;
    bool complete_at_end() const override { return false; }
    bool reusable() const override { return true; }

 private:
    const MemcachedConf& conf_;
    std::string_view key_;
    AnswerHead head_;
    FieldList fields_;
    std::uint64_t left_ = 0;    // of the value
    std::string_view trailer_;  // what must still come behind it
    bool bodiless_ = false;     // HEAD: the value is read, and goes nowhere
};

Async<Verdict> handle_memcached(Request& request, const void* conf);
void take_memcached_pass(Loader& loader, const Node& node, MemcachedConf& conf);

}  // namespace berth::http
