// Session: the protocol that a connection speaks at the moment.
#pragma once

#include "event/loop.hpp"

namespace berth {

class Connection;

// A connection owns one session and can replace it by another: PROXY header, then TLS, then HTTP. All calls
// come from the loop's stack. A session may close the connection or replace itself in any of them: it is
// buried, so it still exists until the end of the turn, but is called no more. Destroying a session must not
// use the connection.
class Session : public Buried {
 public:
    // It has become the connection's session. If there may be bytes to read already, on_readable() follows in
    // this turn.
    virtual void on_start() {}
    // Bytes, the end of the stream or an error are there: recv() until would_block. Told once; see
    // Connection::poke().
    virtual void on_readable() = 0;
    // A send() that would have blocked can go on.
    virtual void on_writable() {}
    // The time of Connection::deadline() has come. By default the connection is closed.
    virtual void on_deadline();
    // The worker finishes: take no new work; close when nothing is under way. By default, close if idle.
    virtual void on_drain();
    // The worker is short of connections and this one is idle: close it now. One that must not be closed
    // after all is idle no more.
    virtual void on_evict();

    // The worker closes this connection after the call, whatever is under way: for what has to be said of
    // that.
    virtual void on_cut_off() {}

    Connection& connection() const noexcept { return *connection_; }

 private:
    friend class Connection;
    Connection* connection_ = nullptr;
};

}  // namespace berth
