// Probe: the active checks of one peer, one after the other.
#pragma once

#include <memory>
#include <random>
#include <string>

#include "core/net/address.hpp"
#include "event/async/root.hpp"
#include "event/connection.hpp"
#include "modules/http/health_check/health_check.hpp"
#include "modules/http/protocol/chunked.hpp"

namespace berth {
class Worker;
}

namespace berth::http {

// Belongs to a Prober; destroying it, not from its own work, cancels the check that is under way.
class Probe final : public OwnScope {
 public:
    // Of an answer; what comes behind it is not read.
    static constexpr std::size_t kMostBody = 65536;

    Probe(Worker& worker, const HealthCheck& check, const upstream::CheckedPeer& peer);
    ~Probe();

    void start();
    const std::string& name() const noexcept { return name_; }

 private:
    class Kept;

    Async<void> run(Scope& scope);
    Async<void> check_once(Scope& scope);
    Async<void> exchange(Scope& scope);
    void begin();
    void expect_answer();
    void finish(bool in_time);
    bool connect();
    void fail(std::string_view what, int error_number);
    void close() noexcept;
    void keep();
    bool take_kept();
    // True when the answer is complete, or wrong.
    bool read();
    bool read_head();
    bool read_body(std::string_view bytes, bool ended);
    bool judge();
    Duration pause();

    Worker& worker_;
    const HealthCheck& check_;
    std::string name_;
    Address address_;
    std::string request_;
    Connection* connection_ = nullptr;
    TimePoint started_;
    std::uint32_t unanswered_ = 0;  // checks in a row that were not answered in time
    bool connected_ = false;
    bool ours_ = false;      // it failed here, which says nothing of the peer
    bool reusable_ = false;  // the answer has ended, and the connection need not
    Kept* kept_ = nullptr;   // its session between two checks
    std::string complaint_;  // of this check; empty: none
    std::string head_;
    std::string body_;
    bool in_head_ = true;
    ResponseParser parser_;
    ResponseFraming framing_;
    ChunkedDecoder chunks_;
    std::minstd_rand random_;
    Root<void> root_;  // last: its frames use all of the above
};

}  // namespace berth::http
