// Which object accepts for which strategy.
#include "event/accept/accept_strategy.hpp"

#include "event/accept/proxy.hpp"
#include "event/process/worker.hpp"

namespace berth {

std::unique_ptr<AcceptStrategy> make_accept_strategy(Worker& worker, const Listening::Entry& entry,
                                                     ListenerSet::Item& item, const Listener& socket) {
    ListenerCounters& counters = worker.row().listener(item.index);
    const Strategy strategy = worker.has_master() ? entry.strategy : Strategy::shared;
    switch (strategy) {
        // The workers of two generations watch a slot's socket for a moment, in turns as with any shared one.
        case Strategy::reuseport:
            return make_shared_strategy(worker, *item.listener, socket.fd(), counters, Waking::one);
        case Strategy::handoff: return make_handoff_strategy(worker, item, counters);
        case Strategy::shared: break;
        case Strategy::proxy:
            if (worker.is_front()) return make_front_strategy(worker, entry, item);
            return make_behind_front_strategy(worker, entry, item, worker.slot(), socket.fd());
    }
    return make_shared_strategy(worker, *item.listener, socket.fd(), counters, waking_of(worker));
}

}  // namespace berth
