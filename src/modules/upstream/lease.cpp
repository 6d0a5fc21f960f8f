// Leases hand everything on to the worker they come from.
#include "modules/upstream/lease.hpp"

#include <cerrno>

#include "core/system/shortage.hpp"
#include "modules/upstream/upstream.hpp"
#include "modules/upstream/upstream_worker.hpp"

namespace berth::upstream {

Failure connect_failure(int error_number) noexcept {
    switch (error_number) {
        case ECONNREFUSED:
        case ENOENT:  // a unix socket that is gone
        case EACCES:  // or that this process may not use
        case EPERM:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EHOSTDOWN:
        case ENETDOWN: return Failure::connect_refused;
        case ETIMEDOUT: return Failure::connect_timeout;
        case ECONNRESET:
        case EPIPE:
        case ECONNABORTED: return Failure::reset;
        default: return Failure::connect_failed;
    }
}

bool is_own_failure(int error_number) noexcept {
    return is_shortage(error_number) || error_number == EADDRINUSE || error_number == EADDRNOTAVAIL;
}

Lease::~Lease() {
    if (worker_ != nullptr) worker_->end(peer_, nullptr);
}

const Address& Lease::address() const noexcept { return worker_->local(peer_).address; }
bool Lease::is_live() const noexcept { return worker_->is_live(peer_); }
std::string_view Lease::name() const noexcept { return worker_->local(peer_).name; }

std::string_view Lease::cookie(Arena& arena) const {
    const Sticky* sticky = worker_->upstream().sticky.get();
    if (sticky == nullptr || sticky->by != Sticky::By::cookie || !new_route_) return {};
    return sticky->cookie(worker_->local(peer_).route, arena, worker_->loop().wall());
}

void Lease::learn(VariableHost& host) const {
    const Sticky* sticky = worker_->upstream().sticky.get();
    if (sticky != nullptr) sticky->learn(host, worker_->local(peer_).route, worker_->now());
}

Connection* Lease::take_idle(bool certain, const ConnectionUse& use) {
    return worker_->take_idle(peer_, certain, use);
}
void Lease::keep(Connection& connection, const ConnectionUse& use) { worker_->keep(peer_, connection, use); }

void Lease::end(const Report& report) {
    if (UpstreamWorker* worker = std::exchange(worker_, nullptr)) worker->end(peer_, &report);
}

}  // namespace berth::upstream
