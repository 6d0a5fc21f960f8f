// WorkerLocal: what a module keeps for a worker: open files, buffers, timers.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "event/process/worker.hpp"

namespace berth {

// A thread has one worker, or with `master_process off` two while a reload drains the first; a cycle has one
// worker. Declare it `thread_local`. Filled in start_worker, emptied in stop_worker.
template <class T>
class WorkerLocal {
 public:
    template <class... A>
    T& start(Worker& worker, A&&... arguments) {
        all_.emplace_back(&worker.cycle(), std::make_unique<T>(std::forward<A>(arguments)...));
        return *all_.back().second;
    }
    void stop(const Worker& worker) {
        std::erase_if(all_, [&](const auto& entry) { return entry.first == &worker.cycle(); });
    }
    // Null where no worker of this cycle was started.
    T* find(const Cycle& cycle) const noexcept {
        for (const auto& [known, object] : all_) {
            if (known == &cycle) return object.get();
        }
        return nullptr;
    }

 private:
    std::vector<std::pair<const Cycle*, std::unique_ptr<T>>> all_;
};

}  // namespace berth
