// Which object accepts for which strategy.
#include "event/accept/accept_strategy.hpp"

#include "event/accept/proxy.hpp"
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
        case Strategy::shared: break;
        case Strategy::proxy:
            return worker.is_front() ? make_front_strategy(worker, entry, item)
                                     : make_behind_front_strategy(worker, entry, item);
    }
    return make_shared_strategy(worker, *item.listener, item.listener->fd(), counters, waking_of(worker));
}

}  // namespace berth
