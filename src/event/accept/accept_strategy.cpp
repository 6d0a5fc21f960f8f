// Which object accepts for which strategy.
#include "event/accept/accept_strategy.hpp"

#include "event/accept/reuseport.hpp"
#include "event/process/worker.hpp"

namespace berth {

std::unique_ptr<AcceptStrategy> make_accept_strategy(Worker& worker, const Listening::Entry& entry,
                                                     ListenerSet::Item& item) {
    ListenerCounters& counters = worker.row().listener(item.index);
    const Strategy strategy = worker.has_master() ? entry.strategy : Strategy::shared;
    switch (strategy) {
        case Strategy::reuseport: return make_reuseport_strategy(worker, item, counters);
        case Strategy::handoff: return make_handoff_strategy(worker, item, counters);
        case Strategy::shared:
        case Strategy::proxy: break;
    }
    return make_shared_strategy(worker, *item.listener, item.listener->fd(), counters, waking_of(worker));
}

}  // namespace berth
