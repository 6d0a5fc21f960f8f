// strategy=handoff, in a worker: the master accepts; this says which listener is served. Beside another
// strategy: a reload may have changed it while the master had connections.
#include "event/accept/accept_strategy.hpp"
#include "event/accept/handoff_receiver.hpp"
#include "event/process/worker.hpp"

namespace berth {

namespace {

class HandoffStrategy final : public AcceptStrategy {
 public:
    HandoffStrategy(Worker& worker, ListenerSet::Item& item, ListenerCounters& counters)
        : receiver_(worker.handoff()),
          listener_(*item.listener),
          number_(static_cast<std::uint32_t>(item.index)),
          counters_(counters) {}
    ~HandoffStrategy() override { receiver_.cease(number_); }

    void arm() override { resume(); }
    // What comes nevertheless is refused, and goes to other workers.
    void pause() noexcept override { receiver_.cease(number_); }
    void resume() noexcept override { receiver_.serve(number_, listener_, counters_); }
    void nudge() override {}

 private:
    HandoffReceiver& receiver_;
    Listener& listener_;
    std::uint32_t number_;
    ListenerCounters& counters_;
};

}  // namespace

std::unique_ptr<AcceptStrategy> make_handoff_strategy(Worker& worker, ListenerSet::Item& item,
                                                      ListenerCounters& counters) {
    return std::make_unique<HandoffStrategy>(worker, item, counters);
}

}  // namespace berth
