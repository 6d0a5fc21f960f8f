// Relay: bytes both ways between two connections, until both directions have ended.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/system/file_descriptor.hpp"
#include "event/connection.hpp"

namespace berth {

// How a relay ended: each direction to its end (half-closes were carried through); a reset, or an error of
// one side, which was passed on to the other as a reset; nothing moved for the idle time; or somebody else
// closed one of the connections.
enum class RelayEnd : std::uint8_t { finished, reset, timed_out, closed };

struct RelayOptions {
    // Closed after so long without a byte in either direction.
    Duration idle{60'000};
    // The same, once the server has sent its end and only the client could still have something to say; when
    // the worker drains (Session::on_drain) at most a second. Meanwhile the connection is idle: when the pool
    // is short it goes.
    Duration client_rest{5'000};
    // The worker drains already: as if Session::on_drain had been called at once. It cannot be afterwards: by
    // the time start() returns, the relay may be over.
    bool hurried = false;
    // Bytes that came from the client already and go to the server before all others.
    std::string to_server;
    // Called once, from the loop, when both connections are closed.
    Callback<RelayEnd> ended;
};

// Makes itself the session of both connections, which are of one loop, and dies with them: nobody owns it.
// Bytes that a connection has put back (Connection::unread) go first. A server's answer that ends before the
// client's words is followed by a lingering close, so that the client sees it whole.
//
// Memory: none but this object while everything moves or nothing does; a receiver that is slow makes it keep
// at most kPiece bytes a direction (or what fits into one pipe, kPipe) and read no more until those have
// gone. Small messages are copied: one recv(2) and one send(2) each. A sender that fills a whole piece is
// spliced (splice(2)) through a pipe that is lent for as long as it lasts; not where a transport has to see
// the bytes (TLS).
class Relay {
 public:
    static constexpr std::size_t kPiece = 32 * 1024;
    static constexpr std::size_t kPipe = 256 * 1024;

    static void start(Connection& client, Connection& server, RelayOptions options);
    // So many pipes there are at most for all relays of this thread, from now on; the others copy.
    static void limit_pipes(std::size_t most) noexcept;

    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

 private:
    // What one connection sees of the relay.
    class Side final : public Session {
     public:
        Side(Relay& relay, bool client) noexcept : relay_(relay), client_(client) {}
        void on_readable() override { relay_.pump(relay_.from(client_)); }
        void on_writable() override { relay_.pump(relay_.from(!client_)); }
        void on_deadline() override { relay_.end(RelayEnd::timed_out); }
        void on_drain() override { relay_.hurry(); }
        // Of a client that has just begun to say something, unread bytes would have its answer cut off by a
        // reset.
        void on_evict() override {
            if (!connection().maybe_readable()) relay_.end(RelayEnd::closed);
        }
        void dispose() noexcept override { relay_.on_gone(client_); }

     private:
        Relay& relay_;
        const bool client_;
    };

    // One direction.
    struct Flow {
        Connection* from = nullptr;
        Connection* to = nullptr;
        std::string waiting;  // read, not yet sent
        Pipe pipe;            // lent while there is much to move
        std::size_t in_pipe = 0;
        bool at_end = false;  // `from` has sent its end
        bool done = false;    // and `to` was told, or takes nothing any more
    };
    enum class Step : std::uint8_t { more, wait, over };

    Relay(Connection& client, Connection& server, RelayOptions options);
    ~Relay() = default;

    Flow& from(bool client) noexcept { return client ? up_ : down_; }
    void pump(Flow& flow);
    Step advance(Flow& flow);
    Step flush(Flow& flow);
    Step read(Flow& flow);
    Step splice(Flow& flow);
    Step sent(Flow& flow, const IoResult& result);
    Step failed(Flow& flow);
    Step finish(Flow& flow);
    void discard(Flow& flow);
    void touch();
    void hurry();
    void take_pipe(Flow& flow);
    Pipe give_pipe(Flow& flow) noexcept;
    void return_pipe(Flow& flow) noexcept;
    void end(RelayEnd how);
    void on_gone(bool client) noexcept;

    Flow up_;                     // client to server
    Flow down_;                   // server to client
    ListenerCounters* counters_;  // the client's
    Duration idle_;
    Duration client_rest_;
    Callback<RelayEnd> ended_;
    RelayEnd end_ = RelayEnd::closed;
    bool hurried_ = false;
    bool ending_ = false;
    bool client_gone_ = false;
    bool server_gone_ = false;
    Side client_side_;
    Side server_side_;
};

}  // namespace berth
