// What a session does when it has no opinion.
#include "event/session.hpp"

#include "event/connection.hpp"

namespace berth {

void Session::on_deadline() { connection().close(); }

void Session::on_drain() {
    if (connection().may_be_evicted()) connection().close();
}

void Session::on_evict() { connection().close(); }

}  // namespace berth
