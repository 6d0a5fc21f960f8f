// Which object accepts for which strategy.
#include "event/accept/accept_strategy.hpp"

#include "event/process/worker.hpp"

namespace berth {

std::unique_ptr<AcceptStrategy> make_accept_strategy(Worker& worker, const Listening::Entry& entry,
                                                     ListenerSet::Item& item) {
    ListenerCounters& counters = worker.row().listener(item.index);
    const Strategy strategy = worker.has_master() ? entry.strategy : Strategy::shared;
    int socket = item.listener->fd();
    switch (strategy) {
        case Strategy::reuseport: {
            if (const Listener* own = item.group_socket(worker.slot())) socket = own->fd();
            break;
        }
        case Strategy::handoff: return make_handoff_strategy(worker, item, counters);
        case Strategy::shared:
        case Strategy::proxy: break;
    }
    return make_shared_strategy(worker, *item.listener, socket, counters);
}

}  // namespace berth
