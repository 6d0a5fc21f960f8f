// Exchange: one request with the memory it lives in, and where its body stands on the wire.
#pragma once

#include <cstddef>

#include "core/memory/arena.hpp"
#include "core/memory/pool.hpp"
#include "event/loop.hpp"
#include "modules/http/protocol/chunked.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

// Taken from a per-thread list of free ones when a request begins, so that an idle connection has none.
// Buried when it is over: its handler may still be on the stack.
class Exchange final : public Buried {
    Arena arena_;  // first: the request lives in it and goes before it

 public:
    // `go_on` is called when a limited rate lets more be sent.
    Exchange(EventLoop& loop, const Cycle& cycle, Stream& stream, Callback<> go_on)
        : pace(go_on), request(loop, arena_, cycle, stream) {}

    // The request body as it comes.
    ChunkedDecoder chunks;
    std::uint64_t body_left = 0;  // of a Content-Length
    std::uint64_t body_taken = 0;
    Duration body_waited{0};  // for the client to send it
    bool body_done = true;
    bool body_broken = false;  // what still comes is not read as anything
    bool continue_sent = false;
    bool upgraded = false;  // what comes is no body, but another protocol
    Duration upgraded_idle{};
    IoBuffer body_in;  // what was read behind the buffer of the head
    std::size_t body_begin = 0;
    std::size_t body_end = 0;

    Timer pace;                    // of limit_rate: until it goes on
    TimePoint pace_from = kNever;  // since when the rate holds

    Request request;

    static void* operator new(std::size_t size);
    static void operator delete(void* memory) noexcept;
};

}  // namespace berth::http
